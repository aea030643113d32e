"""The notes' plugin, where the text `wait` makes a create begin and not end until the file `go` appears."""

import os
from pathlib import Path
from time import sleep

from infra.providers.kit.resource import CreateCall, Created, Resource
from infra.providers.kit.server import main
from tests.providers.kit.notes import Note, Notes


class SlowNote(Note):
    """A note whose create can be caught in the act."""

    def create(self, call: CreateCall) -> Created:
        control = Path(os.environ["NOTES_CONTROL"])
        if call.inputs.get("text") == "wait" and not call.preview:
            (control / "begun").touch()
            while not (control / "go").exists():
                sleep(0.02)  # the pace of asking; the wait is on the file
        return super().create(call)


class SlowNotes(Notes):
    """The plugin with that one type."""

    def resource(self, token: str) -> Resource:
        super().resource(token)
        return SlowNote()


if __name__ == "__main__":
    main(SlowNotes)
