"""A resource type as its table says: checks, differences and calls, with a hook for what a table cannot say."""

from collections.abc import Mapping
from threading import Event
from typing import Any

from infra.providers.aws.calls import Calls
from infra.providers.aws.cloud import CallFailed, Cloud
from infra.providers.aws.hooks import Hook
from infra.providers.aws.plan import Plan
from infra.providers.aws.reading import fill, parse_id
from infra.providers.aws.shapes import place, read_object, search
from infra.providers.aws.tables import Call, Type
from infra.providers.aws.tag_rules import TagRules
from infra.providers.kit.live import DEFAULTS_KEY, keep_spelling, live_inputs
from infra.providers.kit.resource import (
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
from infra.providers.kit.values import Properties, has_unknown


class TableResource(Resource):
    """Serves every resource of one type."""

    def __init__(self, table: Type, cloud: Cloud, tag_rules: TagRules, cancelled: Event, hook: Hook) -> None:
        self._type = table
        self._cloud = cloud
        self._tag_rules = tag_rules
        self._cancelled = cancelled
        self._hook = hook
        self._plan = Plan(table, cloud.region, tag_rules, hook)

    def check(self, call: CheckCall) -> Checked:
        """Fill in name and defaults, turn documents into text, and refuse what no table maps."""
        return self._plan.check(call)

    def diff(self, call: DiffCall) -> Diff:
        """Compare the recorded outputs with the new inputs."""
        return self._plan.diff(call)

    def _calls(self, inputs: Properties) -> Calls:
        region = inputs.get("region") if self._type.regional else None
        return Calls(self._type, self._cloud, region or self._cloud.region, self._cancelled)

    def create(self, call: CreateCall) -> Created:
        """Make the resource, settle what its create operation does not take, and wait."""
        if call.preview:
            return Created("", self._plan.outputs(call.inputs))
        calls = self._calls(call.inputs)
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
            raise InitFailed(str(error), id=known["id"], outputs=_certain(self._plan.outputs(inputs, known))) from error
        if outputs is None:
            raise PluginError(f"{known['id']} was made, but cannot be found")
        return Created(known["id"], outputs)

    def _make(self, calls: Calls, inputs: Properties) -> tuple[dict[str, Any], set[str]]:
        """Call the create operation; return what is known then (with the id), and the properties that it took."""
        self._hook.before_create(calls, inputs)
        create = self._type.create
        inputs |= self._hook.fill(calls, inputs)
        known: dict[str, Any] = {**inputs, "region": calls.region}
        shape = calls.shape(create.operation)
        sent = {name for name in inputs if name in self._type.fields and place(self._type.fields[name], shape)}
        args = calls.arguments(create, inputs, sent, known)
        tags = self._tag_rules.all_of(inputs.get("tags")) if self._type.tags else {}
        if self._type.tags and self._type.tags.member and tags:
            args[self._type.tags.member] = calls.tag_members(tags)
            sent.add("tags")
        answer = calls(create.operation, **self._hook.create_arguments(calls, args, inputs))
        result = (search(create.result, answer) if create.result else answer) or {}
        known |= {
            name: value for name, path in self._type.outputs.items() if (value := search(path, result)) is not None
        }
        known["id"] = fill(self._type.id, known)
        return known, sent

    def _settle(self, calls: Calls, inputs: Properties, known: dict[str, Any], sent: set[str]) -> None:
        """Make the calls for what the create operation did not take."""
        fields = self._type.fields
        left = {name for name, value in inputs.items() if name not in sent and not same(fields[name], None, value)}
        self._change(calls, inputs, known, left)
        if self._type.tags and not self._type.tags.member and (tags := self._tag_rules.all_of(inputs.get("tags"))):
            known |= self._computed(calls.read(known) or {})
            calls.set_tags({}, tags, {**known, **self._texts(known)})

    def _change(self, calls: Calls, inputs: Properties, known: Mapping[str, Any], changed: set[str]) -> None:
        for call in self._type.updates:
            touched = [name for name in call.when if name in changed]
            wanted = any(not empty(inputs.get(name)) for name in touched)
            if touched and (call.on == "change" or (call.on == "set") == wanted):
                self._send(calls, call, inputs, known, touched)

    def _send(self, calls: Calls, call: Call, inputs: Properties, known: Mapping[str, Any], touched: list[str]) -> None:
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
        calls(call.operation, **self._hook.update_arguments(call, calls.arguments(call, values, names, known), inputs))

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

    def _known(self, calls: Calls, identity: str, outputs: Properties) -> dict[str, Any]:
        return {**parse_id(self._type.id, identity), **outputs, "region": calls.region, "id": identity}

    def _live(self, calls: Calls, known: dict[str, Any], prior: Properties) -> Properties | None:
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
        if self._type.regional:
            outputs["region"] = calls.region
        outputs |= self._texts({**known, **outputs})
        if self._type.tags:
            live_tags = self._tag_rules.seen(calls.tags({**known, **outputs}))
            outputs |= {"tags": self._tag_rules.own_of(live_tags, prior.get("tags") or {}), "tagsAll": live_tags}
            if not outputs["tags"] and "tags" not in prior:
                del outputs["tags"]
        return outputs

    def _computed(self, document: Mapping[str, Any]) -> Properties:
        """Return the computed outputs that an answer holds."""
        found = {name: search(path, document) for name, path in self._type.outputs.items()}
        return {name: value for name, value in found.items() if value is not None}

    def _texts(self, known: Mapping[str, Any]) -> Properties:
        texts = self._type.texts
        if any("{account}" in text for text in texts.values()):
            known = {**known, "account": self._cloud.account}
        return {name: fill(text, known) for name, text in texts.items()}

    def update(self, call: UpdateCall) -> Properties:
        """Make the calls for what changed, and wait."""
        if call.preview:
            return self._plan.outputs(call.inputs, call.olds)
        inputs = {name: value for name, value in call.inputs.items() if name != DEFAULTS_KEY}
        calls = self._calls(call.olds)
        known = {**self._known(calls, call.id, call.olds), **inputs, "id": call.id}
        changed = {
            name for name, each in self._type.fields.items() if not same(each, call.olds.get(name), inputs.get(name))
        } - {"tags"}
        try:
            self._change(calls, inputs, known, changed)
            self._hook.after_update(calls, inputs, call.olds, known)
            self._retag(calls, inputs, call.olds, known)
            calls.wait("update", known, call.timeout_seconds)
            outputs = self._live(calls, known, {**call.olds, **inputs})
        except PluginError as error:
            if self._type.whole_blocks:
                raise  # types of the newer framework keep what was recorded
            planned = _certain(self._plan.outputs(inputs, call.olds))
            raise InitFailed(str(error), id=call.id, outputs=planned) from error
        if outputs is None:
            raise PluginError(f"{call.id} is gone")
        return outputs

    def _retag(self, calls: Calls, inputs: Properties, olds: Properties, known: Mapping[str, Any]) -> None:
        if self._type.tags is None:
            return
        old, new = olds.get("tagsAll") or {}, self._tag_rules.all_of(inputs.get("tags"))
        if old != new:
            calls.set_tags(old, new, known)

    def delete(self, call: DeleteCall) -> None:
        """Remove the resource; that it is gone already is no error."""
        if self._type.keep_when and call.outputs.get(self._type.keep_when):
            return
        calls = self._calls(call.outputs)
        known = self._known(calls, call.id, call.outputs)
        try:
            if not self._hook.delete(calls, call.outputs, known) and self._type.delete:
                calls(self._type.delete.operation, **fill(self._type.delete.args, known))
        except CallFailed as error:
            if not error.means(self._type.missing):
                raise
        calls.wait("delete", known, call.timeout_seconds)


def _certain(outputs: Properties) -> Properties:
    """Return the outputs that are known, for a record in the state."""
    return {name: value for name, value in outputs.items() if not has_unknown(value)}
