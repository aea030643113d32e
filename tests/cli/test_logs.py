"""Which logs a name means, and when following them ends."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any, cast

import pytest

from infra import following
from infra.clouds import Cloud, LogLine, Run, Step
from infra.deployed import Deployed, DeployedModel
from infra.errors import UsageError
from infra.following import find

START = datetime(2026, 1, 2, tzinfo=UTC)


def line(second: int, text: str) -> LogLine:
    return LogLine(START + timedelta(seconds=second), text)


@dataclass
class Script:
    """A log that gives the next of its parts at each look."""

    parts: Iterator[list[LogLine]]
    looks: int = 0

    def read(self) -> list[LogLine]:
        self.looks += 1
        return next(self.parts, [])

    def tail(self, lines: int) -> list[LogLine]:
        return [one for part in self.parts for one in part][-lines:]

    def last_words(self, lines: int) -> list[str]:
        return []


@dataclass
class SmallCloud:
    """A cloud of one run; each look at it is the next of `runs`, and the last of them stays."""

    runs: list[Run]
    parts: dict[str, list[list[LogLine]]]
    over: list[bool] = field(default_factory=list)
    logs: dict[str, Script] = field(default_factory=dict)

    def newest_run(self, pipeline: str) -> str | None:
        return f"arn/{self.runs[0].execution}" if self.runs else None

    def run(self, execution: str) -> Run:
        return self.runs.pop(0) if len(self.runs) > 1 else self.runs[0]

    def find_job(self, name: str) -> str | None:
        return f"training-job/{name}" if name == "by-hand" else None

    def is_over(self, job: str) -> bool:
        return self.over.pop(0) if self.over else True

    def log(self, source: str, since: datetime | None = None) -> Script:
        self.logs[source] = Script(iter(self.parts.get(source, [])))
        return self.logs[source]

    def find_endpoint(self, name: str) -> str | None:
        return f"endpoints/{name}" if name.startswith("p-dev-") else None

    def live(self, endpoint: str) -> str | None:
        return "it serves" if endpoint == "endpoints/p-dev-broken" else None


def run(status: str, *steps: str) -> Run:
    made = tuple(Step(name, "running", 1.0, f"processing-job/{name}-1", None) for name in steps)
    return Run("e1", cast("Any", status), made, None, START)


def deployed(cloud: SmallCloud, *models: str) -> Deployed:
    session = cast("Any", type("S", (), {"environment": type("E", (), {"name": "dev"})}))
    known = {name: DeployedModel(name, f"{name}-pipeline", name, f"dev-{name}") for name in models or ("flights",)}
    return Deployed(session, cast("Cloud", cloud), "bucket", "tracking", known)


Told = list[tuple[str, str]]


def teller() -> tuple[Told, Callable[[str, LogLine], None]]:
    told: Told = []
    return told, lambda name, line: told.append((name, line.text))


def test_a_step_of_the_last_run_is_followed_until_its_job_has_ended() -> None:
    """What is written between the last look and the end is not lost; one log needs no mark."""
    parts = {"processing-job/ingest-1": [[line(1, "a")], [], [line(2, "b")], [line(3, "c")]]}
    cloud = SmallCloud([run("running", "ingest")], parts, over=[False, False, True])
    told, tell = teller()
    find(deployed(cloud), "ingest", None).follow(tell, poll_seconds=0)
    assert told == [("", "a"), ("", "b"), ("", "c")]


def test_a_whole_run_gains_its_steps_as_they_begin() -> None:
    """Lines of all steps stand in the order in which they were written, each with its step."""
    parts = {
        "processing-job/ingest-1": [[line(1, "a"), line(3, "c")]],
        "processing-job/train-1": [[line(2, "b")]],
    }
    cloud = SmallCloud([run("running"), run("running", "ingest"), run("succeeded", "ingest", "train")], parts)
    told, tell = teller()
    find(deployed(cloud), "pipeline", None).follow(tell, poll_seconds=0)
    assert sorted(told) == [("ingest", "a"), ("ingest", "c"), ("train", "b")]


def test_a_step_that_has_ended_is_read_to_its_end_and_no_more() -> None:
    """A run has many steps and takes hours: clouds refuse those who ask too often."""
    busy = run("running", "ingest", "train")
    ended = replace(busy, steps=(replace(busy.steps[0], status="succeeded"), busy.steps[1]))
    over = run("succeeded", "ingest", "train")
    cloud = SmallCloud([ended] * 12 + [over], {"processing-job/ingest-1": [[line(1, "a")]]})
    told, tell = teller()
    find(deployed(cloud), "pipeline", None).follow(tell, poll_seconds=0)
    assert told == [("ingest", "a")]
    assert cloud.logs["processing-job/ingest-1"].looks == 2
    assert cloud.logs["processing-job/train-1"].looks > 4


@pytest.mark.parametrize("name", ["endpoint", "flights", "dev-flights"])
def test_an_endpoint_has_three_names(name: str) -> None:
    cloud = SmallCloud([], {"endpoint/dev-flights": [[line(1, "served")]]})
    told, tell = teller()
    find(deployed(cloud), name, None).read(tell)
    assert told == [("", "served")]


def test_an_endpoint_of_a_release_that_failed_is_found_by_its_name() -> None:
    """No output of the stack has it, and its log says why."""
    cloud = SmallCloud([run("succeeded", "ingest")], {"endpoint/endpoints/p-dev-broken": [[line(1, "no such file")]]})
    told, tell = teller()
    find(deployed(cloud), "p-dev-broken", None).read(tell)
    assert told == [("", "no such file")]
    with pytest.raises(UsageError, match="p-dev-other"):
        find(deployed(cloud), "p-dev-other", None)


def test_a_job_of_its_own_is_found_by_its_name() -> None:
    cloud = SmallCloud([], {"training-job/by-hand": [[line(1, "trained")]]})
    told, tell = teller()
    find(deployed(cloud), "by-hand", None).follow(tell, poll_seconds=0)
    assert told == [("", "trained")]


def test_an_unknown_name_is_told_with_those_that_there_are() -> None:
    with pytest.raises(UsageError) as raised:
        find(deployed(SmallCloud([run("succeeded", "ingest")], {})), "train-x", None)
    assert raised.value.exit_code == 2
    assert raised.value.fix == "one of: pipeline, ingest, endpoint, dev-flights"


def test_what_several_models_have_asks_for_the_model() -> None:
    known = deployed(SmallCloud([run("succeeded", "ingest")], {}), "flights", "trains")
    with pytest.raises(UsageError, match="several models"):
        find(known, "ingest", None)
    assert find(known, "ingest", "trains")


@pytest.mark.parametrize(("text", "seconds"), [("30s", 30), ("10m", 600), ("2h", 7200), ("1d", 86400)])
def test_a_length_of_time_lies_back_from_now(text: str, seconds: int) -> None:
    before = datetime.now(UTC)
    assert before - timedelta(seconds=seconds) <= following.moment(text) <= datetime.now(UTC)


@pytest.mark.parametrize("text", ["10", "m", "-1m", "1w", "1.5h", "", "9999999d"])
def test_what_is_no_length_of_time_is_wrong_usage(text: str) -> None:
    with pytest.raises(UsageError, match="no length of time"):
        following.moment(text)
