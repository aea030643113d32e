"""One operation of the engine in a process of its own, as the command line does it: prints what came of it as JSON."""

import json
import os
import sys
from pathlib import Path

from infra import engine
from infra.errors import StileError
from tests.engine.small_project import SmallProject, Watched

OPERATIONS = {"up": engine.up, "preview": engine.preview, "refresh": engine.refresh, "destroy": engine.destroy}


def main(operation: str, root: str, notes: str, boot_id: str) -> None:
    """Run one operation on the small project at `root`."""
    watched = Watched()
    found: dict[str, object] = {}
    try:
        session = SmallProject(Path(root), Path(notes)).session(boot_id or None)
        outcome = OPERATIONS[operation](session, watched)
        found = {"changes": dict(outcome.changes), "outputs": dict(outcome.outputs)}
    except StileError as error:
        found = {"error": error.message, "path": error.path, "fix": error.fix}
    except KeyboardInterrupt:
        found = {"interrupted": True}
    sys.stdout.write(json.dumps({**found, "steps": watched.steps, "messages": watched.messages}))
    sys.stdout.flush()
    os._exit(0)


if __name__ == "__main__":
    main(*sys.argv[1:])
