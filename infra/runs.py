"""Following a pipeline's execution, and reading what govern decided and what was registered."""

import json
import time
from collections.abc import Callable, Mapping
from typing import Any

from pydantic import BaseModel, ConfigDict

from infra.clouds import Cloud, Run, Step
from infra.errors import RunFailed

# Ours, on every cloud: `runs/<execution>/<step>/<output>/<file>`
DECISION_KEY = "runs/{execution}/govern/decision/decision.json"
REGISTERED_KEY = "runs/{execution}/register/registered/registered.json"
# How many lines of its log a failure shows.
LAST_LINES = 15


class _Facts(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")


class Promoted(_Facts):
    """The candidate that govern promoted, and why."""

    candidate: str
    reason: str


class Rejected(_Facts):
    """A candidate that govern flagged, with the rule that it broke and the reason in words."""

    candidate: str
    rule: str
    reason: str


class Decision(_Facts):
    """What govern decided; held-out metrics by candidate."""

    model: str
    promoted: Promoted | None
    rejected: tuple[Rejected, ...]
    metrics: Mapping[str, Mapping[str, Any]]


class RegisteredVersion(_Facts):
    """The model version that a candidate became."""

    version: int
    sha256: str
    status: str
    reason: str


def follow(cloud: Cloud, execution: str, changed: Callable[[Step], None], poll_seconds: float = 0.5) -> Run:
    """Wait until an execution has ended, telling each change of a step's status.

    Args:
        execution: its full name, as `start_run` gave it.
        changed: called once for each new status of a step.
        poll_seconds: between two looks at the cloud.
    """
    seen: dict[str, str] = {}
    while True:
        run = cloud.run(execution)
        for step in run.steps:
            if seen.get(step.name) != step.status:
                seen[step.name] = step.status
                changed(step)
        if run.status != "running":
            return run
        time.sleep(poll_seconds)


def require_success(cloud: Cloud, run: Run, environment: str) -> None:
    """Raise for a run that did not succeed, with the failed step's reason, its last log lines and the way to all.

    Raises:
        RunFailed: the run failed or was stopped.
    """
    if run.status == "succeeded":
        return
    failed = next((step for step in run.steps if step.status == "failed"), None)
    if failed is None:
        raise RunFailed(f"run {run.execution} {run.status}: {run.reason or 'no reason given'}")
    tail = cloud.log(failed.job).last_words(LAST_LINES) if failed.job else []
    raise RunFailed(
        "\n".join(
            [f"step {failed.name} of run {run.execution} failed: {failed.reason}", *(f"  {line}" for line in tail)]
        ),
        path=failed.job,
        fix=f"its whole log: ./stile logs {failed.name} {environment}",
    )


def read_decision(cloud: Cloud, bucket: str, run: Run) -> Decision:
    """Read what govern decided in a run that succeeded."""
    return Decision.model_validate_json(cloud.read_object(bucket, DECISION_KEY.format(execution=run.execution)))


def read_registered(cloud: Cloud, bucket: str, run: Run) -> dict[str, RegisteredVersion]:
    """Read which model version each candidate became."""
    document = json.loads(cloud.read_object(bucket, REGISTERED_KEY.format(execution=run.execution)))
    return {name: RegisteredVersion.model_validate(entry) for name, entry in document["versions"].items()}
