"""`stile:endpoint:Live`: an update that ends well means that what is live is what was asked, and nothing less."""

from collections.abc import Iterator
from typing import Any

import pytest

from infra.providers.kit.resource import (
    Cancelled,
    Change,
    CheckCall,
    CreateCall,
    DeleteCall,
    DiffCall,
    InitFailed,
    PluginError,
    ReadCall,
    UpdateCall,
)
from infra.providers.kit.values import UNKNOWN
from infra.providers.stile.live import Live
from tests.providers.stile.conftest import Listening
from tests.providers.stile.small_aws import Refusal, SmallAws

URN = "urn:pulumi:dev::demo::stile:endpoint:Live::flights"
ASKED = {"cloud": "aws", "endpointName": "flights", "asked": "config-4", "modelVersion": "4", "region": "us-east-1"}
ARN = "arn:aws:sagemaker:us-east-1:000000000000:endpoint/flights"


@pytest.fixture
def live(plugin: Listening, aws: SmallAws) -> Live:
    """The resource type; configuration `config-N` has a model of version N, `bare` has one without a version."""

    def config(request: dict[str, Any]) -> dict[str, Any]:
        name = request["EndpointConfigName"]
        variant = {"VariantName": "main", "ModelName": name.replace("config", "model")}
        return {
            "EndpointConfigName": name,
            "EndpointConfigArn": ARN,
            "ProductionVariants": [variant],
            "CreationTime": 1,
        }

    def model(request: dict[str, Any]) -> dict[str, Any]:
        name, _, version = request["ModelName"].partition("-")
        environment = {"STILE_MODEL_VERSION": version} if version else {}
        return {"ModelName": name, "ModelArn": ARN, "CreationTime": 1, "PrimaryContainer": {"Environment": environment}}

    aws.answers |= {"DescribeEndpointConfig": config, "DescribeModel": model}
    return Live(plugin)


def endpoint(aws: SmallAws, *states: tuple[str, str], reason: str = "") -> None:
    """Let the endpoint go through these (status, configuration); the last one stays."""
    coming: Iterator[tuple[str, str]] = iter(states)
    now = states[-1]

    def describe(request: dict[str, Any]) -> dict[str, Any]:
        status, config = next(coming, now)
        answer = {"EndpointName": "flights", "EndpointArn": ARN, "EndpointConfigName": config, "EndpointStatus": status}
        return {**answer, "CreationTime": 1, "LastModifiedTime": 1} | ({"FailureReason": reason} if reason else {})

    aws.answers["DescribeEndpoint"] = describe


def create(live: Live, **changes: Any) -> dict[str, Any]:
    made = live.create(CreateCall(URN, "flights", {**ASKED, **changes}))
    assert made.id == "flights"
    return made.outputs


def test_what_was_asked_passes(live: Live, aws: SmallAws) -> None:
    endpoint(aws, ("InService", "config-4"))
    assert create(live) == {**ASKED, "live": "config-4", "liveVersion": "4"}


def test_it_holds_until_the_endpoint_settles(live: Live, aws: SmallAws, plugin: Listening) -> None:
    endpoint(aws, ("Updating", "config-3"), ("InService", "config-4"))
    assert create(live)["live"] == "config-4"
    assert plugin.heard.messages == ["flights is Updating"]


def test_a_roll_back_that_ended_in_service_fails_and_names_both(live: Live, aws: SmallAws) -> None:
    """The provider reports success when a rollback ended between two of its polls (terraform-provider-aws#48997)."""
    endpoint(aws, ("RollingBack", "config-3"), ("InService", "config-3"), reason="alarm latency went off")
    with pytest.raises(InitFailed) as failed:
        create(live)
    assert str(failed.value) == (
        "flights does not serve what was asked: asked for config-4 with model version 4, "
        "live is config-3 with model version 3; its status is InService; FailureReason: alarm latency went off"
    )
    assert failed.value.id == "flights"
    assert failed.value.outputs["live"] == "config-3"


@pytest.mark.parametrize("status", ["Failed", "OutOfService", "UpdateRollbackFailed"])
def test_the_right_configuration_out_of_service_fails(live: Live, aws: SmallAws, status: str) -> None:
    endpoint(aws, (status, "config-4"))
    with pytest.raises(InitFailed, match=f"its status is {status}"):
        create(live)


