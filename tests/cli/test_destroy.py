"""`destroy --with-data` goes in the order in which clouds let it, and picks up what an earlier one left."""

from collections.abc import Iterable
from typing import Any, cast

import pytest

from infra import engine
from infra.cli import destroy
from infra.engine import Outcome, Session, contents
from infra.engine.contents import Holding

BUCKET = Holding("urn:bucket", "aws:s3/bucket:Bucket", "data", "3 object versions")
MODEL = Holding("projects/p/models/m", "Vertex AI model", "m", "1 registered model versions", is_resource=False)
LEFT = Holding("urn:left", "aws:s3/bucket:Bucket", "left", "1 object versions", is_kept=False)
SESSION = cast("Session", None)


@pytest.fixture
def done(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What was done, in order."""
    told: list[str] = []

    def destroyed(*_: Any, with_data: bool = False) -> Outcome:
        told.append("destroy all" if with_data else "destroy")
        return Outcome({"delete": 2} if with_data else {"delete": 5, "same": 2}, (), 1.0, {})

    def note(what: str) -> Any:
        def noted(_: Session, going: Iterable[Holding], __: Any) -> None:
            told.extend(f"{what} {holding.id}" for holding in going)

        return noted

    monkeypatch.setattr(engine, "destroy", destroyed)
    monkeypatch.setattr(contents, "empty", note("empty"))
    monkeypatch.setattr(contents, "delete_made_by_jobs", note("delete"))
    return told


def test_what_writes_goes_before_the_bucket_is_emptied_and_models_after_what_serves_them(done: list[str]) -> None:
    """A container that ends writes what it captured last; a model that is deployed is not deleted."""
    outcome = destroy.work(SESSION, [BUCKET, MODEL], with_data=True)
    assert done == ["destroy", "empty data", "empty m", "destroy all", "delete data", "delete m"]
    assert (outcome.changes, outcome.seconds) == ({"delete": 7}, 2.0)


def test_without_data_nothing_is_emptied(done: list[str]) -> None:
    outcome = destroy.work(SESSION, [BUCKET, MODEL], with_data=False)
    assert done == ["destroy"]
    assert outcome.changes == {"delete": 5, "same": 2}


def test_what_an_earlier_one_unprotected_is_emptied_first(done: list[str]) -> None:
    """The engine would delete it in the first go, and the cloud refuses a full one."""
    destroy.work(SESSION, [BUCKET, LEFT], with_data=True)
    assert done[:2] == ["empty left", "destroy"]
