"""`stile status`: the platform as a person thinks of it, from its state and its cloud; starts and changes nothing."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from infra import standing
from infra.cli import console, status_view
from infra.cli.options import DEFAULT_ENVIRONMENT, EnvironmentName, Json
from infra.deployed import find_deployed
from infra.engine import Session, recovery
from infra.engine.events import short
from infra.engine.locks import Holder, holder
from infra.engine.session import session_as_it_stands
from infra.environments import Environment, find_environment
from infra.errors import CloudError
from infra.graph import STACK_TYPE
from infra.localcloud import lifecycle
from infra.localcloud.lifecycle import LocalCloud
from infra.stages import Stage, stages
from infra.standing import Due, Standing

UNKNOWN = 4


@dataclass(frozen=True)
class Status:
    """What `status` found.

    Attributes:
        state: what the stack's state says; empty where nothing was deployed yet.
        is_gone: the local cloud that the state speaks of is no more.
        busy: who works on the stack now.
        silent: why the cloud does not say how the models stand; empty if it does.
    """

    environment: Environment
    cloud: LocalCloud | None
    state: Mapping[str, Any]
    is_gone: bool
    busy: Holder | None
    stages: Sequence[Stage]
    models: Sequence[Standing]
    silent: str = ""

    def due(self) -> list[Due]:
        """What waits to be done, most urgent first."""
        several = len(self.models) > 1
        mine = [due for one in self.models for due in standing.due(self.environment.name, one, among_several=several)]
        return [*self._due_up(), *mine]

    def _due_up(self) -> Iterator[Due]:
        up = f"./stile up {self.environment.name}"
        if not self.state:
            yield Due(up, "nothing was deployed yet")
        elif self.is_gone and self.cloud is None:
            yield Due(up, "the local cloud does not run, and keeps nothing over a stop; up starts it and rebuilds")
        elif self.is_gone:
            yield Due(up, "the local cloud started anew and holds nothing of before; up rebuilds")
        if self.busy is None and self.state.get("pending"):
            cut_off = ", ".join(short(urn) for urn in self.state["pending"])
            yield Due(up, f"an update was cut off or failed during: {cut_off}")
        elif self.busy is None and (self.state.get("last_update") or {}).get("result") == "failed":
            yield Due(up, "the last update failed")


def command(environment: EnvironmentName = DEFAULT_ENVIRONMENT, json: Json = False) -> int:
    """Show the platform: its stages, its models, what is live, and what is due. Starts and changes nothing.

    Exit code 4: a real cloud does not say how its models stand.
    """
    found = look(find_environment(environment))
    status_view.show(found)
    if json:
        console.emit("status", described(found))
    return UNKNOWN if found.silent else 0


def look(environment: Environment) -> Status:
    """Find out how an environment stands."""
    session = session_as_it_stands(environment)
    if session is None:
        cloud = lifecycle.running(environment.cloud, environment.state_dir) if environment.is_local else None
        return Status(environment, cloud, {}, is_gone=False, busy=None, stages=(), models=())
    cloud = session.cloud
    state, resources = read_state(session)
    is_gone = environment.is_local and (cloud is None or speaks_of_another(session, cloud))
    found = stages(resources, state["outputs"], is_gone=is_gone)
    busy = holder(environment)
    models, silent = ([], "") if is_gone or "data_bucket" not in state["outputs"] else ask(session)
    return Status(environment, cloud, state, is_gone, busy, found, models, silent)


def speaks_of_another(session: Session, cloud: LocalCloud) -> bool:
    """True if the state was last true of another boot of the local cloud than the one that runs."""
    known = recovery.boot_path(session)
    return known.is_file() and known.read_text() != cloud.boot_id


def ask(session: Session) -> tuple[list[Standing], str]:
    """Ask the cloud how the models stand; the second value is why it does not say."""
    try:
        return standing.standings(find_deployed(session)), ""
    except CloudError as error:
        return [], error.message


def read_state(session: Session) -> tuple[dict[str, Any], list[Mapping[str, Any]]]:
    """Return what the state says, and its resources."""
    deployment = session.stack.export_stack().deployment or {}
    resources = deployment.get("resources", [])
    outputs: dict[str, Any] = next((one.get("outputs", {}) for one in resources if one["type"] == STACK_TYPE), {})
    last = session.stack.info(show_secrets=False)
    said = {
        "resources": len(resources),
        "types": dict(sorted(Counter(one["type"] for one in resources).items())),
        "protected": [one["urn"] for one in resources if one.get("protect")],
        "pending": [one["resource"]["urn"] for one in deployment.get("pending_operations") or []],
        "last_update": None if last is None else {"kind": last.kind, "result": last.result, "at": last.start_time},
        "outputs": {name: value for name, value in outputs.items() if not is_secret(value)},
    }
    return said, resources


def is_secret(value: object) -> bool:
    """True for a value that the state keeps encrypted."""
    return isinstance(value, dict) and "ciphertext" in value


def described(found: Status) -> dict[str, Any]:
    """Return it as scripts read it."""
    cloud = found.cloud
    running = None if cloud is None else {"endpoint_url": cloud.endpoint_url, "boot_id": cloud.boot_id}
    document = {"environment": found.environment.name, "exists": bool(found.state), "local_cloud": running}
    if not found.state:
        return document
    return {
        **document,
        **found.state,
        "stages": {
            stage.name: {key: value for key, value in asdict(stage).items() if key != "name"} for stage in found.stages
        },
        "models": {one.model: described_model(one) for one in found.models},
        "busy": asdict(found.busy) if found.busy else None,
        "cloud_says": found.silent or None,
        "due": [asdict(due) for due in found.due()],
    }


def described_model(one: Standing) -> dict[str, Any]:
    """Return a model as scripts read it."""
    return {
        "released": asdict(one.released) if one.released else None,
        "live": asdict(one.live) if one.live else None,
        "last_run": asdict(one.last_run) if one.last_run else None,
        "versions": [
            {
                "version": version.version,
                "candidate": version.properties.get("candidate"),
                "approved": version.approved,
                "reason": version.reason,
                "sha256": version.sha256,
                "execution": version.properties.get("execution_id"),
                "held_out": standing.held_out(version),
                "created": version.created,
            }
            for version in one.versions
        ],
    }
