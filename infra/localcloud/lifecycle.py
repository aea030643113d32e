"""Starts, finds and stops a local cloud; the one place that knows where it listens."""

import json
import os
import shutil
import stat
import subprocess
import time
import uuid
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import httpx
import psutil
from filelock import FileLock

from infra.errors import LocalCloudError
from infra.localcloud.jobs.ports import free_port
from infra.localcloud.launch import BOOT_VARIABLE, Launch, LocalCloud, variables
from infra.localcloud.launch_aws import AWS
from infra.localcloud.launch_gcp import GCP
from infra.localcloud.preparation import Progress

__all__ = ["BOOT_VARIABLE", "LocalCloud", "log_path", "running", "start", "stop"]

SCHEMA = "stile.local/1"
HOST = "127.0.0.1"
READY_TIMEOUT_SECONDS = 90.0
KILL_TIMEOUT_SECONDS = 20.0
LAUNCHES = {"aws": AWS, "gcp": GCP}
# Clouds outlive the process that starts them; while it lives, it must collect those that end.
_CHILDREN: dict[int, subprocess.Popen[bytes]] = {}


def start(cloud: str, state_dir: Path, progress: Progress) -> LocalCloud:
    """Start the cloud of a state directory, or return the running one; at most one starts, however many call.

    Args:
        cloud: `aws` or `gcp`.
        state_dir: the project's `.stile` directory.
        progress: called with one line per step.

    Raises:
        LocalCloudError: it does not become ready, or something that it needs is missing.
    """
    launch = _launch_of(cloud)
    with _lock(cloud, state_dir):
        if found := running(cloud, state_dir):
            return found
        crane = _crane()
        launch.prepare(progress)
        progress(f"starting {launch.title} on this machine")
        began = time.monotonic()
        home = _home(cloud, state_dir)
        _remove(home)
        made, process = _launched(cloud, state_dir, home, crane)
        try:
            _await_ready(made, process, launch.health)
        except BaseException:
            _end(process.pid, made.boot_id)
            raise
        _record(made)
        progress(f"the local cloud answers at {made.endpoint_url} ({time.monotonic() - began:.1f} s)")
        return made


def running(cloud: str, state_dir: Path) -> LocalCloud | None:
    """Return the running cloud of a state directory; None, with the leavings removed, if there is none."""
    _launch_of(cloud)
    path = _state_path(cloud, state_dir)
    try:
        record = json.loads(path.read_text())
    except FileNotFoundError:
        return None
    except json.JSONDecodeError as error:
        raise LocalCloudError(
            f"{path} cannot be read: {error}", path=str(path), fix=f"remove {path} and start again"
        ) from error
    found = LocalCloud(
        cloud=record["cloud"],
        pid=record["pid"],
        boot_id=record["boot_id"],
        endpoint_url=record["endpoint_url"],
        registry_url=record["registry_url"],
        state_dir=state_dir,
        log_path=Path(record["log_path"]),
    )
    if _lives(found):
        return found
    # Killed rather than stopped: what it had started died with it or is ended here.
    if child := _CHILDREN.pop(found.pid, None):
        child.wait()
    _end(None, found.boot_id)
    path.unlink(missing_ok=True)
    return None


def stop(cloud: str, state_dir: Path, progress: Progress) -> bool:
    """Stop the cloud with everything that it runs, and remove all that it held; False if none was running."""
    _launch_of(cloud)
    with _lock(cloud, state_dir):
        found = running(cloud, state_dir)
        if found is not None:
            progress("stopping the local cloud; it keeps nothing")
            _end(found.pid, found.boot_id)
            _state_path(cloud, state_dir).unlink(missing_ok=True)
        _remove(_home(cloud, state_dir))
        return found is not None


def log_path(cloud: str, state_dir: Path) -> Path:
    """Where the cloud that was started last writes its log, or wrote it if it did not start."""
    _launch_of(cloud)
    return _home(cloud, state_dir) / "logs" / "cloud.log"


def _launch_of(cloud: str) -> Launch:
    if cloud not in LAUNCHES:
        raise LocalCloudError(f"there is no local cloud for {cloud!r}", fix=f"local clouds: {', '.join(LAUNCHES)}")
    return LAUNCHES[cloud]


def _lock(cloud: str, state_dir: Path) -> FileLock:
    path = state_dir / "local" / f"{cloud}.lock"
    path.parent.mkdir(parents=True, exist_ok=True)
    return FileLock(path)


def _state_path(cloud: str, state_dir: Path) -> Path:
    return state_dir / "local" / f"{cloud}.json"


def _home(cloud: str, state_dir: Path) -> Path:
    return (state_dir / "local" / cloud).absolute()


def _crane() -> str:
    found = os.environ.get("STILE_CRANE") or shutil.which("crane")
    if not found:
        raise LocalCloudError(
            "crane, which serves the local container registry, was not found",
            fix="run ./stile, which installs it, or name the program in STILE_CRANE",
        )
    return found


