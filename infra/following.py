"""Which logs a name means, and following them to their end."""

import re
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from infra.clouds import Cloud, Log, LogLine
from infra.deployed import Deployed, DeployedModel
from infra.errors import UsageError

PIPELINE, ENDPOINT = "pipeline", "endpoint"
ENDED = ("succeeded", "failed", "stopped")
UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}
POLL_SECONDS = 1.0

Tell = Callable[[str, LogLine], None]


@dataclass(frozen=True)
class Source:
    """One log.

    Attributes:
        name: what its lines are marked with; empty for a log that is told alone.
        address: what the cloud calls it: a job's full name, or `endpoint/` and its name.
        is_over: no more will be written; read to its end, it is not looked at again (clouds limit how often one asks).
    """

    name: str
    address: str
    is_over: bool = False


@dataclass
class Followed:
    """The logs that a name means; a run gains more of them while it goes on.

    Attributes:
        sources: returns those that exist now.
        is_over: returns whether no more will be written.
        is_endless: an endpoint's log, which goes back as far as it is kept.
    """

    cloud: Cloud
    sources: Callable[[], list[Source]]
    is_over: Callable[[], bool]
    since: datetime | None = None
    is_endless: bool = False
    _logs: dict[str, Log] = field(default_factory=dict)
    _drained: set[str] = field(default_factory=set)

    def read(self, tell: Tell) -> int:
        """Tell what came since the last look, the oldest line first; returns how many lines that were."""
        found = {source: log.read() for source, log in self._open()}
        self._drained |= {source.address for source, lines in found.items() if source.is_over and not lines}
        return self._tell(tell, found)

    def tail(self, tell: Tell, lines: int) -> int:
        """Tell the last lines of each log; returns how many that were."""
        return self._tell(tell, {source: log.tail(lines) for source, log in self._open()})

    def follow(self, tell: Tell, poll_seconds: float = POLL_SECONDS) -> None:
        """Tell every line as it comes, until no more will be written."""
        while True:
            was_over = self.is_over()
            if not self.read(tell) and was_over:
                return
            if not was_over:
                time.sleep(poll_seconds)

    def _open(self) -> Iterator[tuple[Source, Log]]:
        for source in self.sources():
            if source.address in self._drained:
                continue
            if source.address not in self._logs:
                self._logs[source.address] = self.cloud.log(source.address, self.since)
            yield source, self._logs[source.address]

    @staticmethod
    def _tell(tell: Tell, found: dict[Source, list[LogLine]]) -> int:
        lines = [(line, source.name) for source, lines in found.items() for line in lines]
        for line, name in sorted(lines, key=lambda one: one[0].at):
            tell(name, line)
        return len(lines)


def find(deployed: Deployed, name: str, model: str | None, since: datetime | None = None) -> Followed:
    """Find what a name means: `pipeline`, `endpoint` (or its or the model's name), a step of the last run, or a job.

    Raises:
        UsageError: nothing has that name; the fix names what there is. Or several models have it.
    """
    chosen = [deployed.model(model)] if model else list(deployed.models.values())
    meant = [found for one in chosen if (found := _of_model(deployed, one, name, since))]
    if len(meant) > 1:
        raise UsageError(f"several models have {name!r}", fix=f"--model, one of: {', '.join(sorted(deployed.models))}")
    if meant:
        return meant[0]
    endpoint = deployed.cloud.find_endpoint(name)
    if endpoint and deployed.cloud.live(endpoint):  # of a release that failed, it is in no output of the stack
        return _endpoint(deployed.cloud, endpoint, since)
    job = deployed.cloud.find_job(name)
    if job is None:
        known = ", ".join(names(deployed, chosen))
        raise UsageError(f"{deployed.name} has no job, endpoint or step named {name!r}", fix=f"one of: {known}")
    return _one_job(deployed.cloud, job, since)


def _of_model(deployed: Deployed, model: DeployedModel, name: str, since: datetime | None) -> Followed | None:
    cloud = deployed.cloud
    if name in (ENDPOINT, model.name, model.endpoint) and model.endpoint:
        return _endpoint(cloud, model.endpoint, since)
    execution = cloud.newest_run(model.pipeline)
    if execution is None:
        return None
    if name in (PIPELINE, execution.rpartition("/")[2]):
        return _whole_run(cloud, execution, since)
    jobs = {step.name: step.job for step in cloud.run(execution).steps if step.job}
    return _one_job(cloud, jobs[name], since) if name in jobs else None


def names(deployed: Deployed, models: list[DeployedModel]) -> Iterator[str]:
    """Yield the names that there are."""
    for model in models:
        execution = deployed.cloud.newest_run(model.pipeline)
        if execution is not None:
            yield PIPELINE
            yield from (step.name for step in deployed.cloud.run(execution).steps if step.job)
        if model.endpoint:
            yield from dict.fromkeys((ENDPOINT, model.endpoint))


def _one_job(cloud: Cloud, job: str, since: datetime | None) -> Followed:
    return Followed(cloud, lambda: [Source("", job)], lambda: cloud.is_over(job), since)


def _whole_run(cloud: Cloud, execution: str, since: datetime | None) -> Followed:
    def sources() -> list[Source]:
        steps = cloud.run(execution).steps
        return [Source(step.name, step.job, step.status in ENDED) for step in steps if step.job]

    return Followed(cloud, sources, lambda: cloud.run(execution).status != "running", since)


def _endpoint(cloud: Cloud, endpoint: str, since: datetime | None) -> Followed:
    source = Source("", f"endpoint/{endpoint}")
    return Followed(cloud, lambda: [source], lambda: cloud.live(endpoint) is None, since, is_endless=True)


def moment(text: str) -> datetime:
    """Return the time that lies so long back as a text says: 30s, 10m, 2h, 1d.

    Raises:
        UsageError: it is no such text.
    """
    found = re.fullmatch(r"(\d{1,6})([smhd])", text)
    if found is None:
        raise UsageError(f"{text!r} is no length of time", path="--since", fix="a number and s, m, h or d, such as 10m")
    return datetime.now(UTC) - timedelta(**{UNITS[found[2]]: int(found[1])})
