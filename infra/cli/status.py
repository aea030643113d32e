"""`stile status`: what an environment consists of, without starting or asking anything but the state."""

from collections import Counter
from collections.abc import Mapping
from typing import Any

from infra import toolchain
from infra.cli import console
from infra.cli.options import DEFAULT_ENVIRONMENT, EnvironmentName, Json
from infra.engine import Session
from infra.engine.session import existing_stack
from infra.environments import Environment, find_environment
from infra.errors import ToolchainError
from infra.graph import STACK_TYPE
from infra.localcloud import lifecycle
from infra.localcloud.lifecycle import LocalCloud


def command(environment: EnvironmentName = DEFAULT_ENVIRONMENT, json: Json = False) -> None:
    """Show what an environment consists of. Starts nothing."""
    found = find_environment(environment)
    cloud = lifecycle.running(found.cloud, found.state_dir) if found.is_local else None
    programs = toolchain.find().toolchain()
    if programs is None:
        raise ToolchainError("the toolchain is not installed", fix="any of up, preview and env installs it")
    stack = existing_stack(found, programs, cloud)
    state = {} if stack is None else described(Session(found, programs, cloud, stack))
    show(found, cloud, state)
    if json:
        running = None if cloud is None else {"endpoint_url": cloud.endpoint_url, "boot_id": cloud.boot_id}
        console.emit(
            "status", {"environment": found.name, "exists": stack is not None, "local_cloud": running, **state}
        )


def described(session: Session) -> dict[str, Any]:
    """Return what the state says."""
    deployment = session.stack.export_stack().deployment or {}
    resources = deployment.get("resources", [])
    outputs: dict[str, Any] = next((one.get("outputs", {}) for one in resources if one["type"] == STACK_TYPE), {})
    last = session.stack.info(show_secrets=False)
    return {
        "resources": len(resources),
        "types": dict(sorted(Counter(one["type"] for one in resources).items())),
        "protected": [one["urn"] for one in resources if one.get("protect")],
        "pending": [one["resource"]["urn"] for one in deployment.get("pending_operations") or []],
        "last_update": None if last is None else {"kind": last.kind, "result": last.result, "at": last.start_time},
        "outputs": {name: value for name, value in outputs.items() if not is_secret(value)},
    }


def is_secret(value: object) -> bool:
    """True for a value that the state keeps encrypted."""
    return isinstance(value, dict) and "ciphertext" in value


def show(environment: Environment, cloud: LocalCloud | None, state: Mapping[str, Any]) -> None:
    """Show it to a person."""
    if environment.is_local:
        console.say(f"local cloud: {cloud.endpoint_url if cloud else 'does not run'}")
    if not state:
        console.say(f"{environment.name}: nothing was deployed yet (stile up {environment.name})")
        return
    last = state["last_update"]
    when = f"; last: {last['kind']} {last['result']} {last['at']:%Y-%m-%d %H:%M} UTC" if last else ""
    console.say(f"{environment.name}: {state['resources']} resources, {len(state['protected'])} protected{when}")
    for urn in state["pending"]:
        console.say(f"  cut off: {urn}")
    for name, value in state["outputs"].items():
        if name != "models":
            console.say(f"  {name}: {value}")
    for model, facts in state["outputs"].get("models", {}).items():
        console.say(f"  model {model}")
        for name, value in facts.items():
            console.say(f"    {name}: {value if value is not None else 'nothing is released'}")
