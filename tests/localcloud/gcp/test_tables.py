"""Rows of a table of collections: what a service gets by writing one, and what is wrong in one."""

from pathlib import Path

import pytest

from infra.localcloud.gcp.call import Call, Cloud
from infra.localcloud.gcp.errors import Json, Refusal
from infra.localcloud.gcp.routes import Routes
from infra.localcloud.gcp.service import Registered, Service
from infra.localcloud.gcp.store import POLICIES, Record, policy_key

ROUTES = Routes(("pubsub.v1",))
TOPICS = "pubsub.projects.topics"
ROW = """
[own.topics]
methods = "pubsub.projects.topics"
schema = "Topic"
source = "https://example.com"
id = { path = true, pattern = "[a-z]+" }
"""


@pytest.fixture
def cloud(tmp_path: Path) -> Cloud:
    return Cloud("http://127.0.0.1:1", tmp_path, routes=ROUTES)


def joined(folder: Path, more: str = "") -> dict[tuple[str, str], Registered]:
    """Return what a service with one row, and what is added to it, registers."""
    path = folder / "own.toml"
    path.write_text(ROW + more)
    return Service("pubsub.v1", section="own", table=path).join(ROUTES)


def act(cloud: Cloud, handlers: dict[tuple[str, str], Registered], verb: str, name: str) -> Json:
    """Call a handler as the server does."""
    method = ROUTES.method(f"{TOPICS}.{verb}")
    found = handlers["pubsub.v1", method.id].handler(Call(cloud, method, {"name": name}, {}, {}))
    assert isinstance(found, dict)
    return found


@pytest.mark.parametrize("reusable", [True, False])
def test_a_name_that_is_spent_is_not_given_again(cloud: Cloud, tmp_path: Path, reusable: bool) -> None:
    """Protects: kinds whose deleted names stay taken, which `destroy` and `up` must get along with."""
    handlers, name = joined(tmp_path, f"reusable = {str(reusable).lower()}\n"), "projects/p/topics/a"
    act(cloud, handlers, "create", name)
    act(cloud, handlers, "delete", name)
    assert cloud.store.find(TOPICS, name) is None
    if reusable:
        assert act(cloud, handlers, "create", name)["name"] == name
    else:
        with pytest.raises(Refusal, match="already exists"):
            act(cloud, handlers, "create", name)


def test_a_deleted_resource_takes_its_policy_along(cloud: Cloud, tmp_path: Path) -> None:
    """Protects: a new resource does not inherit what was granted on the one before it."""
    handlers, name = joined(tmp_path), "projects/p/topics/a"
    act(cloud, handlers, "create", name)
    cloud.store.add(POLICIES, Record(policy_key(TOPICS, name), {"bindings": []}))
    act(cloud, handlers, "delete", name)
    assert cloud.kept_policy(policy_key(TOPICS, name)) is None


@pytest.mark.parametrize(
    ("more", "error"),
    [
        ('verbs = ["create", "grow"]', "grow"),
        ('[own.other]\nmethods = "pubsub.projects.nope"\nschema = "Topic"\nsource = ""\nid = { digits = 1 }', "nope"),
    ],
)
def test_a_row_that_the_api_does_not_have_is_an_error_at_the_start(tmp_path: Path, more: str, error: str) -> None:
    """Protects: a typing error in a table is found when the cloud starts, not when somebody calls it."""
    with pytest.raises((LookupError, ValueError), match=error):
        joined(tmp_path, more)


def test_hooks_of_a_kind_that_has_no_row_are_an_error(tmp_path: Path) -> None:
    """Protects: no behaviour is lost because a row was renamed."""
    (tmp_path / "own.toml").write_text(ROW)
    service = Service("pubsub.v1", section="own", table=tmp_path / "own.toml")
    service.hooks("nope").removing = lambda call, record: None
    with pytest.raises(LookupError, match="nope"):
        service.join(ROUTES)
