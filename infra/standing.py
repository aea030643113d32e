"""How an environment stands: what is live, what was registered, what ran last, and what is due."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from infra import runs
from infra.clouds import Cloud, Live, ModelVersion
from infra.deployed import Deployed, DeployedModel
from infra.environments import read_config


@dataclass(frozen=True)
class Release:
    """The version that the stack's config names, and the digest that it must have."""

    version: int
    sha256: str


@dataclass(frozen=True)
class LastRun:
    """The newest run of a model's pipeline.

    Attributes:
        failed_step: the step that failed, if one did.
        verdict: what govern decided, in a line; None where the run did not come to that.
    """

    execution: str
    status: str
    started: datetime
    failed_step: str | None
    reason: str | None
    verdict: str | None


@dataclass(frozen=True)
class Standing:
    """How one model stands.

    Attributes:
        released: what the config asks for; None while nothing is released.
        live: what the endpoint serves; None where there is no endpoint.
        versions: newest first.
        last_run: None before the first.
    """

    model: str
    released: Release | None
    live: Live | None
    versions: tuple[ModelVersion, ...]
    last_run: LastRun | None


@dataclass(frozen=True)
class Due:
    """Something that waits to be done: the command that does it, and why."""

    command: str
    why: str


def standings(deployed: Deployed) -> list[Standing]:
    """Ask the cloud how every model stands; raises CloudError."""
    named = releases(read_config(deployed.session.environment.config_path))
    return [_standing(deployed, model, named.get(name)) for name, model in deployed.models.items()]


def releases(config: Mapping[str, Any]) -> dict[str, Release]:
    """Return what a stack's config releases, by model."""
    models = config.get("stile:platform", {}).get("models", {})
    return {
        name: Release(int(model["release"]["version"]), str(model["release"]["sha256"]))
        for name, model in models.items()
        if model.get("release")
    }


def _standing(deployed: Deployed, model: DeployedModel, released: Release | None) -> Standing:
    cloud = deployed.cloud
    return Standing(
        model=model.name,
        released=released,
        live=cloud.live(model.endpoint) if model.endpoint else None,
        versions=tuple(cloud.versions(model.group)),
        last_run=_last_run(cloud, deployed.bucket, model),
    )


def _last_run(cloud: Cloud, bucket: str, model: DeployedModel) -> LastRun | None:
    execution = cloud.newest_run(model.pipeline)
    if execution is None:
        return None
    run = cloud.run(execution)
    failed = next((step for step in run.steps if step.status == "failed"), None)
    return LastRun(
        execution=run.execution,
        status=run.status,
        started=run.started,
        failed_step=failed.name if failed else None,
        reason=failed.reason if failed else run.reason,
        verdict=_verdict(runs.read_decision(cloud, bucket, run)) if run.status == "succeeded" else None,
    )


def _verdict(decision: runs.Decision) -> str:
    losers = ", ".join(loser.candidate for loser in decision.rejected)
    promoted = f"promoted {decision.promoted.candidate}" if decision.promoted else "promoted nothing"
    return f"{promoted}; rejected {losers}" if losers else promoted


def due(environment: str, standing: Standing, *, among_several: bool) -> Iterator[Due]:
    """Yield what is due for a model; `among_several` models, commands have to name it."""
    model, last = standing.model, standing.last_run
    which = f"{environment} --model {model}" if among_several else environment
    yield from _due_up(environment, which, standing)
    if last is None:
        yield Due(f"./stile run {which}", f"{model} has no run yet")
    elif last.failed_step:
        yield Due(f"./stile logs {last.failed_step} {which}", f"step {last.failed_step} of the last run failed")
    approved = next((version.version for version in standing.versions if version.approved), 0)
    if approved > (standing.released.version if standing.released else 0):
        now = f"the config releases {standing.released.version}" if standing.released else "the config releases none"
        yield Due(f"./stile release {which}", f"version {approved} of {model} is approved, {now}")


def _due_up(environment: str, which: str, standing: Standing) -> Iterator[Due]:
    model, asked, live = standing.model, standing.released, standing.live
    if asked is None and live is not None:
        yield Due(f"./stile up {environment}", f"the config releases no version of {model}, {told(live)} is live")
    if asked is not None and (live is None or not serves(live, asked)):
        found = f"{told(live)} is live" if live else "there is no endpoint"
        if live and live.version == asked.version:
            found = f"which is live, but with another file: {(live.sha256 or 'unknown')[:12]}, not {asked.sha256[:12]}"
        yield Due(f"./stile up {environment}", f"the config releases version {asked.version} of {model}, {found}")
    if live is not None and not live.is_steady:
        why = f"the endpoint of {model} is {live.status}" + (f": {live.reason}" if live.reason else "")
        yield Due(f"./stile logs endpoint {which}", why)


def serves(live: Live, asked: Release) -> bool:
    """True if what is live is the version that was asked for, and its very file."""
    return (live.version, live.sha256) == (asked.version, asked.sha256)


def told(live: Live) -> str:
    """What is live, in a word or two."""
    if live.version is not None:
        return f"version {live.version}"
    return f"{live.config} (of no known version)" if live.config else "nothing"


def held_out(version: ModelVersion) -> dict[str, float]:
    """Return the held-out metrics that registration noted."""
    return {
        name.removeprefix("heldout_"): float(value)
        for name, value in version.properties.items()
        if name.startswith("heldout_")
    }
