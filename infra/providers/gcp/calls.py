"""The calls that one resource of Google Cloud needs: methods of an API, field masks, long-running operations."""

from collections.abc import Collection, Iterable, Mapping
from threading import Event
from typing import Any

from infra.providers.gcp.cloud import Cloud
from infra.providers.gcp.label_rules import LabelRules
from infra.providers.gcp.schemas import api
from infra.providers.gcp.tables import Type
from infra.providers.kit.calls import Calls as CommonCalls
from infra.providers.kit.calls import put_at
from infra.providers.kit.reading import fill
from infra.providers.kit.resource import PluginError
from infra.providers.kit.shapes import api_name, put
from infra.providers.kit.tables import Call, Field
from infra.providers.kit.values import Properties, Value

LABELS = "labels"


class OperationFailed(PluginError):  # noqa: N818 - it names what happened
    """A long-running operation ended badly, or not in time: what it was to make may be there or not."""


class Calls(CommonCalls):
    """The calls for one resource.

    Attributes:
        type: its table.
        cloud: where they go.
    """

    type: Type

    def __init__(
        self,
        table: Type,
        cloud: Cloud,
        rules: LabelRules,
        cancelled: Event,
        recorded: Properties,
        timeout_seconds: float | None,
    ) -> None:
        super().__init__(table, cancelled)
        self.cloud = cloud
        self._rules = rules
        self._recorded = recorded
        self._limit_seconds = timeout_seconds or table.minutes * 60

    def __call__(self, operation: str, service: str | None = None, **args: Any) -> Any:
        """Call a method, and wait for what it starts. Raises PluginError.

        What the method does not take in its path or query goes into its body; `body` is the whole body, `media` an
        upload.
        """
        name = service or self.type.service
        media = args.pop("media", None)
        given, body = placed(name, operation, args)
        answer = self.cloud.call(name, operation, given, body, media)
        return self._settled(answer) if api(name).answers_operation(operation) else answer

    def shape(self, call: Call) -> Any:
        """Return the shape of a method's body, or of the part of it that holds the properties."""
        return api(self.type.service).body(call.operation, call.body)

    def arguments(
        self,
        call: Call,
        values: Properties,
        names: Iterable[str],
        known: Mapping[str, Any],
        changed: Collection[str] = (),
    ) -> dict[str, Any]:
        """Return the arguments of a call: the properties that its body has a place for, its own, and the mask."""
        shape, body = self.shape(call), dict[str, Any]()
        chosen = self._chosen(call)
        for name in dict.fromkeys([*names, *changed, *chosen]):
            field = self.type.fields[name]
            value = completed(field, values.get(name, chosen.get(name)), self._recorded.get(name))
            if name == LABELS and self.type.labelled:
                value = self._labels(values, call)
            if value is not None and value != "":
                put(body, field, value, shape)
            elif name in changed and call.nulls:
                put_at(body, _path(field, shape), None)
            elif name in changed and value == "":
                put(body, field, value, shape)
        args: dict[str, Any] = {}
        if call.body:
            put_at(args, call.body, body)
        else:
            args |= body
        if call.mask:
            args[call.mask] = ",".join(sorted(_path(self.type.fields[name], shape) for name in changed))
        return {**args, **fill(call.args, known)}

    def _chosen(self, call: Call) -> Properties:
        """Return what the cloud once chose, for a call that replaces the whole resource."""
        if call.send != "all" or call.mask:
            return {}
        kept = [name for name, field in self.type.fields.items() if field.computed and not field.local]
        return {name: self._recorded[name] for name in kept if name in self._recorded}

    def _labels(self, values: Properties, call: Call) -> dict[str, Any]:
        wanted: dict[str, Any] = self._rules.effective(values.get(LABELS) or None, self._recorded)
        held = self._recorded.get("effectiveLabels") or {}
        gone = dict.fromkeys(held.keys() - wanted.keys()) if call.nulls else {}
        return {**wanted, **gone}

    # operations

    def _settled(self, operation: dict[str, Any]) -> Any:
        """Wait for an operation to end and return what came of it. Raises OperationFailed."""
        state = {"now": operation}

        def ended() -> bool:
            if not _done(state["now"]):
                state["now"] = self._look(state["now"])
            return _done(state["now"])

        what = f"the operation {operation.get('name')}"
        try:
            self.poll(ended, what, self._limit_seconds)
        except PluginError as error:
            raise OperationFailed(str(error)) from error
        if problem := _problem(state["now"]):
            raise OperationFailed(f"waiting for {what}: {problem}")
        answer = state["now"].get("response") or {}
        return {key: value for key, value in answer.items() if key != "@type"}

    def _look(self, operation: dict[str, Any]) -> dict[str, Any]:
        taken = api(self.type.service).parameters(self.type.operations)
        args = {"name": operation["name"], "operation": operation["name"], "project": operation.get("targetProject")}
        given = {key: value for key, value in args.items() if key in taken}
        found: dict[str, Any] = self.cloud.call(self.type.service, self.type.operations, given)
        return found


def placed(service: str, operation: str, args: Mapping[str, Any]) -> tuple[dict[str, Any], Any]:
    """Return the arguments that a method takes in path and query, and its body of all others; None for no body."""
    known = api(service).parameters(operation)
    body = args.get("body")
    for key, value in args.items():
        if key not in known and key != "body":
            body = {} if body is None else body
            put_at(body, key, value)
    return {key: value for key, value in args.items() if key in known}, body


def completed(field: Field, value: Value, recorded: Value) -> Value:
    """Return a value with what the cloud once chose for what it leaves out, as the real plugin sends it.

    A condition of an alert policy, say, keeps the name that Google gave it; without, it would be another condition.
    """
    if isinstance(value, list) and isinstance(recorded, list) and field.children:
        pairs = zip(value, [*recorded, *[None] * len(value)], strict=False)
        return [completed(field, now, before) for now, before in pairs]
    if not (isinstance(value, dict) and isinstance(recorded, dict) and field.children):
        return value
    chosen = {name: recorded[name] for name, child in field.children.items() if child.computed and name in recorded}
    given = {name: completed(field.children[name], item, recorded.get(name)) for name, item in value.items()}
    return {**chosen, **given}


def _done(operation: Mapping[str, Any]) -> bool:
    """Cloud SQL has its own form of operations, with a status."""
    return bool(operation.get("done")) or operation.get("status") == "DONE"


def _problem(operation: Mapping[str, Any]) -> str:
    error = operation.get("error") or {}
    texts = [str(each.get("message")) for each in error.get("errors", ())]
    return "; ".join(texts) or str(error.get("message", ""))


def _path(field: Field, shape: Any) -> str:
    """Return the dotted path under which a field stands in a body."""
    return field.api or api_name(field, shape.members) or field.name
