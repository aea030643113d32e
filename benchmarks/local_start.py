"""Start of the local cloud against LocalStack without our services, and against importing LocalStack; and memory."""

import os
import shutil
import subprocess
import tempfile
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import httpx
import psutil

from benchmarks.measure import Row, seconds
from infra import toolchain
from infra.localcloud import lifecycle, preparation
from infra.localcloud.jobs.ports import free_port
from infra.localcloud.launch import LocalCloud, variables
from infra.localcloud.launch_aws import AWS

ROUNDS = 5
OURS = "stile-localcloud-aws"
# LocalStack as its own program starts it, in the same environment, without the distribution that holds our services.
BARE = f"""
import importlib.metadata as metadata, runpy
every = metadata.distributions
metadata.distributions = lambda **which: (one for one in every(**which) if one.metadata["Name"] != {OURS!r})
runpy.run_module("localstack.runtime.main", run_name="__main__")
"""
# What answers requests: LocalStack's entry alone imports next to nothing.
SERVER = ("localstack.aws.app", "localstack.runtime.main", "localstack.runtime.server.twisted")
READY_SECONDS = 60.0
MIB = 2**20


@dataclass(frozen=True)
class Bare:
    """LocalStack alone; `folder` is removed and made at each start, `cache` stays."""

    folder: Path
    cache: Path

    @contextmanager
    def started(self) -> Iterator[psutil.Process]:
        """Run it until the caller is done; it is ready when the caller begins. Raises RuntimeError."""
        shutil.rmtree(self.folder, ignore_errors=True)
        (self.folder / "tmp").mkdir(parents=True)
        AWS.lay_out(self.folder)
        cloud = self._cloud()
        with cloud.log_path.open("wb") as log:
            process = psutil.Popen(
                [preparation.PYTHON, "-c", BARE], cwd=self.folder, env=self._environment(cloud), stdout=log, stderr=log
            )
        try:
            self._await_ready(cloud, process)
            yield process
        finally:
            process.kill()
            process.wait()

    def _cloud(self) -> LocalCloud:
        port = free_port()
        url, log = f"http://{lifecycle.HOST}:{port}", self.folder / "log"
        return LocalCloud("aws", 0, uuid.uuid4().hex, url, "", self.folder, log)

    def _environment(self, cloud: LocalCloud) -> dict[str, str]:
        ours = {**variables(cloud, self.folder, "crane"), **AWS.environment(cloud, self.folder)}
        own = {"PROVIDER_OVERRIDE_CLOUDWATCH"}
        kept = {name: value for name, value in ours.items() if name not in own and not name.startswith("STILE_")}
        return {**kept, "XDG_CACHE_HOME": str(self.cache)}

    def _await_ready(self, cloud: LocalCloud, process: psutil.Popen) -> None:
        deadline = time.monotonic() + READY_SECONDS
        health = f"{cloud.endpoint_url}/_localstack/health"
        with httpx.Client(trust_env=False, timeout=5) as client:
            while not lifecycle._answers(client, health):
                if process.poll() is not None or time.monotonic() > deadline:
                    raise RuntimeError(f"LocalStack did not start:\n{cloud.log_path.read_text()[-2000:]}")
                time.sleep(0.03)  # the pace of asking, as ours
            if "sagemaker" in client.get(health).json()["services"]:
                raise RuntimeError("this LocalStack has our services")


def measure() -> Iterator[Row]:
    """Compare, both sides taking turns."""
    os.environ["STILE_CRANE"] = str(toolchain.ensure(_silent).crane)
    AWS.prepare(_silent)
    ours: list[float] = []
    bare: list[float] = []
    imported: list[float] = []
    memory: list[float] = []
    bare_memory: list[float] = []
    with tempfile.TemporaryDirectory(prefix="stile-benchmark-") as name:
        alone = Bare(Path(name) / "bare", Path(name) / "cache")
        state = Path(name) / "state"
        with alone.started():
            pass  # its first start indexes what is installed; ours did so long ago
        for _ in range(ROUNDS):
            try:
                ours.append(seconds(partial(lifecycle.start, "aws", state, _silent)))
                memory.append(_mib(_running(state)))
            finally:
                lifecycle.stop("aws", state, _silent)
            began = time.perf_counter()
            with alone.started() as process:
                bare.append(time.perf_counter() - began)
                bare_memory.append(_mib(process))
            imported.append(seconds(_import_localstack))
    yield Row("start until ready; peer: LocalStack without our services", "s", ours, bare)
    yield Row("start until ready; peer: Python importing LocalStack's server", "s", ours, imported)
    yield Row("memory when ready; peer: LocalStack without our services", "MiB", memory, bare_memory)


def _running(state: Path) -> psutil.Process:
    found = lifecycle.running("aws", state)
    if found is None:
        raise RuntimeError("the local cloud that was started does not run")
    return psutil.Process(found.pid)


def _mib(process: psutil.Process) -> float:
    """Return what a process and its descendants hold of memory; pages that they share count once."""
    return sum(float(one.memory_full_info().pss) for one in [process, *process.children(recursive=True)]) / MIB


def _import_localstack() -> None:
    subprocess.run(
        [preparation.PYTHON, "-W", "ignore", "-c", f"import {', '.join(SERVER)}"],
        env={**preparation.inherited(), "FILESYSTEM_ROOT": str(preparation.CATALOGUE_ROOT), "OVERRIDE_IN_DOCKER": "0"},
        check=True,
    )


def _silent(_: str) -> None:
    pass
