"""A plugin of ours in which each call begins and ends with a point where a process is killed: once per point, ever.

FATAL_DIR holds `points` (those used up, one a line), `shot` (the CLI at which one killed last: one time is enough) and
`release` (which the program is at: a change made for another one is another point). With FATAL_EACH set, calls that
change nothing have points for each resource, else for each method.
FATAL_KIND says who is killed: the `plugin` itself, the `cli` that started it, or `nobody`.
"""

import fcntl
import os
import signal
import sys
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from infra.providers.kit import server
from infra.providers.kit.resource import Plugin

CHANGES = ("Create", "Update", "Delete")
# A kill at one call while another goes on would end that one too, somewhere between its two points.
ONE_AT_A_TIME = threading.Lock()


def reach(point: str) -> None:
    """Kill at this point, unless it was used up before or something was killed already; then never return."""
    folder, kind = Path(os.environ["FATAL_DIR"]), os.environ["FATAL_KIND"]
    if kind == "nobody":
        return
    with (folder / "points").open("a+") as points:
        fcntl.flock(points, fcntl.LOCK_EX)
        points.seek(0)
        shot, cli = folder / "shot", str(os.getppid())
        if (shot.exists() and shot.read_text() == cli) or point in points.read().splitlines():
            return
        points.write(f"{point}\n")
        shot.write_text(cli)
    os.kill(os.getpid() if kind == "plugin" else os.getppid(), signal.SIGKILL)
    threading.Event().wait()  # for the end that the killing brings to this process too


def name(package: str, method: str, request: Any) -> str:
    """Return what a call is called: its method, the resource that it is about, and the release that changes it."""
    urn = getattr(request, "urn", "")
    about = " ".join(urn.split("::")[2:])
    if method in CHANGES:
        return f"{package} {method} {about} {Path(os.environ['FATAL_DIR'], 'release').read_text()}"
    return f"{package} {method} {about}" if "FATAL_EACH" in os.environ and urn else f"{package} {method}"


def interceptors(package: str) -> Sequence[Any]:
    """Return what makes each call pass its two points."""
    import grpc

    class Fatal(grpc.ServerInterceptor):  # type: ignore[misc]
        def intercept_service(self, continuation: Callable[[Any], Any], details: Any) -> Any:
            method = details.method.rpartition("/")[2]
            handler = continuation(details)

            def act(request: Any, context: Any) -> Any:
                call = name(package, method, request)
                with ONE_AT_A_TIME:
                    reach(f"{call}: before")
                    try:
                        return handler.unary_unary(request, context)
                    finally:
                        reach(f"{call}: after")

            return grpc.unary_unary_rpc_method_handler(
                act,
                request_deserializer=handler.request_deserializer,
                response_serializer=handler.response_serializer,
            )

    return (Fatal(),)


def make(package: str) -> Plugin:
    """Return the real plugin of a package."""
    if package == "stile":
        from infra.providers.stile.__main__ import Stile

        return Stile()
    from infra.providers.aws.plugin import AwsPlugin

    return AwsPlugin(os.environ["FATAL_AWS_VERSION"])


if __name__ == "__main__":
    served = sys.argv.pop(1)
    server.main(lambda: make(served), lambda: interceptors(served))