def test_the_right_configuration_with_another_model_version_fails(live: Live, aws: SmallAws) -> None:
    endpoint(aws, ("InService", "config-4"))
    with pytest.raises(InitFailed, match=r"asked for config-4 with model version 5.*live is config-4 with .* 4"):
        create(live, modelVersion="5")
    endpoint(aws, ("InService", "bare"))
    with pytest.raises(InitFailed, match="live is bare with no model version"):
        create(live, asked="bare")


def test_an_update_is_held_to_the_same(live: Live, aws: SmallAws) -> None:
    endpoint(aws, ("InService", "config-3"))
    with pytest.raises(InitFailed, match="live is config-3"):
        live.update(UpdateCall(URN, "flights", "flights", olds={}, inputs=dict(ASKED)))


def test_an_endpoint_that_never_settles_fails_with_its_status(live: Live, aws: SmallAws) -> None:
    endpoint(aws, ("Updating", "config-4"))
    with pytest.raises(InitFailed, match="its status is Updating"):
        live.create(CreateCall(URN, "flights", dict(ASKED), timeout_seconds=0.1))


def test_no_endpoint_is_an_error_at_create_and_gone_at_read(live: Live, aws: SmallAws) -> None:
    def missing(request: dict[str, Any]) -> dict[str, Any]:
        raise Refusal("ValidationException", f'Could not find endpoint "{ARN}".')

    aws.answers["DescribeEndpoint"] = missing
    with pytest.raises(PluginError, match="there is no endpoint flights"):
        create(live)
    assert live.read(ReadCall(URN, "flights", "flights", inputs=dict(ASKED))) is None


def test_a_refusal_is_not_taken_for_gone(live: Live, aws: SmallAws) -> None:
    def refuse(request: dict[str, Any]) -> dict[str, Any]:
        raise Refusal("AccessDeniedException", "not yours")

    aws.answers["DescribeEndpoint"] = refuse
    with pytest.raises(PluginError, match="not yours"):
        live.read(ReadCall(URN, "flights", "flights", inputs=dict(ASKED)))


def test_what_was_found_live_shows_as_a_difference(live: Live, aws: SmallAws) -> None:
    endpoint(aws, ("InService", "config-9"))
    found = live.read(ReadCall(URN, "flights", "flights", inputs=dict(ASKED)))
    assert found is not None
    assert (found.outputs["live"], found.outputs["liveVersion"]) == ("config-9", "9")
    difference = live.diff(DiffCall(URN, "flights", olds=found.outputs, news=dict(ASKED)))
    assert difference.changes == {"live": Change.UPDATE, "liveVersion": Change.UPDATE}


def test_another_release_is_an_update_and_another_endpoint_a_replacement(live: Live) -> None:
    olds = {**ASKED, "live": "config-4", "liveVersion": "4"}
    assert live.diff(DiffCall(URN, "flights", olds, dict(ASKED))).changes == {}
    release = live.diff(DiffCall(URN, "flights", olds, {**ASKED, "asked": "config-5", "modelVersion": "5"}))
    assert release.changes == {"asked": Change.UPDATE, "modelVersion": Change.UPDATE}
    other = live.diff(DiffCall(URN, "flights", olds, {**ASKED, "endpointName": "others"}))
    assert other.changes == {"endpointName": Change.UPDATE_REPLACE}


def test_a_preview_asks_nobody(live: Live, aws: SmallAws) -> None:
    preview = live.create(CreateCall(URN, "flights", {**ASKED, "asked": UNKNOWN}, preview=True))
    assert preview.outputs["live"] is UNKNOWN
    assert aws.asked == []


def test_wrong_inputs_are_refused_by_name(live: Live) -> None:
    news = {**ASKED, "cloud": "azure", "modelVersion": None, "surplus": 1}
    failures = live.check(CheckCall(URN, "flights", news)).failures
    assert [failure.property for failure in failures] == ["modelVersion", "surplus", "cloud"]


def test_a_cancelled_wait_ends(live: Live, aws: SmallAws, plugin: Listening) -> None:
    endpoint(aws, ("Creating", "config-4"))
    plugin.cancelled.set()
    with pytest.raises(Cancelled, match="stopped while flights was Creating"):
        create(live)


def test_delete_touches_nothing(live: Live, aws: SmallAws, plugin: Listening) -> None:
    live.delete(DeleteCall(URN, "flights", "flights", outputs={}))
    assert aws.asked == []
    assert plugin.heard.messages == ["no longer checks what is live at flights; the endpoint is not touched"]
