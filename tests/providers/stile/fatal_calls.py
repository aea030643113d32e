"""Makes each call on Google's API begin and end with a point at which this process is killed, once per point, ever.

The points are kept as tests/engine/fatal_plugin.py keeps them. As a program it is the real plugin, which dies after the
calls that change something.
"""

import json
import os
from collections import Counter
from collections.abc import Callable
from typing import Any

from infra.providers.kit import server
from tests.engine.fatal_plugin import reach

CHANGES = ("deployModel", "undeployModel", "mutateDeployedModel", "patch")


def name(request: Any) -> str:
    """Return what a call is called: its method, and what it changes."""
    method = request.methodId.rpartition(".")[2]
    if method not in CHANGES:
        return ".".join(request.methodId.split(".")[-2:])
    body = json.loads(request.body)
    about = body.get("trafficSplit") if method == "patch" else body.get("deployedModelId")
    return f"{method} {json.dumps(about or body['deployedModel']['id'], sort_keys=True)}"


def install(at: Callable[[str], None]) -> None:
    """Call `at` before and after each call; those that change nothing are counted, as one is not like the next."""
    from googleapiclient.http import HttpRequest

    execute, seen = HttpRequest.execute, Counter[str]()

    def passing(request: Any, *args: Any, **kwargs: Any) -> Any:
        call = name(request)
        changes = call.split(" ")[0] in CHANGES
        if not changes:
            seen[call] += 1
            call = f"{call} {seen[call]}"
        at(f"{call}: before")
        answer = execute(request, *args, **kwargs)
        at(f"{call}: after")
        return answer

    HttpRequest.execute = passing


def make() -> Any:
    """Return the real plugin."""
    from infra.providers.stile.__main__ import Stile

    install(_after_changes)
    return Stile()


def _after_changes(point: str) -> None:
    if point.startswith(CHANGES) and point.endswith(": after"):
        reach(point)


if __name__ == "__main__":
    os.environ.setdefault("FATAL_KIND", "plugin")
    server.main(make)
