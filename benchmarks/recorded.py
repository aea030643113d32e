"""Our plugins, which note when something of the cloud was at work for them: a request, a wait, a push to the registry.

`python -m benchmarks.recorded aws|stile`, with STILE_RECORD naming the file of the notes: a line of two times for each.
"""

import functools
import importlib.metadata
import os
import sys
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from infra.providers.kit import server
from infra.providers.kit.resource import Plugin

VARIABLE = "STILE_RECORD"


@dataclass(frozen=True)
class Note:
    """From when to when, in seconds of a clock that all processes share, something was at work for a plugin."""

    by: str
    began: float
    ended: float


def noted(by: str, work: Callable[..., Any]) -> Callable[..., Any]:
    """Make a function of a plugin note when it began and ended."""

    @functools.wraps(work)
    def recorded(*given: Any, **named: Any) -> Any:
        began = time.monotonic()
        try:
            return work(*given, **named)
        finally:
            with Path(os.environ[VARIABLE]).open("a") as record:
                record.write(f"{by} {began} {time.monotonic()}\n")

    return recorded


def read(record: Path) -> list[Note]:
    """Return the notes, and forget them."""
    lines = record.read_text().splitlines() if record.exists() else []
    record.unlink(missing_ok=True)
    return [Note(by, float(began), float(ended)) for by, began, ended in map(str.split, lines)]


def covered(notes: Iterable[Note]) -> float:
    """Return for how many seconds at least one was at work."""
    total, until = 0.0, float("-inf")
    for note in sorted(notes, key=lambda each: each.began):
        total += max(0.0, note.ended - max(note.began, until))
        until = max(until, note.ended)
    return total


def aws() -> Plugin:
    """Return the stand-in; it notes requests on the wire, and waits."""
    from infra.providers.aws.calls import Calls
    from infra.providers.aws.cloud import Cloud
    from infra.providers.aws.plugin import AwsPlugin

    def wired(self: Cloud, service: str, region: str) -> Any:
        client: Any = make(self, service, region)
        wire = client._endpoint.http_session
        wire.send = noted("aws", wire.send)
        return client

    make, Cloud._make = Cloud._make, wired  # type: ignore[method-assign]
    Calls.wait = noted("aws", Calls.wait)  # type: ignore[method-assign]
    return AwsPlugin(importlib.metadata.version("pulumi-aws"))


def stile() -> Plugin:
    """Return our own plugin; it notes what crane pushes."""
    from infra.providers.stile import assembly, programs
    from infra.providers.stile.__main__ import Stile

    setattr(assembly, "run", noted("stile", programs.run))  # noqa: B010 - for the type checker it is not there
    return Stile()


if __name__ == "__main__":
    made = {"aws": aws, "stile": stile}[sys.argv.pop(1)]
    server.main(made)
