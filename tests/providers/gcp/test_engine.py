"""The stand-in under the real engine, where the real plugin has a behaviour of its own that programs meet.

What is proved with it must hold on Google Cloud: which id is recorded when, what a failure leaves, whose labels count.
"""

import json
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pulumi
import pytest
from pulumi import automation

from infra.providers.install import install_stand_in
from tests.conformance.provider_cases.google import REGION, GoogleWorld
from tests.localcloud.gcp.cloud import LocalGcp
from tests.localcloud.gcp.serving import PLACE, served
from tests.providers.engine import Engine, failure

pytestmark = pytest.mark.slow
VERSION = "10.2.0"
TOPIC, BUCKET, SECRET = "gcp:pubsub/topic:Topic", "gcp:storage/bucket:Bucket", "gcp:secretmanager/secret:Secret"
ENDPOINT, SERVICE = "gcp:vertex/aiEndpoint:AiEndpoint", "gcp:cloudrunv2/service:Service"
MEMBER = "gcp:storage/bucketIAMMember:BucketIAMMember"
MEMBERS = 12


@pytest.fixture(scope="module")
def world(local_gcp: LocalGcp, tmp_path_factory: pytest.TempPathFactory) -> Iterator[GoogleWorld]:
    with served(tmp_path_factory.mktemp("gcp"), local_gcp.cloud.registry_url) as gcp:
        yield GoogleWorld(gcp)


@pytest.fixture(scope="module")
def engine(world: GoogleWorld, tmp_path_factory: pytest.TempPathFactory) -> Engine:
    engine = Engine(tmp_path_factory.mktemp("engine"), world.environment)
    install_stand_in(engine.pulumi, engine.home, "gcp")
    return engine


