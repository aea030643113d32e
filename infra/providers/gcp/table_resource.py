"""A resource type of Google Cloud: what tables say, in a project and a place, with labels."""

from collections.abc import Mapping
from threading import Event
from typing import Any

from infra.providers.gcp.calls import LABELS, Calls, OperationFailed
from infra.providers.gcp.cloud import Cloud
from infra.providers.gcp.hooks import Hook
from infra.providers.gcp.label_rules import LabelRules
from infra.providers.gcp.plan import Plan
from infra.providers.gcp.tables import Type, names
from infra.providers.kit.reading import fill
from infra.providers.kit.resource import CreateCall, Created, DeleteCall, InitFailed, PluginError
from infra.providers.kit.table_resource import TableResource, certain
from infra.providers.kit.values import Properties


class GcpResource(TableResource[Calls]):
    """Serves every resource of one type of Google Cloud."""

    _type: Type
    _plan: Plan

    def __init__(self, table: Type, cloud: Cloud, rules: LabelRules, cancelled: Event, hook: Hook) -> None:
        place = {"project": cloud.project, "location": cloud.region, "region": cloud.region}
        super().__init__(table, Plan(table, place, rules, hook), hook)
        self._cloud = cloud
        self._rules = rules
        self._cancelled = cancelled

    def create(self, call: CreateCall) -> Created:
        """Make the resource; one that fails is not recorded, but for the types that the real provider records."""
        try:
            return super().create(call)
        except OperationFailed as error:
            if not self._type.tainted:
                raise
            known = {**self._plan.place(call.inputs), **call.inputs}
            outputs = certain(self._plan.outputs(call.inputs))
            raise InitFailed(str(error), id=str(fill(self._type.id, known)), outputs=outputs) from error

    def delete(self, call: DeleteCall) -> None:
        """Remove the resource, unless its recorded inputs forbid it or leave it in place."""
        for name, forbidding in (("deletionProtection", True), ("deletionPolicy", "PREVENT")):
            if call.outputs.get(name) == forbidding:
                raise PluginError(f"{call.id} cannot be deleted: {name} is {forbidding}; change it, and run `up` first")
        if call.outputs.get("deletionPolicy") != "ABANDON":
            super().delete(call)

    def _calls(self, properties: Properties, timeout_seconds: float | None = None) -> Calls:
        return Calls(self._type, self._cloud, self._rules, self._cancelled, properties, timeout_seconds)

    def _place(self, calls: Calls, properties: Properties) -> Properties:
        return self._plan.place(properties)

    def _changed(self, calls: Calls, olds: Properties, inputs: Properties) -> set[str]:
        changed = super()._changed(calls, olds, inputs)
        if self._type.labelled and self._rules.all_of(inputs.get(LABELS), olds) != olds.get("pulumiLabels"):
            changed.add(LABELS)
        return changed

    def _marks(self, calls: Calls, known: Mapping[str, Any], outputs: Properties, prior: Properties) -> Properties:
        """Return the outputs with what the id says of the resource, and its labels: the program's, ours, and all."""
        said = names({"id": self._type.id, **self._type.create.args})
        told = {*said, *self._plan.place({})} & self._type.fields.keys()
        outputs = {**{name: known[name] for name in sorted(told) if known.get(name) is not None}, **outputs}
        if not self._type.labelled:
            return outputs
        live = outputs.pop(LABELS, {})
        own = {key: value for key, value in live.items() if key in (prior.get(LABELS) or {})}
        ours = self._rules.all_of(prior.get(LABELS), prior)
        outputs |= {"effectiveLabels": live, "pulumiLabels": {key: live[key] for key in ours if key in live}}
        return {**outputs, LABELS: own} if LABELS in prior else outputs
