"""The stand-in under the real engine, where the real plugin has a behaviour of its own that programs meet.

What is proved with it must hold on AWS: which id is recorded when, what a failure leaves, in which order things go.
"""

import json
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pulumi
import pytest
from pulumi import automation

from infra.providers.install import install_stand_in
from infra.providers.kit.values import SIGNATURE_KEY
from tests.localcloud.cloud import LocalAws
from tests.localcloud.endpoint_ground import SERVER, Serving
from tests.localcloud.job_images import TRUST, ground
from tests.providers.engine import Engine, attempt, failure

pytestmark = pytest.mark.slow
VERSION = "7.51.1"
ROLE = "aws:iam/role:Role"
TRUST_TEXT = json.dumps(TRUST)


@pytest.fixture(scope="module")
def engine(local_aws: LocalAws, tmp_path_factory: pytest.TempPathFactory) -> Engine:
    engine = Engine(tmp_path_factory.mktemp("engine"), local_aws.environment)
    install_stand_in(engine.pulumi, engine.home)
    return engine


@pytest.fixture(scope="module")
def serving(local_aws: LocalAws, crane: str, tmp_path_factory: pytest.TempPathFactory) -> Serving:
    return Serving(local_aws, ground(local_aws, crane, tmp_path_factory.mktemp("image"), SERVER))


class AwsProvider(pulumi.ProviderResource):
    """An explicit provider, as `aws.Provider` sends it: what is no text as JSON."""

    def __init__(self, name: str, **inputs: Any) -> None:
        texts = {key: json.dumps(value) for key, value in inputs.items()}
        super().__init__("aws", name, texts, pulumi.ResourceOptions(version=VERSION))


def one(token: str, logical: str, /, **inputs: Any) -> None:
    """A program of one resource."""
    pulumi.CustomResource(token, logical, inputs, pulumi.ResourceOptions(version=VERSION))


def state(stack: automation.Stack, token: str) -> list[dict[str, Any]]:
    deployment = stack.export_stack().deployment
    assert deployment is not None
    return [row for row in deployment["resources"] if row["type"] == token]


def operations(call: Callable[..., Any], token: str) -> list[str]:
    """What the engine did to a type, in order."""
    found: list[str] = []

    def note(event: automation.EngineEvent) -> None:
        if event.resource_pre_event and event.resource_pre_event.metadata.type == token:
            found.append(event.resource_pre_event.metadata.op.value)

    call(on_event=note)
    return found


def test_the_sdks_own_classes_work(engine: Engine) -> None:
    """Names, enums and unknown values as the SDK sends them; a preview before anything exists."""

    def program() -> None:
        import pulumi_aws as aws

        bucket = aws.s3.Bucket("data", force_destroy=True)
        aws.s3.BucketVersioning(
            "data",
            bucket=bucket.id,
            versioning_configuration=aws.s3.BucketVersioningVersioningConfigurationArgs(status="Enabled"),
        )
        service = aws.iam.GetPolicyDocumentStatementPrincipalArgs(
            type="Service", identifiers=["sagemaker.amazonaws.com"]
        )
        trust = aws.iam.get_policy_document(
            statements=[aws.iam.GetPolicyDocumentStatementArgs(actions=["sts:AssumeRole"], principals=[service])]
        )
        role = aws.iam.Role("jobs", assume_role_policy=trust.json)
        allowed = {"Effect": "Allow", "Action": "s3:GetObject", "Resource": bucket.arn}
        aws.iam.RolePolicy("jobs", role=role.name, policy={"Version": "2012-10-17", "Statement": [allowed]})
        pulumi.export("account", aws.get_caller_identity().account_id)
        pulumi.export("region", aws.get_region().region)
        pulumi.export("partition", aws.get_partition().partition)

    stack = engine.stack("sdk", program)
    assert stack.preview().change_summary[automation.OpType.CREATE] == 5
    outputs = stack.up().outputs
    assert [outputs[name].value for name in ("account", "region", "partition")] == ["000000000000", "us-east-1", "aws"]
    (policy,) = state(stack, "aws:iam/rolePolicy:RolePolicy")
    (bucket,) = state(stack, "aws:s3/bucket:Bucket")
    assert bucket["outputs"]["arn"] in policy["outputs"]["policy"]
    stack.up(expect_no_changes=True)
    stack.destroy()


def test_a_name_of_the_programs_own_is_replaced_delete_first_and_a_made_one_create_first(
    engine: Engine, local_aws: LocalAws
) -> None:
    name = local_aws.name("named")
    for inputs, expected in (
        ({"name": name}, ["delete-replaced", "replace", "create-replacement"]),
        ({}, ["create-replacement", "replace", "delete-replaced"]),
    ):
        stack = engine.stack(f"order-{len(inputs)}", partial(one, ROLE, "it", assumeRolePolicy=TRUST_TEXT, **inputs))
        stack.up()
        stack.workspace.program = partial(one, ROLE, "it", assumeRolePolicy=TRUST_TEXT, path="/other/", **inputs)
        assert operations(stack.up, ROLE) == expected
        stack.destroy()


