"""A real model server per variant or deployed model: started, waited for, forwarded to, stopped, chosen by weight."""

import random
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

import urllib3

from infra.localcloud.jobs.archives import ArchiveError, extract
from infra.localcloud.jobs.container import Container, ContainerHost
from infra.localcloud.jobs.ports import free_port
from infra.localcloud.jobs.process import Exit, JobProcess, Limits, Sink

MODEL_FOLDER = "opt/ml/model"
PING_SECONDS = 2.0
Choice = TypeVar("Choice")


class VariantError(Exception):
    """A model server did not become ready, has died, or does not answer."""


@dataclass(frozen=True)
class VariantRequest:
    """What a variant serves.

    `image` is a URI as in CreateModel; `model_archive` a model.tar.gz on this machine, extracted to /opt/ml/model;
    `environment` what the container gets. `port` is where it is to listen; without one it is told a free one, as
    SAGEMAKER_BIND_TO_PORT. `entrypoint` and `arguments` are None where the image's own hold.
    """

    name: str
    image: str
    model_archive: Path | None
    environment: Mapping[str, str] = field(default_factory=dict)
    arguments: tuple[str, ...] | None = ("serve",)
    stop_grace_seconds: float = 30.0
    entrypoint: tuple[str, ...] | None = None
    port: int | None = None
    health_route: str = "/ping"
    predict_route: str = "/invocations"


@dataclass(frozen=True)
class VariantAnswer:
    """A model server's answer to one request; times in seconds."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    model_seconds: float


class Variant:
    """A running model server. Made by `start_variant`; all methods may be called from any thread."""

    def __init__(self, container: Container, process: JobProcess, port: int, request: VariantRequest) -> None:
        self._container = container
        self._process = process
        self._request = request
        self._url = f"http://127.0.0.1:{port}"
        self._pool = urllib3.PoolManager(maxsize=16, retries=False)
        self._removed = threading.Lock()
        self.port = port

    @property
    def name(self) -> str:
        """The name that it was started under."""
        return self._container.name

    @property
    def pid(self) -> int:
        """The process id of its outermost process."""
        return self._process.pid

    @property
    def exit(self) -> Exit | None:
        """How the server ended, None while it runs: a variant in service with an exit has crashed."""
        return self._process.poll()

    def wait_ready(self, timeout_seconds: float) -> None:
        """Wait for GET of the health route to answer 200.

        Raises VariantError when the server ends first, or when the time is over; it is still running then.
        """
        deadline = time.monotonic() + timeout_seconds
        while not self._ping():
            ended = self._process.wait(min(0.05, max(0.0, deadline - time.monotonic())))
            if ended is not None:
                raise VariantError(f"the model server ended with code {ended.code} before it answered a ping")
            if time.monotonic() >= deadline:
                raise VariantError(f"the model server did not pass its ping health check within {timeout_seconds:g} s")

    def invoke(self, body: bytes, headers: Mapping[str, str], *, timeout_seconds: float = 60.0) -> VariantAnswer:
        """Forward one request to POST of the predict route; any HTTP status is an answer.

        Raises VariantError when the server is gone or does not answer in time.
        """
        began = time.perf_counter()
        try:
            route = self._request.predict_route
            answer = self._pool.request(
                "POST", f"{self._url}{route}", body=body, headers=dict(headers), timeout=timeout_seconds
            )
        except urllib3.exceptions.HTTPError as error:
            raise VariantError(f"the model server of {self.name} does not answer: {error}") from error
        return VariantAnswer(answer.status, dict(answer.headers), answer.data, time.perf_counter() - began)

    def wait(self, timeout_seconds: float | None = None) -> Exit | None:
        """Wait for the server to end, of itself or stopped; None when the time is over first."""
        return self._process.wait(timeout_seconds)

    def stop(self) -> Exit:
        """Stop the server (SIGTERM, after the grace SIGKILL), wait until its processes are gone, remove its files."""
        self._process.stop()
        ended = self._process.wait()
        assert ended is not None  # noqa: S101 - no time limit was given
        with self._removed:
            if self._container.files.exists():
                self._container.remove()
        return ended

    def _ping(self) -> bool:
        try:
            answer = self._pool.request("GET", f"{self._url}{self._request.health_route}", timeout=PING_SECONDS)
        except urllib3.exceptions.HTTPError:
            return False
        return answer.status == 200


def start_variant(host: ContainerHost, request: VariantRequest, sink: Sink) -> Variant:
    """Start a variant's model server on a free port of loopback; returns at once, see `Variant.wait_ready`.

    `sink` takes the server's output line by line. Raises ImageError when the image cannot be had, VariantError
    when the model archive cannot be extracted, OSError when the program cannot be started.
    """
    container = host.create(request.name, request.image)
    try:
        _extract(request.model_archive, container.files / MODEL_FOLDER)
        port = request.port or free_port()
        told = {} if request.port else {"SAGEMAKER_BIND_TO_PORT": str(port)}
        process = container.start(
            env={**request.environment, **told},
            entrypoint=request.entrypoint,
            arguments=request.arguments,
            limits=Limits(stop_grace_seconds=request.stop_grace_seconds),
            sink=sink,
        )
    except BaseException:
        container.remove()
        raise
    return Variant(container, process, port, request)


def choose(variants: Sequence[tuple[Choice, float]], source: random.Random) -> Choice:
    """Choose one of (variant, weight) at random by weight; with no weight above 0 every variant is equal.

    Raises ValueError for no variants or a negative weight.
    """
    if not variants or any(weight < 0 for _, weight in variants):
        raise ValueError("there must be variants, and no weight may be negative")
    names, weights = [name for name, _ in variants], [weight for _, weight in variants]
    return source.choices(names, weights if sum(weights) > 0 else None)[0]


def _extract(archive: Path | None, folder: Path) -> None:
    folder.mkdir(parents=True)
    if archive is None:
        return
    try:
        extract(archive, folder)
    except ArchiveError as error:
        raise VariantError(f"the model cannot be used: {error}") from error
