"""Starts, finds and stops a local cloud; the one place that knows where it listens."""

import json
import os
import shlex
import shutil
import socket
import stat
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import httpx
import psutil
from filelock import FileLock

from infra.errors import LocalCloudError
from infra.localcloud.preparation import (
    CATALOGUE_ROOT,
    LIBRARY,
    PYTHON,
    Progress,
    cache,
    inherited,
    mlflow_database,
    prepare,
)

__all__ = ["LocalCloud", "prepare", "running", "start", "stop"]

SCHEMA = "stile.local/1"
HOST = "127.0.0.1"
READY_TIMEOUT_SECONDS = 90.0
KILL_TIMEOUT_SECONDS = 20.0
BOOT_VARIABLE = "STILE_BOOT_ID"
# Clouds outlive the process that starts them; while it lives, it must collect those that end.
_CHILDREN: dict[int, subprocess.Popen[bytes]] = {}


@dataclass(frozen=True)
class LocalCloud:
    """A running local cloud.

    Attributes:
        cloud: `aws`.
        pid: the process whose end is the cloud's end.
        boot_id: new at every start; a cloud with another boot_id holds nothing of this one.
        endpoint_url: where all its services answer.
        registry_url: where its container registry answers.
        state_dir: the state directory it belongs to.
        log_path: its log.
    """

    cloud: str
    pid: int
    boot_id: str
    endpoint_url: str
    registry_url: str
    state_dir: Path
    log_path: Path


def start(cloud: str, state_dir: Path, progress: Progress) -> LocalCloud:
    """Start the cloud of a state directory, or return the running one; at most one starts, however many call.

    Args:
        cloud: `aws`.
        state_dir: the project's `.stile` directory.
        progress: called with one line per step.

    Raises:
        LocalCloudError: it does not become ready, or something that it needs is missing.
    """
    _require_known(cloud)
    with _lock(cloud, state_dir):
        if found := running(cloud, state_dir):
            return found
        crane = _crane()
        prepare(progress)
        progress("starting LocalStack on this machine")
        began = time.monotonic()
        home = _home(cloud, state_dir)
        _remove(home)
        made, process = _launch(cloud, state_dir, home, crane)
        try:
            _await_ready(made, process)
        except BaseException:
            _end(process.pid, made.boot_id)
            raise
        _record(made)
        progress(f"the local cloud answers at {made.endpoint_url} ({time.monotonic() - began:.1f} s)")
        return made


def running(cloud: str, state_dir: Path) -> LocalCloud | None:
    """Return the running cloud of a state directory; None, with the leavings removed, if there is none."""
    _require_known(cloud)
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
    _require_known(cloud)
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
    _require_known(cloud)
    return _home(cloud, state_dir) / "logs" / "cloud.log"


def _require_known(cloud: str) -> None:
    if cloud != "aws":
        raise LocalCloudError(f"there is no local cloud for {cloud!r}", fix="local clouds: aws")


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


def _free_ports(count: int) -> list[int]:
    with ExitStack() as held:
        sockets = [held.enter_context(socket.socket()) for _ in range(count)]
        for one in sockets:
            one.bind((HOST, 0))
        return [one.getsockname()[1] for one in sockets]


def _launch(cloud: str, state_dir: Path, home: Path, crane: str) -> tuple[LocalCloud, subprocess.Popen[bytes]]:
    gateway, registry = _free_ports(2)
    path = log_path(cloud, state_dir)
    for directory in (path.parent, home / "tmp", home / "root" / LIBRARY.parent):
        directory.mkdir(parents=True)
    (home / "root" / LIBRARY).symlink_to(CATALOGUE_ROOT / LIBRARY)
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
            [PYTHON, "-m", "localstack.runtime.main"],
            cwd=home,
            env=_environment(made, home, crane),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    _CHILDREN[process.pid] = process
    return LocalCloud(**{**vars(made), "pid": process.pid}), process


def _mlflow() -> dict[str, str]:
    """How our services start MLflow; nothing without it, and creating an MLflow App then fails with that reason."""
    database = mlflow_database()
    if database is None:
        return {}
    return {
        "STILE_MLFLOW_COMMAND": shlex.join([sys.executable, "-m", "mlflow"]),
        "STILE_MLFLOW_DATABASE": str(database),
    }


def _environment(cloud: LocalCloud, home: Path, crane: str) -> dict[str, str]:
    address = cloud.endpoint_url.removeprefix("http://")
    return {
        **inherited(),
        # LocalStack: on loopback only, asking nothing of any network, everything it writes under its home.
        "GATEWAY_LISTEN": address,
        "LOCALSTACK_HOST": address,
        "DNS_ADDRESS": "0",
        "SKIP_SSL_CERT_DOWNLOAD": "1",
        "DISABLE_EVENTS": "1",
        "PROVIDER_OVERRIDE_CLOUDWATCH": "stile",
        "OVERRIDE_IN_DOCKER": "0",
        "FILESYSTEM_ROOT": str(home / "root"),
        "LOCALSTACK_VOLUME_DIR": str(home / "volume"),
        "TMPDIR": str(home / "tmp"),
        "XDG_CACHE_HOME": str(CATALOGUE_ROOT / "cache"),
        "PYTHONUNBUFFERED": "1",
        # LocalStack's own calls, and those of what it starts, go to itself.
        "AWS_ENDPOINT_URL": cloud.endpoint_url,
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_REGION": "us-east-1",
        "AWS_DEFAULT_REGION": "us-east-1",
        # Our services in it.
        BOOT_VARIABLE: cloud.boot_id,
        "STILE_LOCAL_HOME": str(home),
        "STILE_REGISTRY_URL": cloud.registry_url,
        "STILE_CRANE": crane,
        **_mlflow(),
        "STILE_JOBS_DIR": str(home / "jobs"),
        "STILE_JOB_PYTHON": sys.executable,
        # Unpacked images, which outlive a local cloud.
        "STILE_IMAGE_CACHE": str(cache() / "containers"),
    }


def _await_ready(cloud: LocalCloud, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + READY_TIMEOUT_SECONDS
    pending = [f"{cloud.registry_url}/v2/", f"{cloud.endpoint_url}/_localstack/health"]
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
