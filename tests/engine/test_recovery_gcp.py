"""What an interrupted create may have made in Google Cloud is found again: by its name, or by what it is called."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

import pytest

from infra.engine.lookups import UnknowableError
from infra.engine.lookups_gcp import ACCOUNT, LISTED, GoogleLookups
from infra.engine.session import Session
from infra.environments import Environment
from infra.localcloud.launch import LocalCloud
from infra.providers.gcp import tables
from infra.toolchain import Toolchain
from tests.conformance.provider_cases.google import GoogleWorld
from tests.localcloud.gcp.cloud import LocalGcp
from tests.localcloud.gcp.serving import PLACE, PROJECT, served
from tests.providers.table_walks import names

BOARD = "gcp:monitoring/dashboard:Dashboard"
CHANNEL = "gcp:monitoring/notificationChannel:NotificationChannel"
MEMBER = "gcp:pubsub/topicIAMMember:TopicIAMMember"
ROLE = "gcp:projects/iAMCustomRole:IAMCustomRole"
SERVICE = "gcp:cloudrunv2/service:Service"
VERSION = "gcp:secretmanager/secretVersion:SecretVersion"


@pytest.fixture(scope="module")
def world(local_gcp: LocalGcp, tmp_path_factory: pytest.TempPathFactory) -> Iterator[GoogleWorld]:
    with served(tmp_path_factory.mktemp("gcp"), local_gcp.cloud.registry_url) as gcp:
        yield GoogleWorld(gcp)


@pytest.fixture
def lookups(world: GoogleWorld, tmp_path: Path) -> GoogleLookups:
    """Lookups in the local cloud; of the session only the way there is used."""
    url = world.gcp.cloud.endpoint_url
    cloud = LocalCloud("gcp", 0, "boot", url, url, tmp_path, tmp_path / "log")
    stacks = tmp_path / "stacks"
    stacks.mkdir()
    (stacks / "Pulumi.local-gcp.yaml").write_text("config: {stile:cloud: gcp}\n")
    tools = Toolchain(tmp_path / "pulumi", tmp_path / "crane", tmp_path, "3.259.0", "0.20.2")
    environment = Environment("local-gcp", "gcp", tmp_path, tmp_path / ".stile")
    return GoogleLookups(Session(environment, tools, cloud, cast("Any", None)))


def test_what_a_name_gives_an_id_is_found_once_it_is_there(lookups: GoogleLookups, world: GoogleWorld) -> None:
    member = {"topic": "found", "role": "roles/pubsub.publisher", "member": "user:a@example.com"}
    address = "found-here@stile-local.iam.gserviceaccount.com"
    wanted: list[tuple[str, dict[str, Any], str]] = [
        ("gcp:storage/bucket:Bucket", {"name": "found"}, "found"),
        ("gcp:pubsub/topic:Topic", {"name": "found"}, f"{PROJECT}/topics/found"),
        (ACCOUNT, {"accountId": "found-here"}, f"{PROJECT}/serviceAccounts/{address}"),
        ("gcp:secretmanager/secret:Secret", {"secretId": "found"}, f"{PROJECT}/secrets/found"),
        (SERVICE, {"name": "found", "location": "us-central1"}, f"{PLACE}/services/found"),
        (MEMBER, member, f"{PROJECT}/topics/found/roles/pubsub.publisher/user:a@example.com"),
    ]
    assert [lookups.find(token, inputs) for token, inputs, _ in wanted] == [None] * len(wanted)
    world.bucket("found")
    topic = world.topic("found")
    world.account("found-here")
    world.secret("found")
    world.service("found")
    assert lookups.find(MEMBER, member) is None
    policy = {"bindings": [{"role": member["role"], "members": [member["member"]]}]}
    world.call("pubsub.v1", "projects.topics.setIamPolicy", resource=topic, body={"policy": policy})
    assert [lookups.find(token, inputs) for token, inputs, _ in wanted] == [identity for _, _, identity in wanted]
    assert lookups.passing(SERVICE, f"{PLACE}/services/found") == ""
    assert lookups.failed(SERVICE, f"{PLACE}/services/found") == ""


def test_what_has_an_id_of_the_clouds_is_found_by_what_it_is_called(lookups: GoogleLookups, world: GoogleWorld) -> None:
    """The newest that is nobody's."""
    labels = {"email_address": "a@example.com"}
    inputs = {"displayName": "it", "type": "email", "labels": labels}
    assert lookups.find(CHANNEL, inputs) is None
    create = "projects.notificationChannels.create"
    made = [world.call("monitoring.v3", create, name=PROJECT, body=inputs)["name"] for _ in range(2)]
    world.call("monitoring.v3", create, name=PROJECT, body={**inputs, "labels": {"email_address": "b@example.com"}})
    assert lookups.find(CHANNEL, inputs) in made
    assert lookups.find(CHANNEL, inputs, taken=made[:1]) == made[1]
    assert lookups.find(CHANNEL, inputs, taken=made) is None

    board = {"displayName": "it", "gridLayout": {}}
    name = world.call("monitoring.v1", "projects.dashboards.create", parent=PROJECT, body=board)["name"]
    assert lookups.find(BOARD, {"dashboardJson": '{"displayName": "it"}'}) == name
    assert lookups.find(BOARD, {"dashboardJson": '{"displayName": "other"}'}) is None


def test_what_is_destroyed_or_deleted_is_not_found(lookups: GoogleLookups, world: GoogleWorld) -> None:
    """A version that was destroyed still has its number, and a deleted role its id."""
    secret = world.secret("versions")
    body: dict[str, Any] = {"payload": {"data": "aGk="}}
    version = world.call("secretmanager.v1", "projects.secrets.addVersion", parent=secret, body=body)["name"]
    assert lookups.find(VERSION, {"secret": secret}) == version
    world.call("secretmanager.v1", "projects.secrets.versions.destroy", name=version, body={})
    assert lookups.find(VERSION, {"secret": secret}) is None

    role = {"roleId": "gone", "role": {"title": "gone"}}
    name = world.call("iam.v1", "projects.roles.create", parent=PROJECT, body=role)["name"]
    assert lookups.find(ROLE, {"roleId": "gone"}) == name
    world.call("iam.v1", "projects.roles.delete", name=name)
    assert lookups.find(ROLE, {"roleId": "gone"}) is None


def test_what_nothing_tells_is_said(lookups: GoogleLookups) -> None:
    with pytest.raises(UnknowableError):
        lookups.find("gcp:compute/network:Network", {})
    with pytest.raises(UnknowableError):
        lookups.find("gcp:storage/bucket:Bucket", {})


@pytest.mark.parametrize("token", sorted(token for module in tables.modules() for token in tables.types_of(module)))
def test_every_type_has_an_id_that_can_be_known(token: str) -> None:
    """From its inputs, or from a look-up of its own: else what was created in a cut-off moment is nobody's."""
    table = tables.find(token)
    known = {*table.fields, "project", "location", "region"} | ({"resource", "suffix"} if table.subject else set())
    assert token in LISTED or token == ACCOUNT or set(names(table.id)) <= known
