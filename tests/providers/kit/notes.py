"""A plugin small enough to see the kit through: notes kept as files in the folder NOTES_DIR."""

import json
import os
from pathlib import Path

from infra.providers.kit.naming import NameRule, autoname
from infra.providers.kit.resource import (
    Change,
    CheckCall,
    Checked,
    CreateCall,
    Created,
    DeleteCall,
    Diff,
    DiffCall,
    Failure,
    Found,
    InitFailed,
    Plugin,
    PluginError,
    ReadCall,
    Resource,
    UpdateCall,
)
from infra.providers.kit.server import main
from infra.providers.kit.values import UNKNOWN, Properties, has_unknown


class Note(Resource):
    """A note has a title (its name), a text and a list of lines; a text `spoil` makes a note that is not right."""

    def check(self, call: CheckCall) -> Checked:
        inputs = dict(call.news)
        failures = [Failure(key, "unknown input") for key in inputs.keys() - {"title", "text", "lines"}]
        if "title" not in inputs:
            inputs["title"] = autoname(call, NameRule("title", max_length=20), was_automatic=True)
        return Checked(inputs, failures)

    def diff(self, call: DiffCall) -> Diff:
        changes = {
            key: Change.UPDATE_REPLACE if key == "title" else Change.UPDATE
            for key in ("title", "text", "lines")
            if call.olds.get(key) != call.news.get(key)
        }
        return Diff(changes)

    def create(self, call: CreateCall) -> Created:
        if call.preview:
            return Created("", {**call.inputs, "size": UNKNOWN if has_unknown(call.inputs.get("text")) else 1})
        return Created(call.inputs["title"], self._write(call.inputs))

    def read(self, call: ReadCall) -> Found | None:
        if not self._file(call.id).exists():
            return None
        inputs = json.loads(self._file(call.id).read_text())
        return Found(call.id, self._outputs(inputs), inputs)

    def update(self, call: UpdateCall) -> Properties:
        return {**call.inputs, "size": UNKNOWN} if call.preview else self._write(call.inputs)

    def delete(self, call: DeleteCall) -> None:
        self._file(call.id).unlink(missing_ok=True)

    def _write(self, inputs: Properties) -> Properties:
        if inputs.get("text") == "refuse":
            raise PluginError("this text is refused")
        self._file(inputs["title"]).write_text(json.dumps(inputs))
        if inputs.get("text") == "spoil":
            raise InitFailed("the note is spoiled", id=inputs["title"], outputs=self._outputs(inputs))
        return self._outputs(inputs)

    def _outputs(self, inputs: Properties) -> Properties:
        return {**inputs, "size": len(inputs.get("text") or "")}

    def _file(self, title: str) -> Path:
        return Path(os.environ["NOTES_DIR"], title)


class Notes(Plugin):
    """The plugin `notes` with its one type, `notes:index:Note`."""

    name = "notes"
    version = "1.0.0"

    def resource(self, token: str) -> Resource:
        if token != "notes:index:Note":
            raise PluginError(f"no type {token}")
        return Note()


if __name__ == "__main__":
    main(Notes)
