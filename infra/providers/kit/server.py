"""The process of a plugin: starts the gRPC server, tells the engine its port, and ends with the engine."""

import importlib.util
import os
import signal
import sys
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING

from infra.providers.kit.resource import Log, Plugin

if TYPE_CHECKING:
    import grpc

_WORKERS = 32
_MESSAGE_BYTES = 400 * 1024 * 1024  # what the engine itself allows


def main(
    make_plugin: Callable[[], Plugin], make_interceptors: "Callable[[], Sequence[grpc.ServerInterceptor]]" = tuple
) -> None:
    """Serve a plugin until the engine is gone. The engine's address is the first argument.

    The SDK's own start-up code (0.3 s) is left out: a plugin must not import `pulumi` itself.

    Args:
        make_plugin: makes the plugin.
        make_interceptors: makes what stands between the engine's calls and the plugin, such as a test's faults.
    """
    _watch_parent()
    _register_bare_sdk()
    import grpc
    from pulumi.runtime.proto import provider_pb2_grpc

    from infra.providers.kit.servicer import Servicer

    plugin = make_plugin()
    plugin.log = EngineLog(sys.argv[1]) if len(sys.argv) > 1 else StderrLog()
    options = [("grpc.max_receive_message_length", _MESSAGE_BYTES), ("grpc.max_send_message_length", _MESSAGE_BYTES)]
    workers = ThreadPoolExecutor(max_workers=_WORKERS)
    server = grpc.server(workers, options=options, interceptors=tuple(make_interceptors()))
    provider_pb2_grpc.add_ResourceProviderServicer_to_server(Servicer(plugin), server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    print(port, flush=True)  # noqa: T201 - the engine reads it
    server.wait_for_termination()


def _register_bare_sdk() -> None:
    """Make `pulumi.runtime.proto` importable without running the SDK's start-up code."""
    found = importlib.util.find_spec("pulumi") if "pulumi" not in sys.modules else None
    if found is None or found.origin is None:
        return
    root = Path(found.origin).parent
    for name, folder in (("pulumi", root), ("pulumi.runtime", root / "runtime")):
        module = ModuleType(name)
        module.__path__ = [str(folder)]
        sys.modules[name] = module


def _watch_parent() -> None:
    """End this process, and what it started, as soon as the engine is gone, even if it was killed."""
    parent = os.getppid()
    threading.Thread(target=_end_with, args=(parent,), daemon=True, name="parent-watch").start()


def _end_with(parent: int) -> None:
    import psutil

    if parent == os.getppid():
        try:
            psutil.Process(parent).wait()
        except psutil.NoSuchProcess:
            parent = 0
    if os.getpgrp() == os.getpid():  # the engine gives each plugin a process group of its own
        os.killpg(os.getpgrp(), signal.SIGKILL)
    os.kill(os.getpid(), signal.SIGKILL)


class StderrLog(Log):
    """Writes to stderr, where no engine listens."""

    def say(self, message: str, *, urn: str = "", severity: str = "info", passing: bool = False) -> None:
        """Write the message on a line."""
        print(f"{severity}: {message}", file=sys.stderr, flush=True)  # noqa: T201 - stderr is this class's purpose


class EngineLog(Log):
    """Hands messages to the engine, which shows them beside the resource."""

    def __init__(self, address: str) -> None:
        self._address = address
        self._lock = threading.Lock()
        self._stub: object | None = None

    def say(self, message: str, *, urn: str = "", severity: str = "info", passing: bool = False) -> None:
        """Show the message; blocks until the engine has it. Raises grpc.RpcError if the engine is gone."""
        import grpc
        from pulumi.runtime.proto import engine_pb2, engine_pb2_grpc

        with self._lock:
            stub = self._stub or engine_pb2_grpc.EngineStub(grpc.insecure_channel(self._address))
            self._stub = stub
        level = engine_pb2.LogSeverity.Value(severity.upper())
        stub.Log(engine_pb2.LogRequest(severity=level, message=message, urn=urn, ephemeral=passing))  # type: ignore[attr-defined]