@pytest.fixture
def faults(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The file of faults of the local cloud in this process."""
    monkeypatch.setenv("STILE_LOCAL_HOME", str(tmp_path))
    return tmp_path / "faults.toml"


class GcpProvider(pulumi.ProviderResource):
    """An explicit provider, as `gcp.Provider` sends it: what is no text as JSON."""

    def __init__(self, name: str, **inputs: Any) -> None:
        texts = {key: json.dumps(value) for key, value in inputs.items()}
        super().__init__("gcp", name, texts, pulumi.ResourceOptions(version=VERSION))


def one(token: str, logical: str, /, **inputs: Any) -> None:
    """A program of one resource."""
    pulumi.CustomResource(token, logical, inputs, pulumi.ResourceOptions(version=VERSION))


def state(stack: automation.Stack, token: str) -> list[dict[str, Any]]:
    deployment = stack.export_stack().deployment
    assert deployment is not None
    return [row for row in deployment.get("resources", ()) if row["type"] == token]


def operations(call: Callable[..., Any], token: str) -> list[str]:
    """What the engine did to a type, in order."""
    found: list[str] = []

    def note(event: automation.EngineEvent) -> None:
        if event.resource_pre_event and event.resource_pre_event.metadata.type == token:
            found.append(event.resource_pre_event.metadata.op.value)

    call(on_event=note)
    return found


def test_a_program_of_the_sdk_goes_up_is_unchanged_and_goes_down(engine: Engine) -> None:
    """Unknown values as the SDK sends them; a preview before anything exists; up again after a destroy."""

    def program() -> None:
        import pulumi_gcp as gcp

        account = gcp.serviceaccount.Account("jobs", account_id="sdk-jobs")
        ring = gcp.kms.KeyRing("data", location=REGION)
        key = gcp.kms.CryptoKey("data", key_ring=ring.id, rotation_period="7776000s")
        bucket = gcp.storage.Bucket("data", location=REGION, labels={"owner": "one"}, force_destroy=True)
        gcp.storage.BucketIAMMember("jobs", bucket=bucket.name, role="roles/storage.admin", member=account.member)
        gcp.kms.CryptoKeyIAMMember("jobs", crypto_key_id=key.id, role="roles/viewer", member=account.member)
        role = gcp.projects.IAMCustomRole("own", role_id="sdk_own", title="own", permissions=["logging.logs.list"])
        gcp.projects.IAMMember("jobs", project="stile-local", role=role.name, member=account.member)
        secret = gcp.secretmanager.Secret("words", secret_id="sdk-words", replication={"auto": {}})
        gcp.secretmanager.SecretVersion("words", secret=secret.id, secret_data=pulumi.Output.secret("hush, hush"))
        pulumi.export("url", bucket.url)
        pulumi.export("email", account.email)

    stack = engine.stack("sdk", program)
    assert stack.preview().change_summary[automation.OpType.CREATE] == 10 + 1
    for _ in range(2):  # what Google keeps for weeks under its name must not stand in the way of the next `up`
        outputs = stack.up().outputs
        assert outputs["email"].value == "sdk-jobs@stile-local.iam.gserviceaccount.com"
        (bucket,) = state(stack, BUCKET)
        assert outputs["url"].value == f"gs://{bucket['outputs']['name']}"
        kept = [path.read_text() for path in engine.state.rglob("local-sdk.json")]
        assert kept
        assert not [text for text in kept if "hush" in text]
        stack.up(expect_no_changes=True)
        stack.refresh(expect_no_changes=True)
        stack.destroy()


def labelled(default: dict[str, str], labels: dict[str, str]) -> None:
    provider = GcpProvider("it", defaultLabels=default)
    options = pulumi.ResourceOptions(provider=provider, version=VERSION)
    pulumi.CustomResource(
        SECRET, "it", {"secretId": "labelled", "replication": {"auto": {}}, "labels": labels}, options
    )


def test_labels_of_the_provider_and_of_others_are_not_the_programs(engine: Engine, world: GoogleWorld) -> None:
    """The provider adds its own; what others add is kept over every update, and is no difference."""
    mark = {"goog-pulumi-provisioned": "true"}
    stack = engine.stack("labels", partial(labelled, {"team": "ml", "both": "theirs"}, {"own": "1", "both": "mine"}))
    stack.up()
    (secret,) = state(stack, SECRET)
    ours = {"own": "1", "both": "mine", "team": "ml", **mark}
    assert secret["outputs"]["labels"] == {"own": "1", "both": "mine"}
    assert secret["outputs"]["pulumiLabels"] == secret["outputs"]["effectiveLabels"] == ours

    body = {"labels": {**ours, "cost": "by-others"}}
    world.call("secretmanager.v1", "projects.secrets.patch", name=secret["id"], updateMask="labels", body=body)
    stack.refresh()
    assert operations(stack.preview, SECRET) == ["same"]
    stack.workspace.program = partial(labelled, {"team": "ops"}, {"own": "2"})
    assert operations(stack.up, SECRET) == ["update"]
    live = world.call("secretmanager.v1", "projects.secrets.get", name=secret["id"])["labels"]
    assert live == {"own": "2", "team": "ops", "cost": "by-others", **mark}
    stack.destroy()


def crowd(bucket: str, most: int) -> None:
    for number in range(most):
        member = {"bucket": bucket, "role": "roles/storage.objectViewer", "member": f"user:{number}@example.com"}
        one(MEMBER, f"m-{number}", **member)


def test_members_that_are_added_at_once_are_all_there(engine: Engine, world: GoogleWorld) -> None:
    """Each rewrites the whole policy: one that wrote what it read before another would take that one out."""
    bucket = world.bucket("crowded")
    stack = engine.stack("crowd", partial(crowd, bucket, MEMBERS))

    def members() -> set[str]:
        policy = world.call("storage.v1", "buckets.getIamPolicy", bucket=bucket)
        found = [each["members"] for each in policy["bindings"] if each["role"] == "roles/storage.objectViewer"]
        return set(found[0]) if found else set()

    stack.up()
    assert members() == {f"user:{number}@example.com" for number in range(MEMBERS)}
    stack.workspace.program = partial(crowd, bucket, 1)
    stack.up()
    assert members() == {"user:0@example.com"}
    stack.refresh(expect_no_changes=True)
    stack.destroy()
    assert members() == set()


def test_a_bucket_with_objects_is_not_deleted_unless_forced(engine: Engine, world: GoogleWorld) -> None:
    stack = engine.stack("full", partial(one, BUCKET, "it", location=REGION))
    stack.up()
    (bucket,) = state(stack, BUCKET)
    url = f"/upload/storage/v1/b/{bucket['id']}/o"
    world.gcp.http.post(url, params={"uploadType": "media", "name": "it"}, content=b"it").raise_for_status()
    with pytest.raises(automation.errors.CommandError, match="not empty"):
        stack.destroy()
    assert len(state(stack, BUCKET)) == 1
    stack.workspace.program = partial(one, BUCKET, "it", location=REGION, forceDestroy=True)
    assert operations(stack.up, BUCKET) == ["update"]
    stack.destroy()
    assert state(stack, BUCKET) == []


def test_operations_that_fail_leave_the_state_as_it_was_and_slow_ones_are_waited_for(
    engine: Engine, faults: Path
) -> None:
    """As most types of the real plugin: an id counts only once the operation that makes it has ended well."""
    faults.write_text('[[fault]]\nmachine = "endpoint"\naction = "create"\nreason = "no machines left"\n')
    program = partial(one, ENDPOINT, "it", name="77", displayName="it", location=REGION)
    assert "no machines left" in failure(engine, "failing", program)
    stack = engine.stack("failing", program)
    assert state(stack, ENDPOINT) == []

    faults.write_text(
        '[[fault]]\nmachine = "endpoint"\naction = "create"\ndelay_seconds = 1.5\n'
        '[[fault]]\nmachine = "endpoint"\naction = "delete"\nreason = "still busy"\n'
    )
    stack.up()
    with pytest.raises(automation.errors.CommandError, match="still busy"):
        stack.destroy()
    (endpoint,) = state(stack, ENDPOINT)
    assert endpoint["id"] == f"{PLACE}/endpoints/77"
    assert endpoint["outputs"]["createTime"]
    faults.unlink()
    stack.destroy()


def test_an_operation_that_outlasts_its_timeout_fails(engine: Engine, faults: Path) -> None:
    faults.write_text('[[fault]]\nmachine = "endpoint"\naction = "create"\ndelay_seconds = 60\n')
    assert "timeout while waiting" in failure(engine, "timeout", partial(_timed, "79"))
    assert state(engine.stack("timeout", partial(_timed, "79")), ENDPOINT) == []


def _timed(name: str) -> None:
    options = pulumi.ResourceOptions(version=VERSION, custom_timeouts=pulumi.CustomTimeouts(create="1s"))
    pulumi.CustomResource(ENDPOINT, "it", {"name": name, "displayName": "it", "location": REGION}, options)


def service(description: str) -> None:
    template = {"containers": [{"image": "us-docker.pkg.dev/stile-local/images/hello:1"}]}
    given = {"name": "failing", "location": REGION, "deletionProtection": False, "description": description}
    one(SERVICE, "it", template=template, **given)


def test_a_service_that_fails_to_start_or_to_change_is_recorded_and_not_taken_for_done(
    engine: Engine, faults: Path
) -> None:
    """Unlike most types: on Cloud Run a service that failed is there, and must be deleted.

    The state tells of it, a refresh what is live, and the next update makes it good.
    """
    fault = '[[fault]]\nmachine = "service"\naction = "{}"\nreason = "the container did not start"\n'
    faults.write_text(fault.format("create"))
    assert "did not start" in failure(engine, "service", partial(service, "first"))
    stack = engine.stack("service", partial(service, "first"))
    (found,) = state(stack, SERVICE)
    assert found["id"] == f"{PLACE}/services/failing"
    assert len(found["initErrors"]) == 1
    stack.refresh()
    assert state(stack, SERVICE)[0]["id"] == f"{PLACE}/services/failing"

    faults.unlink()
    stack.up()
    faults.write_text(fault.format("update"))
    stack.up()
    assert "did not start" in failure(engine, "service", partial(service, "second"))
    assert len(state(stack, SERVICE)[0]["initErrors"]) == 1
    faults.unlink()
    stack.workspace.program = partial(service, "second")
    assert operations(stack.up, SERVICE) == ["update"]
    stack.up(expect_no_changes=True)
    stack.destroy()


def test_a_stopped_cloud_fails_the_refresh_and_keeps_the_state(
    engine: Engine, world: GoogleWorld, tmp_path: Path
) -> None:
    """Taking silence for absence would empty the state."""
    folder = tmp_path / "engine"
    alive = Engine(folder, world.environment)
    install_stand_in(alive.pulumi, alive.home, "gcp")
    program = partial(one, TOPIC, "it")
    alive.stack("gone", program).up()
    dead = Engine(folder, {**world.environment, "STILE_GCP_ENDPOINT": "http://127.0.0.1:1"})
    with pytest.raises(automation.errors.CommandError, match="could not connect"):
        dead.stack("gone", program).refresh()
    stack = alive.stack("gone", program)
    assert len(state(stack, TOPIC)) == 1
    stack.destroy()
