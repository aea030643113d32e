"""What is sent for a change: what the cloud once chose stays chosen, and the mask names what changed."""

from threading import Event
from typing import Any

import pytest

from infra.providers.gcp.calls import Calls
from infra.providers.gcp.cloud import Cloud
from infra.providers.gcp.label_rules import LabelRules
from infra.providers.gcp.tables import find
from infra.providers.kit.values import Properties

POLICY, BUCKET, TOPIC = "gcp:monitoring/alertPolicy:AlertPolicy", "gcp:storage/bucket:Bucket", "gcp:pubsub/topic:Topic"
MARK = {"goog-pulumi-provisioned": "true"}


def sent(token: str, recorded: Properties, inputs: Properties, *changed: str) -> dict[str, Any]:
    """The arguments of the type's first update."""
    table = find(token)
    cloud = Cloud("http://127.0.0.1:1", "ours", "us-central1")
    calls = Calls(table, cloud, LabelRules(), Event(), recorded, None)
    update = table.updates[0]
    names = [name for name in (inputs if update.send == "all" else changed) if name in table.fields]
    return calls.arguments(update, inputs, names, {"id": "it"}, changed)


def test_a_condition_keeps_the_name_that_google_gave_it() -> None:
    """Without it a change of a threshold would close the incidents of the condition."""
    condition = {"displayName": "many", "conditionThreshold": {"comparison": "COMPARISON_GT", "duration": "0s"}}
    recorded = {"conditions": [{**condition, "name": "projects/ours/alertPolicies/1/conditions/2"}]}
    changed = {**condition, "displayName": "too many"}
    args = sent(POLICY, recorded, {"conditions": [changed], "displayName": "it"}, "conditions")
    assert args["conditions"] == [{**changed, "name": "projects/ours/alertPolicies/1/conditions/2"}]
    assert args["updateMask"] == "conditions"


def test_a_whole_service_is_sent_with_what_google_filled_in() -> None:
    """As the official provider does; the method takes the whole of it."""
    container = {"image": "it:1", "ports": {"containerPort": 8080, "name": "http1"}}
    recorded = {"launchStage": "GA", "template": {"timeout": "300s", "containers": [container]}, "uid": "theirs"}
    inputs = {"description": "new", "template": {"containers": [{"image": "it:2"}]}}
    args = sent("gcp:cloudrunv2/service:Service", recorded, inputs, "description", "template")
    ports = [{"containerPort": 8080, "name": "http1"}]
    template = {"timeout": "300s", "containers": [{"image": "it:2", "ports": ports}]}
    assert args == {"name": "it", "description": "new", "launchStage": "GA", "template": template}


def test_the_program_wins_over_what_was_chosen() -> None:
    recorded = {"conditions": [{"displayName": "old", "name": "theirs"}, {"displayName": "gone", "name": "other"}]}
    args = sent(POLICY, recorded, {"conditions": [{"displayName": "new", "name": "mine"}]}, "conditions")
    assert args["conditions"] == [{"displayName": "new", "name": "mine"}]


def test_what_the_program_no_longer_gives_is_null_in_a_merge_and_absent_under_a_mask() -> None:
    recorded = {
        "versioning": {"enabled": True},
        "effectiveLabels": {"a": "1", **MARK},
        "pulumiLabels": {"a": "1", **MARK},
    }
    args = sent(BUCKET, recorded, {}, "versioning", "labels")
    assert args == {"bucket": "it", "versioning": None, "labels": {"a": None, **MARK}}
    args = sent(TOPIC, recorded, {"messageRetentionDuration": "60s"}, "labels", "kmsKeyName")
    assert args["topic"] == {"messageRetentionDuration": "60s", "labels": MARK}
    assert args["updateMask"] == "kmsKeyName,labels"


@pytest.mark.parametrize("held", [{}, {"a": "1"}])
def test_a_mark_that_somebody_took_off_is_not_added_again(held: dict[str, str]) -> None:
    """As the real provider, which marks what it makes and nothing else."""
    recorded = {"effectiveLabels": held, "pulumiLabels": held}
    assert sent(TOPIC, recorded, {"labels": {"a": "2"}}, "labels")["topic"]["labels"] == {"a": "2"}