def _launched(cloud: str, state_dir: Path, home: Path, crane: str) -> tuple[LocalCloud, subprocess.Popen[bytes]]:
    launch = LAUNCHES[cloud]
    gateway, registry = free_port(), free_port()
    path = log_path(cloud, state_dir)
    for directory in (path.parent, home / "tmp"):
        directory.mkdir(parents=True)
    launch.lay_out(home)
    made = LocalCloud(
        cloud=cloud,
        pid=0,
        boot_id=uuid.uuid4().hex,
        endpoint_url=f"http://{HOST}:{gateway}",
        registry_url=f"http://{HOST}:{registry}",
        state_dir=state_dir,
        log_path=path,
    )
    with path.open("wb") as log:
        process = subprocess.Popen(
            launch.command(made, home),
            cwd=home,
            env={**variables(made, home, crane), **launch.environment(made, home)},
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    _CHILDREN[process.pid] = process
    return LocalCloud(**{**vars(made), "pid": process.pid}), process


def _await_ready(cloud: LocalCloud, process: subprocess.Popen[bytes], health: str) -> None:
    deadline = time.monotonic() + READY_TIMEOUT_SECONDS
    pending = [f"{cloud.registry_url}/v2/", f"{cloud.endpoint_url}{health}"]
    with httpx.Client(trust_env=False, timeout=5) as client:
        while pending:
            if process.poll() is not None:
                raise _not_ready(cloud, f"it ended with exit code {process.returncode}")
            if time.monotonic() > deadline:
                raise _not_ready(cloud, f"{pending[0]} did not answer within {READY_TIMEOUT_SECONDS:.0f} s")
            if _answers(client, pending[0]):
                pending.pop(0)
            else:
                # The wait is on the answer; this is only the pace of asking.
                time.sleep(0.03)


def _answers(client: httpx.Client, url: str) -> bool:
    try:
        return client.get(url).is_success
    except httpx.TransportError:
        return False


def _not_ready(cloud: LocalCloud, why: str) -> LocalCloudError:
    tail = "\n".join(cloud.log_path.read_text(errors="replace").splitlines()[-15:])
    return LocalCloudError(
        f"the local cloud did not start: {why}\n{tail}",
        path=str(cloud.log_path),
        fix="its whole log: ./stile local logs",
    )


def _record(cloud: LocalCloud) -> None:
    """Write the state file whole or not at all."""
    path = _state_path(cloud.cloud, cloud.state_dir)
    document = {
        "schema": SCHEMA,
        "cloud": cloud.cloud,
        "pid": cloud.pid,
        "boot_id": cloud.boot_id,
        "endpoint_url": cloud.endpoint_url,
        "registry_url": cloud.registry_url,
        "log_path": str(cloud.log_path),
        "started_at": datetime.now(UTC).isoformat(),
    }
    fresh = path.with_suffix(".new")
    fresh.write_text(json.dumps(document, indent=2) + "\n")
    fresh.replace(path)


def _lives(cloud: LocalCloud) -> bool:
    """True if this very process runs; another one may have its number by now.

    The mark of its boot tells them apart. The time at which it began would not: that moves when the clock is set.
    """
    try:
        return _is_marked(psutil.Process(cloud.pid), cloud.boot_id)
    except psutil.NoSuchProcess:
        return False


def _end(pid: int | None, boot_id: str) -> None:
    """Kill the cloud's process and all that it started. Nothing in it is to be saved, so there is no asking first."""
    deadline = time.monotonic() + KILL_TIMEOUT_SECONDS
    while members := list(_members(pid, boot_id)):
        if time.monotonic() > deadline:
            raise LocalCloudError(f"these processes of the local cloud do not end: {[one.pid for one in members]}")
        for one in members:
            try:
                one.kill()
            except psutil.NoSuchProcess:
                continue
        psutil.wait_procs(members, timeout=0.1)
    if pid is not None and (child := _CHILDREN.pop(pid, None)):
        child.wait()


def _members(pid: int | None, boot_id: str) -> Iterator[psutil.Process]:
    """The cloud's process, what descends from it, and what carries its boot's mark after losing its parent."""
    seen: set[int] = set()
    if pid is not None:
        try:
            top = psutil.Process(pid)
            tree = [top, *top.children(recursive=True)]
        except psutil.NoSuchProcess:
            tree = []
        seen = {one.pid for one in tree}
        yield from (one for one in tree if _is_up(one))
    yield from (one for one in psutil.process_iter() if one.pid not in seen and _is_marked(one, boot_id))


def _is_up(process: psutil.Process) -> bool:
    try:
        return bool(process.status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False


def _is_marked(process: psutil.Process, boot_id: str) -> bool:
    try:
        return bool(process.environ().get(BOOT_VARIABLE) == boot_id and _is_up(process))
    except (psutil.Error, OSError):
        # Another user's process, or one that has just ended: not ours.
        return False


def _remove(home: Path) -> None:
    """Remove all that a cloud held; overlay file systems leave folders that their owner may not enter."""
    if not home.exists():
        return
    for folder, names, _ in os.walk(home):
        for name in names:
            path = Path(folder, name)
            if not path.is_symlink() and not os.access(path, os.R_OK | os.X_OK):
                path.chmod(stat.S_IRWXU)
    shutil.rmtree(home)
