"""What a type of AWS decides without the cloud beside what every table decides: its region and its tags."""

from infra.providers.aws.hooks import Hook
from infra.providers.aws.tables import Type
from infra.providers.aws.tag_rules import TagRules
from infra.providers.kit import plan
from infra.providers.kit.resource import Change, DiffCall
from infra.providers.kit.values import Properties


class Plan(plan.Plan):
    """The checks, differences and previews of one type of AWS."""

    _type: Type

    def __init__(self, table: Type, region: str, tag_rules: TagRules, hook: Hook) -> None:
        super().__init__(table, hook)
        self._region = region
        self._tag_rules = tag_rules

    def hidden_changes(self, call: DiffCall, changes: dict[str, Change]) -> dict[str, Change]:
        """Show a change of the provider's default tags, which no input of the resource shows."""
        if self._type.tags is None or any(path.startswith("tags") for path in changes):
            return {}
        wanted = self._tag_rules.all_of(call.news.get("tags"))
        return {} if wanted == call.olds.get("tagsAll", {}) else {"tagsAll": Change.UPDATE}

    def of_the_provider(self, inputs: Properties, olds: Properties) -> Properties:
        """Return the region and all tags."""
        known: Properties = {}
        if self._type.regional:
            known["region"] = inputs.get("region") or self._region
        if self._type.tags:
            known["tagsAll"] = self._tag_rules.all_of(inputs.get("tags"))
        return known
