"""Failures end with the last log lines, what is live, and the way to all lines."""

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, cast

import pytest

from infra import failures, runs
from infra.clouds import Cloud, Live, LogLine, Run, Step
from infra.engine import Session
from infra.environments import Environment
from infra.errors import CloudError, ProvisioningError, RunFailed

NOON = datetime(2026, 1, 2, 12, tzinfo=UTC)
LIVE = Live(
    "p-dev-flights",
    "InService",
    is_serving=True,
    is_steady=True,
    config="c-1",
    version=1,
    sha256="a",
    since=NOON,
    reason=None,
)
ENGINE = "up failed: aws:sagemaker/endpoint:Endpoint p-dev-flights: unexpected state 'RollingBack'"
CONFIG = """
config:
  stile:cloud: aws
  stile:platform: {models: {flights: {release: {version: 2, sha256: bbbb}}, trains: {}}}
"""


class SmallCloud:
    """A cloud with one endpoint, whose newest container and every job said the same."""

    def __init__(self, live: Live | None = LIVE) -> None:
        self._live = live

    def find_endpoint(self, name: str) -> str:
        return name

    def live(self, endpoint: str) -> Live | None:
        return self._live

    def log(self, source: str, since: datetime | None = None) -> "SmallCloud":
        return self

    def last_words(self, lines: int) -> list[str]:
        return ["loading", "no such file"][-lines:]

    def read(self) -> list[LogLine]:
        return []


class Silent(SmallCloud):
    def live(self, endpoint: str) -> Live | None:
        raise CloudError("no answer")


@pytest.fixture
def session(tmp_path: Path) -> Session:
    (tmp_path / "stacks").mkdir()
    (tmp_path / "stacks" / "Pulumi.dev.yaml").write_text(CONFIG)
    return cast("Session", type("S", (), {"environment": Environment("dev", "aws", tmp_path, tmp_path),
                                          "variables": lambda self: {}})())  # fmt: skip


@pytest.fixture
def google(session: Session, tmp_path: Path) -> Session:
    cast("Any", session).environment = Environment("dev", "gcp", tmp_path, tmp_path)
    return session


def provision(
    session: Session, cloud: object, monkeypatch: pytest.MonkeyPatch, said: str = ENGINE
) -> ProvisioningError:
    def fail(*_: object) -> None:
        raise ProvisioningError(said, path="urn")

    monkeypatch.setattr(failures, "up", fail)
    monkeypatch.setattr(failures, "connect", lambda *_: cloud)
    with pytest.raises(ProvisioningError) as raised:
        failures.provision(session, lambda _: None)
    return raised.value


def test_a_failed_endpoint_is_told_with_asked_live_and_last_lines(
    session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    error = provision(session, SmallCloud(), monkeypatch)
    assert error.message.startswith(ENGINE)
    for part in ("asked for version 2 (sha256 bbbb)", "live is version 1 by c-1", "InService", "no such file"):
        assert part in error.message
    assert "./stile logs p-dev-flights dev" in str(error.fix)
    assert error.path == "urn"


def test_a_first_release_that_failed_leaves_nothing_live(session: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    failed = replace(LIVE, status="Failed", is_serving=False, reason="no capacity")
    assert (
        "last asked for was version 1 by c-1, its status is Failed; no capacity"
        in provision(session, SmallCloud(failed), monkeypatch).message
    )
    assert "nothing is live" in provision(session, SmallCloud(None), monkeypatch).message


def test_a_silent_cloud_does_not_hide_the_failure(session: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    message = provision(session, Silent(), monkeypatch).message
    assert message.startswith(ENGINE)
    assert "what is live is not known: no answer" in message


def test_other_failures_stay_as_they_are(session: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    said = "up failed: aws:s3/bucket:Bucket data: BucketAlreadyExists"
    assert provision(session, SmallCloud(), monkeypatch, said).message == said


def test_the_check_names_its_endpoint_too() -> None:
    said = "up failed: stile:endpoint:Live p-dev-flights-live: 1 error occurred:\n\t* p-dev-flights does not serve"
    assert failures.failed_endpoints("aws", f"{said}\n{ENGINE}") == ["p-dev-flights"]


class VertexAi(SmallCloud):
    """A cloud that knows an endpoint by another name than people do."""

    def find_endpoint(self, name: str) -> str:
        return f"projects/p/locations/l/endpoints/{name.removeprefix('p-dev-')}"

    def live(self, endpoint: str) -> Live | None:
        return self._live if endpoint == "projects/p/locations/l/endpoints/flights" else None

    def log(self, source: str, since: datetime | None = None) -> "SmallCloud":
        assert source == "endpoint/projects/p/locations/l/endpoints/flights"
        return self


VERTEX = "up failed: stile:endpoint:EndpointDeployment p-dev-flights-deployment: the deployment failed"


def test_a_failed_deployment_on_vertex_ai_is_told_by_the_endpoint_that_the_cloud_knows(
    google: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    error = provision(google, VertexAi(), monkeypatch, VERTEX)
    for part in (VERTEX, "asked for version 2 (sha256 bbbb)", "live is version 1 by c-1", "no such file"):
        assert part in error.message
    assert "./stile logs p-dev-flights dev" in str(error.fix)


def test_an_endpoint_without_a_model_has_nothing_live(google: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    """On Vertex AI it stands before its first model does."""
    empty = replace(LIVE, status="empty", is_serving=False, config="", version=None, sha256=None)
    message = provision(google, VertexAi(empty), monkeypatch, VERTEX).message
    assert "p-dev-flights: nothing is live, its status is empty" in message
    other = "up failed: gcp:vertex/aiEndpoint:AiEndpoint p-dev-flights: 403 Permission denied"
    assert "nothing is live" in provision(google, VertexAi(None), monkeypatch, other).message


def test_a_failed_job_is_told_with_its_last_lines_and_the_way_to_all() -> None:
    step = Step("train-hgb", "failed", 1.0, "training-job/x", "exit code 1")
    with pytest.raises(RunFailed) as raised:
        runs.require_success(cast("Cloud", SmallCloud()), Run("e1", "failed", (step,), None, NOON), "dev")
    assert "step train-hgb of run e1 failed: exit code 1\n  loading\n  no such file" in raised.value.message
    assert raised.value.fix == "its whole log: ./stile logs train-hgb dev"


def test_a_job_that_never_began_has_no_lines() -> None:
    cloud: Any = SmallCloud()
    step = Step("ingest", "failed", None, None, "no capacity")
    with pytest.raises(RunFailed, match=r"step ingest of run e1 failed: no capacity$"):
        runs.require_success(cloud, Run("e1", "failed", (step,), None, NOON), "dev")
