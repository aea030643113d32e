"""What a type of Google Cloud decides without the cloud beside what every table decides: its place and its labels."""

from infra.providers.gcp.calls import LABELS
from infra.providers.gcp.hooks import Hook
from infra.providers.gcp.label_rules import LabelRules
from infra.providers.gcp.tables import Type
from infra.providers.kit import plan
from infra.providers.kit.resource import Change, DiffCall
from infra.providers.kit.values import UNKNOWN, Properties

OF_PROVIDER = ("project", "location", "region", "zone")


class Plan(plan.Plan):
    """The checks, differences and previews of one type of Google Cloud."""

    _type: Type

    def __init__(self, table: Type, place: Properties, rules: LabelRules, hook: Hook) -> None:
        super().__init__(table, hook)
        self._place = place
        self._rules = rules

    def place(self, properties: Properties) -> Properties:
        """Return where a resource with these properties is: as it says, or as the provider does."""
        fields = self._type.fields
        wanted = {name: value for name, value in self._place.items() if name in fields and fields[name].computed}
        return {name: properties.get(name) or value for name, value in wanted.items()}

    def hidden_changes(self, call: DiffCall, changes: dict[str, Change]) -> dict[str, Change]:
        """Show a change of the provider's labels, which no input of the resource shows."""
        if not self._type.labelled or any(path.startswith(LABELS) for path in changes):
            return {}
        wanted = self._rules.all_of(call.news.get(LABELS), call.olds)
        held = call.olds.get("pulumiLabels")
        return {} if wanted is UNKNOWN or held is None or wanted == held else {"pulumiLabels": Change.UPDATE}

    def of_the_provider(self, inputs: Properties, olds: Properties) -> Properties:
        """Return place and labels."""
        known = self.place({**olds, **inputs})
        if self._type.labelled:
            known["pulumiLabels"] = self._rules.all_of(inputs.get(LABELS), olds)
            known["effectiveLabels"] = self._rules.effective(inputs.get(LABELS), olds)
        return known
