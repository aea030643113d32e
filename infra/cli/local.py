"""`stile local`: the cloud that runs on this machine for the local environments of this clone."""

import shutil
import sys
from typing import Annotated

import typer

from infra import toolchain
from infra.cli import console
from infra.cli.options import Json
from infra.environments import state_dir
from infra.errors import LocalCloudError
from infra.localcloud import lifecycle
from infra.localcloud.lifecycle import LocalCloud

app = typer.Typer(no_args_is_help=True)
CloudName = Annotated[str, typer.Argument(metavar="CLOUD", help="aws or gcp")]


@app.command()
def start(cloud: CloudName = "aws", json: Json = False) -> None:
    """Start the local cloud; does nothing if it runs."""
    import os

    with console.Reporter() as reporter:
        os.environ["STILE_CRANE"] = str(toolchain.ensure(reporter.progress).crane)
        found = lifecycle.start(cloud, state_dir(), reporter.progress)
    console.say(f"the local cloud ({cloud}) answers at {found.endpoint_url}; it keeps nothing over a stop")
    if json:
        console.emit("local", described(cloud, found))


@app.command()
def stop(cloud: CloudName = "aws", json: Json = False) -> None:
    """Stop the local cloud, with all that runs in it. It keeps nothing; the next `up` builds it anew."""
    with console.Reporter() as reporter:
        stopped = lifecycle.stop(cloud, state_dir(), reporter.progress)
    console.say(f"the local cloud ({cloud}) {'has stopped' if stopped else 'was not running'}")
    if json:
        console.emit("local", {**described(cloud, None), "stopped": stopped})


@app.command()
def status(cloud: CloudName = "aws", json: Json = False) -> None:
    """Show whether the local cloud runs, and where it answers."""
    found = lifecycle.running(cloud, state_dir())
    if found is None:
        console.say(f"the local cloud ({cloud}) does not run")
    else:
        console.say(f"the local cloud ({cloud}) runs: {found.endpoint_url}, process {found.pid}, log {found.log_path}")
    if json:
        console.emit("local", described(cloud, found))


@app.command()
def logs(cloud: CloudName = "aws") -> None:
    """Write the local cloud's log on stdout; of one that did not start, what it left."""
    path = lifecycle.log_path(cloud, state_dir())
    if not path.exists():
        raise LocalCloudError(
            f"the local cloud ({cloud}) has not run, or was stopped", fix=f"./stile local start {cloud}"
        )
    with path.open(errors="replace") as log:
        shutil.copyfileobj(log, sys.stdout)


def described(cloud: str, found: LocalCloud | None) -> dict[str, object]:
    """Return the local cloud as scripts read it."""
    if found is None:
        return {"cloud": cloud, "running": False}
    return {
        "cloud": cloud,
        "running": True,
        "pid": found.pid,
        "boot_id": found.boot_id,
        "endpoint_url": found.endpoint_url,
        "registry_url": found.registry_url,
        "log_path": str(found.log_path),
    }
