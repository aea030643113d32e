"""`stile doctor`: what is found on this machine, what is missing, and how to mend it."""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

import typer
from rich.text import Text

from infra import toolchain
from infra.cli import console
from infra.cli.options import Json
from infra.environments import ROOT, known_environments, state_dir
from infra.errors import ToolchainError
from infra.localcloud import lifecycle
from infra.toolchain import bootstrap
from infra.toolchain.build import find_go

FREE_GIB = 5
NAMESPACE = ["unshare", "--user", "--map-root-user", "--mount", "true"]


@dataclass(frozen=True)
class Check:
    """One thing that was looked at.

    Attributes:
        name: what it is.
        status: `missing` is needed and not there; `warning` works, but not as well as it could.
        found: what was found.
        fix: what to do; empty if nothing is to be done.
    """

    name: str
    status: Literal["ok", "warning", "missing"]
    found: str
    fix: str = ""


@dataclass(frozen=True)
class Account:
    """Where a cloud's clients find an account: any of these variables, or files below the user's home."""

    variables: tuple[str, ...]
    files: tuple[str, ...]

    def is_configured(self) -> bool:
        """True if one of them is there."""
        told = any(os.environ.get(name) for name in self.variables)
        return told or any((Path.home() / name).exists() for name in self.files)


ACCOUNTS = {
    "an AWS account": Account(
        ("AWS_PROFILE", "AWS_ACCESS_KEY_ID", "AWS_ROLE_ARN"), (".aws/credentials", ".aws/config")
    ),
    "a Google Cloud account": Account(
        ("GOOGLE_APPLICATION_CREDENTIALS", "GOOGLE_CREDENTIALS", "GOOGLE_OAUTH_ACCESS_TOKEN"),
        (".config/gcloud/application_default_credentials.json",),
    ),
}


def command(json: Json = False) -> None:
    """Show what is found on this machine, what is missing, and how to mend it. Exit code 1: something is missing."""
    checks = [check for look in LOOKS for check in look()]
    for check in checks:
        show(check)
    missing = [check.name for check in checks if check.status == "missing"]
    console.say("everything that Stile needs is here" if not missing else f"missing: {', '.join(missing)}")
    if json:
        console.emit("doctor", {"ready": not missing, "checks": [asdict(check) for check in checks]})
    if missing:
        raise typer.Exit(1)


def show(check: Check) -> None:
    """Show one check to a person."""
    style = {"ok": "green", "warning": "yellow", "missing": "bold red"}[check.status]
    terminal = console.terminal()
    terminal.print(Text.assemble((f"{check.status:<8}", style), f" {check.name}: {check.found}"))
    if check.fix:
        console.say(f"         fix: {check.fix}")


def python() -> list[Check]:
    """Look at the Python that runs this."""
    version = ".".join(map(str, sys.version_info[:3]))
    fits = (3, 11) <= sys.version_info < (3, 13)
    fix = "" if fits else "remove .venv and run ./stile: uv then takes or gets 3.11 or 3.12"
    return [Check("Python", "ok" if fits else "missing", f"{version}, {sys.executable}", fix)]


def environments() -> list[Check]:
    """Look at the environments that the launcher makes."""
    checks = []
    for environment in bootstrap.environments(ROOT):
        folder = environment.folder / ".venv"
        if environment.is_ready():
            checks.append(Check(environment.title, "ok", f"{folder}, as locked"))
        elif environment.python.exists():
            checks.append(Check(environment.title, "warning", f"{folder}, not made from this lock", "run ./stile"))
        else:
            checks.append(Check(environment.title, "missing", f"no {folder}", "run ./stile, with a network"))
    return checks


def programs() -> list[Check]:
    """Look for uv, Pulumi and crane; Go is looked at only where it would be needed."""
    found = toolchain.find()
    install = "any of up, preview and env installs it"
    rejected = "; ".join(found.rejected) or "not found"
    checks = [
        Check("uv", *uv()),
        Check("Pulumi with its language host", "ok", f"{found.pulumi.version}, {found.pulumi.path}")
        if found.pulumi
        else Check("Pulumi with its language host", "missing", rejected, install),
        Check("crane", "ok", f"{found.crane.version}, {found.crane.path}")
        if found.crane
        else Check("crane", "missing", rejected, install),
    ]
    if found.toolchain() is None:
        go = find_go()
        said = f"{go}" if go else "not found; should a build be needed, it comes as a Python package"
        checks.append(Check("Go", "ok", said))
    return checks


def uv() -> tuple[Literal["ok", "missing"], str, str]:
    """Look for uv."""
    try:
        return "ok", str(toolchain.find_uv()), ""
    except ToolchainError as error:
        return "missing", error.message, error.fix or ""


def isolation() -> list[Check]:
    """Look at how local jobs are kept apart."""
    name = "a root of its own for each local job"
    possible = shutil.which("unshare") and subprocess.run(NAMESPACE, capture_output=True, check=False).returncode == 0
    if possible:
        return [Check(name, "ok", "mount namespaces")]
    fix = "allow user namespaces (sysctl kernel.unprivileged_userns_clone=1), on Linux"
    return [Check(name, "warning", "no mount namespaces: a root variable stands in for them", fix)]


def space() -> list[Check]:
    """Look at the room on the disks that are written to."""
    checks = []
    for name, folder in (("the cache", bootstrap.cache_dir()), ("this clone's state", state_dir())):
        there = next(path for path in (folder, *folder.parents) if path.exists())
        free_gib = shutil.disk_usage(there).free / 2**30
        writable = os.access(there, os.W_OK)
        enough = free_gib >= FREE_GIB
        fix = (
            ""
            if enough and writable
            else f"make room for {FREE_GIB} GiB, or move it (STILE_CACHE_DIR, STILE_STATE_DIR)"
        )
        status: Literal["ok", "warning", "missing"] = "ok" if enough else "warning"
        checks.append(Check(name, status if writable else "missing", f"{folder}, {free_gib:.0f} GiB free", fix))
    return checks


def clouds() -> list[Check]:
    """Look at what there is to work on: environments, the local clouds, accounts."""
    names = known_environments()
    checks = [Check("environments", "ok" if names else "missing", ", ".join(names) or "none in stacks/")]
    for cloud in lifecycle.LAUNCHES:
        running = lifecycle.running(cloud, state_dir())
        told = f"runs: {running.endpoint_url}" if running else "does not run"
        checks.append(Check(f"the local cloud ({cloud})", "ok", told))
    for title, account in ACCOUNTS.items():
        told = "configured" if account.is_configured() else "none configured; local environments need none"
        checks.append(Check(title, "ok", told))
    return checks


LOOKS: tuple[Callable[[], list[Check]], ...] = (python, environments, programs, isolation, space, clouds)
