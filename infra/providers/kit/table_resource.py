"""A resource type as its table says: checks, differences and calls, with a hook for what a table cannot say."""

from abc import abstractmethod
from collections.abc import Iterable, Mapping
from typing import Any, Generic, TypeVar

from infra.providers.kit.calls import Calls
from infra.providers.kit.hooks import Hook
from infra.providers.kit.live import DEFAULTS_KEY, keep_spelling, live_inputs
from infra.providers.kit.plan import Plan
from infra.providers.kit.reading import fill, parse_id
from infra.providers.kit.resource import (
    CallFailed,
    CheckCall,
    Checked,
    CreateCall,
    Created,
    DeleteCall,
    Diff,
    DiffCall,
    Found,
    InitFailed,
    PluginError,
    ReadCall,
    Resource,
    UpdateCall,
)
from infra.providers.kit.schema import empty, same
from infra.providers.kit.shapes import place, read_object, search
from infra.providers.kit.tables import Call, Type
from infra.providers.kit.values import Properties, has_unknown

C = TypeVar("C", bound=Calls)


class TableResource(Resource, Generic[C]):
    """Serves every resource of one type; a cloud's own class says where a resource is, and what marks it carries."""

    def __init__(self, table: Type, plan: Plan, hook: Hook[C]) -> None:
        self._type = table
        self._plan = plan
        self._hook = hook

    # what a cloud has its own way of

    @abstractmethod
    def _calls(self, properties: Properties, timeout_seconds: float | None = None) -> C:
        """Return the calls for a resource with these properties, given or recorded."""

    def _changed(self, calls: C, olds: Properties, inputs: Properties) -> set[str]:
        """Return the properties to bring from what is recorded to what is asked for."""
        fields = self._type.fields
        changed = {name for name, each in fields.items() if not same(each, olds.get(name), inputs.get(name))}
        return changed - calls.sent_otherwise

    def _place(self, calls: C, properties: Properties) -> Properties:
        """Return what is known of where a resource is, beside its id and its properties."""
        return {}

    def _mark(self, calls: C, args: dict[str, Any], inputs: Properties) -> set[str]:
        """Add the marks (tags and the like) to the arguments of the create operation; return what was sent so."""
        return set()

    def _mark_made(self, calls: C, inputs: Properties, known: dict[str, Any]) -> None:
        """Mark what is made, where the create operation takes no marks."""

    def _remark(self, calls: C, inputs: Properties, olds: Properties, known: Mapping[str, Any]) -> None:
        """Bring the marks from old to new, where an operation of their own does."""

    def _marks(self, calls: C, known: Mapping[str, Any], outputs: Properties, prior: Properties) -> Properties:
        """Return the outputs with what is live of place and marks."""
        return outputs

    def _for_texts(self, known: Mapping[str, Any]) -> Mapping[str, Any]:
        """Return what is known with what the type's texts speak of beside it."""
        return known

    # the engine's calls

    def check(self, call: CheckCall) -> Checked:
        """Fill in name and defaults, turn documents into text, and refuse what no table maps."""
        return self._plan.check(call)

    def diff(self, call: DiffCall) -> Diff:
        """Compare the recorded outputs with the new inputs."""
        return self._plan.diff(call)

    def create(self, call: CreateCall) -> Created:
        """Make the resource, settle what its create operation does not take, and wait."""
        if call.preview:
            return Created("", self._plan.outputs(call.inputs))
        calls = self._calls(call.inputs, call.timeout_seconds)
        inputs = {name: value for name, value in call.inputs.items() if name != DEFAULTS_KEY}
        known, sent = self._make(calls, inputs)
        wait = self._type.waits.get("create")
        try:
            self._settle(calls, inputs, known, sent)
            self._hook.after_create(calls, inputs, known)
            calls.wait("create", known, call.timeout_seconds)
            outputs = self._live(calls, known, inputs)
        except PluginError as error:
            if wait is not None and not wait.recorded:
                raise
            raise InitFailed(str(error), id=known["id"], outputs=certain(self._plan.outputs(inputs, known))) from error
        if outputs is None:
            raise PluginError(f"{known['id']} was made, but cannot be found")
        return Created(known["id"], outputs)

    def _make(self, calls: C, inputs: Properties) -> tuple[dict[str, Any], set[str]]:
        """Call the create operation; return what is known then (with the id), and the properties that it took."""
        self._hook.before_create(calls, inputs)
        create = self._type.create
        inputs |= self._hook.fill(calls, inputs)
        known: dict[str, Any] = {**inputs, **self._place(calls, inputs)}
        shape = calls.shape(create)
        sent = {name for name in inputs if name in self._type.fields and place(self._type.fields[name], shape)}
        args = calls.arguments(create, inputs, sent, known)
        sent |= self._mark(calls, args, inputs)
        args = self._hook.create_arguments(calls, args, inputs)
        answer = self._hook.create(calls, args, inputs)
        if answer is None:
            answer = calls(create.operation, **args)
        result = (search(create.result, answer) if create.result else answer) or {}
        known |= {
            name: value for name, path in self._type.outputs.items() if (value := search(path, result)) is not None
        }
        known["id"] = fill(self._type.id, {**result, **known})
        return known, sent

    def _settle(self, calls: C, inputs: Properties, known: dict[str, Any], sent: set[str]) -> None:
        """Make the calls for what the create operation did not take."""
        fields = self._type.fields
        left = {name for name, value in inputs.items() if name not in sent and not same(fields[name], None, value)}
        self._change(calls, inputs, known, left)
        self._mark_made(calls, inputs, known)

    def _change(self, calls: C, inputs: Properties, known: Mapping[str, Any], changed: set[str]) -> None:
        for call in self._type.updates:
            touched = [name for name in self._asking(calls, call) if name in changed]
            wanted = any(not empty(inputs.get(name)) for name in touched)
            if touched and (call.on == "change" or (call.on == "set") == wanted):
                self._send(calls, call, inputs, known, touched)

    def _asking(self, calls: C, call: Call) -> Iterable[str]:
        """Return the properties whose change asks for an update."""
        if call.when != ("*",):
            return call.when
        shape = calls.shape(call)
        return [name for name, each in self._type.fields.items() if not each.local and place(each, shape)]

    def _send(self, calls: C, call: Call, inputs: Properties, known: Mapping[str, Any], touched: list[str]) -> None:
        if call.send == "each":
            for name in touched:
                known_of = self._type.fields[name]
                value = inputs.get(name, known_of.default)
                text = "" if value is None else str(value).lower() if isinstance(value, bool) else str(value)
                api = (known_of.api or name[0].upper() + name[1:]).rsplit(".", 1)[-1]
                calls(call.operation, **fill(call.args, {**known, "api": api, "value": text}))
            return
        names = {"when": call.when, "changed": touched, "all": tuple(inputs), "none": ()}[call.send]
        names = [name for name in names if name in self._type.fields]
        values = {name: "" if inputs.get(name) is None and name in touched else inputs.get(name) for name in names}
        values = {
            name: value for name, value in values.items() if value != "" or self._type.fields[name].kind == "string"
        }
        args = calls.arguments(call, values, names, known, touched)
        calls(call.operation, **self._hook.update_arguments(call, args, inputs))

    def read(self, call: ReadCall) -> Found | None:
        """Return what is live, and the inputs that would make it."""
        calls = self._calls(call.outputs)
        known = self._known(calls, call.id, call.outputs)
        outputs = self._live(calls, known, call.outputs)
        if outputs is None:
            return None
        return Found(
            str(fill(self._type.id, {**outputs, **known})),
            outputs,
            live_inputs(self._type.fields, outputs, call.inputs),
        )

    def _known(self, calls: C, identity: str, outputs: Properties) -> dict[str, Any]:
        parsed = self._hook.parse_id(identity) or parse_id(self._type.id, identity)
        return {**parsed, **outputs, **self._place(calls, {**parsed, **outputs}), "id": identity}

    def _live(self, calls: C, known: dict[str, Any], prior: Properties) -> Properties | None:
        """Return the outputs as they are live, in the prior values' spelling; None if the resource is gone."""
        document = calls.read(known)
        if document is None or (self._type.gone_when and search(self._type.gone_when, document)):
            return None
        document = self._hook.document(calls, document, known)
        live = read_object(self._type.fields, document)
        outputs = {name: known.default for name, known in self._type.fields.items() if known.default is not None}
        outputs |= {
            name: prior[name] for name, known in self._type.fields.items() if not known.readable and name in prior
        }
        outputs |= {
            name: keep_spelling(self._type.fields[name], prior.get(name), value) for name, value in live.items()
        }
        outputs |= self._computed(document)
        outputs |= self._texts({**known, **outputs})
        return self._marks(calls, known, outputs, prior)

    def _computed(self, document: Mapping[str, Any]) -> Properties:
        """Return the computed outputs that an answer holds."""
        found = {name: search(path, document) for name, path in self._type.outputs.items()}
        return {name: value for name, value in found.items() if value is not None}

    def _texts(self, known: Mapping[str, Any]) -> Properties:
        seen = self._for_texts(known)
        return {name: fill(text, seen) for name, text in self._type.texts.items()}

    def update(self, call: UpdateCall) -> Properties:
        """Make the calls for what changed, and wait."""
        if call.preview:
            return self._plan.outputs(call.inputs, call.olds)
        inputs = {name: value for name, value in call.inputs.items() if name != DEFAULTS_KEY}
        calls = self._calls(call.olds, call.timeout_seconds)
        known = {**self._known(calls, call.id, call.olds), **inputs, **self._place(calls, inputs), "id": call.id}
        changed = self._changed(calls, call.olds, inputs)
        try:
            self._change(calls, inputs, known, changed)
            self._hook.after_update(calls, inputs, call.olds, known)
            self._remark(calls, inputs, call.olds, known)
            calls.wait("update", known, call.timeout_seconds)
            outputs = self._live(calls, known, {**call.olds, **inputs})
        except PluginError as error:
            if self._type.whole_blocks:
                raise  # types of the newer framework keep what was recorded
            planned = certain(self._plan.outputs(inputs, call.olds))
            raise InitFailed(str(error), id=call.id, outputs=planned) from error
        if outputs is None:
            raise PluginError(f"{call.id} is gone")
        return outputs

    def delete(self, call: DeleteCall) -> None:
        """Remove the resource; that it is gone already is no error."""
        if self._type.keep_when and call.outputs.get(self._type.keep_when):
            return
        calls = self._calls(call.outputs, call.timeout_seconds)
        known = self._known(calls, call.id, call.outputs)
        try:
            if not self._hook.delete(calls, call.outputs, known) and self._type.delete:
                calls(self._type.delete.operation, **fill(self._type.delete.args, known))
        except CallFailed as error:
            if not error.means(self._type.missing):
                raise
        calls.wait("delete", known, call.timeout_seconds)


def certain(outputs: Properties) -> Properties:
    """Return the outputs that are known, for a record in the state."""
    return {name: value for name, value in outputs.items() if not has_unknown(value)}
