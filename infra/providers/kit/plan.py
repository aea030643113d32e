"""What a type's table decides without the cloud: whether inputs are right, what differs, what will come."""

from collections.abc import Iterator
from typing import Any

from infra.providers.kit.checking import failures, tidy
from infra.providers.kit.differences import differences
from infra.providers.kit.hooks import Hook
from infra.providers.kit.live import DEFAULTS_KEY
from infra.providers.kit.naming import autoname
from infra.providers.kit.resource import Change, CheckCall, Checked, Diff, DiffCall, Failure
from infra.providers.kit.tables import Type
from infra.providers.kit.values import UNKNOWN, Properties


class Plan:
    """The checks, differences and previews of one type."""

    def __init__(self, table: Type, hook: Hook[Any]) -> None:
        self._type = table
        self._hook = hook

    def check(self, call: CheckCall) -> Checked:
        """Fill in name and defaults, turn documents into text, and refuse what no table maps."""
        inputs = tidy(self._type.fields, call.news)
        filled = list(self._fill(call, inputs))
        wrong = [*failures(self._type.fields, inputs), *self._choices(inputs), *self._hook.check(inputs)]
        inputs[DEFAULTS_KEY] = sorted(filled)
        return Checked(inputs, wrong)

    def _choices(self, inputs: Properties) -> Iterator[Failure]:
        """Yield the groups of inputs of which too many or too few are given."""
        for choice in self._type.choices:
            place: Any = inputs
            for step in choice.inside.split(".") if choice.inside else ():
                place = place.get(step) if isinstance(place, dict) else None
            if not isinstance(place, dict):
                continue
            given = [name for name in choice.of if name in place]
            if not choice.least <= len(given) <= choice.most:
                allowed = f"between {choice.least} and {choice.most}"
                reason = f"{allowed} of {', '.join(choice.of)} may be given, not {len(given)}"
                yield Failure(choice.inside or (given or choice.of)[-1], reason)

    def _fill(self, call: CheckCall, inputs: Properties) -> Iterator[str]:
        """Add the name and the defaults that the program leaves out; yield their properties."""
        rule = self._type.name
        if rule and rule.property not in inputs:
            automatic = rule.property in call.olds.get(DEFAULTS_KEY, ())
            name = autoname(call, rule, was_automatic=automatic)
            if name is not None:
                inputs[rule.property] = self._hook.name(name, inputs)
                yield rule.property
        for name, known in self._type.fields.items():
            if known.default is not None and name not in inputs:
                inputs[name] = known.default
                yield name

    def diff(self, call: DiffCall) -> Diff:
        """Compare the recorded outputs with the new inputs."""
        changes = differences(self._type.fields, call.olds, call.news, whole_blocks=self._type.whole_blocks)
        changes.update(self.hidden_changes(call, changes))
        changes = self._hook.adjust(changes, call)
        first = self._type.delete_before_replace or (self._type.named_replaces_first and self._named(call.news))
        return Diff(changes, delete_before_replace=first and any(change.replaces for change in changes.values()))

    def _named(self, inputs: Properties) -> bool:
        rule = self._type.name
        return rule is not None and rule.property not in inputs.get(DEFAULTS_KEY, ())

    def hidden_changes(self, call: DiffCall, changes: dict[str, Change]) -> dict[str, Change]:
        """Return changes that no input of the resource shows, beside those that are seen already."""
        return {}

    def of_the_provider(self, inputs: Properties, olds: Properties) -> Properties:
        """Return the outputs that the provider itself knows before a call: where it is, what marks it carries."""
        return {}

    def outputs(self, inputs: Properties, olds: Properties | None = None) -> Properties:
        """Return the outputs as far as they are known before a call."""
        computed: Properties = dict.fromkeys((*self._type.outputs, *self._type.texts), UNKNOWN)
        computed |= {name: UNKNOWN for name, known in self._type.fields.items() if known.computed}
        kept = {name: value for name, value in (olds or {}).items() if name in computed}
        planned = {**computed, **kept, **{key: value for key, value in inputs.items() if key != DEFAULTS_KEY}}
        return {**planned, **self.of_the_provider(inputs, olds or {})}
