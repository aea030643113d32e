"""Going on after an interruption: locks of the dead, creates that never ended, and a local cloud that started anew."""

import re
import socket
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar

import psutil
from pulumi import automation

from infra.engine.events import Message, Watch, short
from infra.engine.session import Session
from infra.errors import ProvisioningError
from infra.providers.aws import tables
from infra.providers.kit.resource import PluginError

T = TypeVar("T")
Refresh = Callable[[Session, Watch], object]
Identify = Callable[[str, Mapping[str, Any]], str | None]
CLOUD_PREFIXES = ("aws:", "gcp:")

# How the CLI's file and bucket backends name a lock's holder.
HOLDER = re.compile(r"created by (?P<user>\S+)@(?P<host>\S+) \(pid (?P<pid>\d+)\)")


def catch_up(session: Session, watch: Watch, refresh: Refresh) -> None:
    """Bring the state up to date where something happened behind the engine's back.

    Raises:
        ProvisioningError: the refresh failed.
    """
    settle_pending(session, watch, refresh)
    if is_new_boot(session):
        watch(Message("info", "the local cloud started anew and holds nothing of before; refreshing the state first"))
        refresh(session, lambda seen: watch(seen) if isinstance(seen, Message) else None)
        remember_boot(session)


def boot_path(session: Session) -> Path:
    """Return the file that names the boot of the local cloud which the state was last true of."""
    return session.environment.state_dir / "local" / f"{session.environment.name}.boot"


def is_new_boot(session: Session) -> bool:
    """True if the state speaks of a boot of the local cloud that is gone."""
    if session.cloud is None:
        return False
    path = boot_path(session)
    known = path.read_text() if path.is_file() else None
    if known is None:
        remember_boot(session)
    return known not in (None, session.cloud.boot_id)


def remember_boot(session: Session) -> None:
    """Note that the state is true of the local cloud's present boot."""
    if session.cloud is not None:
        boot_path(session).write_text(session.cloud.boot_id)


def release_stale_lock(session: Session, said: str, watch: Watch) -> None:
    """Release a stack's lock if the process that took it is dead.

    Raises:
        ProvisioningError: it lives, is another machine's, or is not named: whoever holds the lock must let go of it.
    """
    holder = HOLDER.search(said)
    if holder is None or holder["host"] != socket.gethostname() or is_pulumi(int(holder["pid"])):
        who = f"{holder['user']} on {holder['host']}, process {holder['pid']}" if holder else "somebody else"
        raise ProvisioningError(
            f"another process works on {session.environment.name}: {who}",
            path=session.environment.name,
            fix=f"wait for it; if it is dead: pulumi cancel -s {session.environment.name}",
        )
    watch(Message("warning", f"process {holder['pid']} died with the stack's lock; releasing it"))
    session.stack.cancel()


def is_pulumi(pid: int) -> bool:
    """True if a process of that number lives and is a Pulumi CLI; another program may have the number by now."""
    try:
        process = psutil.Process(pid)
        return process.status() != psutil.STATUS_ZOMBIE and "pulumi" in process.name()
    except psutil.NoSuchProcess:
        return False


def unlocked(session: Session, watch: Watch, act: Callable[[], T]) -> T:
    """Do something that takes the stack's lock; if a dead process holds it, release it and do it again.

    Raises:
        ProvisioningError: a living process holds it.
        CommandError: what the CLI says otherwise.
    """
    try:
        return act()
    except automation.ConcurrentUpdateError as error:
        release_stale_lock(session, str(error), watch)
        return act()


def settle_pending(session: Session, watch: Watch, refresh: Refresh) -> None:
    """Ask the cloud what came of operations that began and were never seen to end.

    What was being created is put into the state under the id that its name gives it; the refresh that follows keeps it
    if the cloud has it, and drops it if not. Where no name gives the id, it is dropped, and the user is told.
    """
    exported = session.stack.export_stack()
    deployment = dict(exported.deployment or {})
    pending = deployment.get("pending_operations") or []
    if not pending:
        return
    names = ", ".join(short(item["resource"]["urn"]) for item in pending)
    adopted, unknown = adopt(deployment, lambda token, inputs: identify(session, token, inputs))
    settled = automation.Deployment(version=exported.version, deployment=adopted)
    unlocked(session, watch, lambda: session.stack.import_stack(settled))
    watch(Message("warning", f"an earlier update was cut off during: {names}; asking the cloud what came of it"))
    refresh(session, lambda seen: watch(seen) if isinstance(seen, Message) else None)
    for urn in unknown:
        watch(Message("warning", f"{short(urn)} may exist in the cloud without being known here; look there"))


def adopt(deployment: Mapping[str, Any], identify: Identify) -> tuple[dict[str, Any], list[str]]:
    """Return a deployment without pending operations, with what was being created in it under its id.

    Also returns the URNs of what was being created and has no id that `identify` knows.
    """
    resources = list(deployment.get("resources", []))
    known, unknown = {resource["urn"] for resource in resources}, []
    for item in deployment.get("pending_operations") or []:
        resource = item["resource"]
        if item["type"] != "creating" or not resource.get("custom"):
            continue
        identity = identify(resource["type"], resource.get("inputs", {}))
        if identity and resource["urn"] not in known:
            resources.append({**resource, "id": identity, "outputs": {}})
        elif resource["type"].startswith(CLOUD_PREFIXES):  # our own resources find what they made by themselves
            unknown.append(resource["urn"])
    kept = {key: value for key, value in deployment.items() if key != "pending_operations"}
    return {**kept, "resources": resources}, unknown


def identify(session: Session, token: str, inputs: Mapping[str, Any]) -> str | None:
    """Return the id of a resource that may have been created: its name gives it, or the cloud finds it by its name.

    None: nothing says it, or the cloud has none of that name.
    """
    if token in LOOKUPS:
        return LOOKUPS[token](session, inputs)
    try:
        template = ARNS.get(token) or tables.find(token).id
        known = {**account(session), **inputs} if ACCOUNT_ID in template else inputs
        return template.format_map(known)
    except (PluginError, KeyError):
        return None


def account(session: Session) -> dict[str, str]:
    """Return what ids say of the account: its number, partition and region."""
    sts = session.aws_client("sts")
    caller = sts.get_caller_identity()
    return {
        "accountId": caller["Account"],
        "partition": caller["Arn"].split(":")[1],
        "region": sts.meta.region_name,
    }


def _mlflow_app(session: Session, inputs: Mapping[str, Any]) -> str | None:
    pages = session.aws_client("sagemaker").get_paginator("list_mlflow_apps").paginate()
    apps = [app for page in pages for app in page["Summaries"] if app["Name"] == inputs["name"]]
    return next((app["Arn"] for app in apps if app["Status"] not in ("Deleting", "Deleted")), None)


ACCOUNT_ID = "{accountId}"
# Ids that are ARNs, and that the name gives.
ARNS = {
    "aws:sns/topic:Topic": "arn:{partition}:sns:{region}:{accountId}:{name}",
    "aws:iam/policy:Policy": "arn:{partition}:iam::{accountId}:policy{path}{name}",
}
# What takes minutes to create, and so is cut off most often, and would be refused if it were created again.
LOOKUPS: Mapping[str, Callable[[Session, Mapping[str, Any]], str | None]] = {
    "aws:sagemaker/mlflowApp:MlflowApp": _mlflow_app,
}