def tagged(default: dict[str, str], ignored: list[str]) -> None:
    provider = AwsProvider("it", defaultTags={"tags": default}, ignoreTags={"keys": ignored})
    options = pulumi.ResourceOptions(provider=provider, version=VERSION)
    inputs = {"assumeRolePolicy": TRUST_TEXT, "tags": {"own": "1", "both": "mine"}}
    pulumi.CustomResource(ROLE, "it", {**inputs, "arn": None}, options)


def test_the_providers_tags_reach_every_resource_and_ignored_ones_are_not_seen(
    engine: Engine, local_aws: LocalAws
) -> None:
    stack = engine.stack("tags", partial(tagged, {"both": "theirs", "team": "ml"}, ["cost"]))
    stack.up()
    (role,) = state(stack, ROLE)
    assert role["outputs"]["tags"] == {"own": "1", "both": "mine"}
    assert role["outputs"]["tagsAll"] == {"own": "1", "both": "mine", "team": "ml"}

    iam = local_aws.client("iam")
    iam.tag_role(RoleName=role["id"], Tags=[{"Key": "cost", "Value": "by others"}])
    stack.refresh(expect_no_changes=True)

    stack.workspace.program = partial(tagged, {"both": "theirs", "team": "ops"}, ["cost"])
    assert operations(stack.up, ROLE) == ["update"]
    live = {tag["Key"]: tag["Value"] for tag in iam.list_role_tags(RoleName=role["id"])["Tags"]}
    assert live == {"own": "1", "both": "mine", "team": "ops", "cost": "by others"}
    stack.destroy()


def test_a_secret_tag_is_secret_in_all_tags_too(engine: Engine) -> None:
    def program() -> None:
        one(ROLE, "it", assumeRolePolicy=TRUST_TEXT, tags={"pin": pulumi.Output.secret("hush")})

    stack = engine.stack("secret", program)
    stack.up()
    stack.refresh()
    (role,) = state(stack, ROLE)
    for part in ("inputs", "outputs"):
        shown = json.dumps({key: value for key, value in role[part].items() if SIGNATURE_KEY not in json.dumps(value)})
        assert "hush" not in shown
    stack.destroy()


def test_a_stopped_cloud_fails_the_refresh_and_keeps_the_state(
    engine: Engine, local_aws: LocalAws, tmp_path: Path
) -> None:
    """Taking silence for absence would empty the state."""
    folder = tmp_path / "engine"
    alive = Engine(folder, local_aws.environment)
    install_stand_in(alive.pulumi, alive.home)
    program = partial(one, ROLE, "it", assumeRolePolicy=TRUST_TEXT)
    alive.stack("gone", program).up()
    dead = Engine(folder, {**local_aws.environment, "AWS_ENDPOINT_URL": "http://127.0.0.1:1"})
    with pytest.raises(automation.errors.CommandError, match="Could not connect"):
        dead.stack("gone", program).refresh()
    stack = alive.stack("gone", program)
    assert len(state(stack, ROLE)) == 1
    stack.destroy()


def test_an_endpoint_that_fails_to_start_is_not_recorded_but_stays_behind(engine: Engine, serving: Serving) -> None:
    """As the real plugin: it records the id only once the endpoint is in service."""
    name = serving.aws.name("failing")
    token = "aws:sagemaker/endpoint:Endpoint"
    program = partial(one, token, "it", name=name, endpointConfigName=serving.config(("broken", 1.0)))
    assert "unexpected state 'Failed'" in failure(engine, "failing", program)
    assert serving.sagemaker.describe_endpoint(EndpointName=name)["EndpointStatus"] == "Failed"
    assert state(engine.stack("failing", program), token) == []
    assert "already" in failure(engine, "failing", program)
    serving.delete(name)


def test_an_endpoint_update_that_rolls_back_is_never_taken_for_done(engine: Engine, serving: Serving) -> None:
    """As the real plugin, which sees the rollback in one poll or misses it between two.

    Seen, it fails and leaves the planned values in the state; missed, it succeeds and records what is live. Either way
    a refresh tells what is live, and the next preview shows the change again.
    """
    token = "aws:sagemaker/endpoint:Endpoint"
    good, broken = serving.config(("good", 1.0)), serving.config(("broken", 1.0))
    engine.stack("rollback", partial(one, token, "it", endpointConfigName=good)).up()
    worse = partial(one, token, "it", endpointConfigName=broken)
    said = attempt(engine, "rollback", worse)
    stack = engine.stack("rollback", worse)
    (endpoint,) = state(stack, token)
    assert endpoint["outputs"]["endpointConfigName"] == (broken if said else good)
    assert len(endpoint.get("initErrors", ())) == bool(said)
    serving.settled(endpoint["id"])
    stack.refresh()
    (endpoint,) = state(stack, token)
    assert endpoint["outputs"]["endpointConfigName"] == good
    assert operations(stack.preview, token) == ["update"]
    stack.destroy()
