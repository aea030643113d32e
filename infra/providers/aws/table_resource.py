"""A resource type of AWS: what tables say, in a region and with tags."""

from collections.abc import Mapping
from threading import Event
from typing import Any

from infra.providers.aws.calls import Calls
from infra.providers.aws.cloud import Cloud
from infra.providers.aws.hooks import Hook
from infra.providers.aws.plan import Plan
from infra.providers.aws.tables import Type
from infra.providers.aws.tag_rules import TagRules
from infra.providers.kit.table_resource import TableResource
from infra.providers.kit.values import Properties


class AwsResource(TableResource[Calls]):
    """Serves every resource of one type of AWS."""

    _type: Type

    def __init__(self, table: Type, cloud: Cloud, tag_rules: TagRules, cancelled: Event, hook: Hook) -> None:
        super().__init__(table, Plan(table, cloud.region, tag_rules, hook), hook)
        self._cloud = cloud
        self._tag_rules = tag_rules
        self._cancelled = cancelled

    def _calls(self, properties: Properties, timeout_seconds: float | None = None) -> Calls:
        region = properties.get("region") if self._type.regional else None
        return Calls(self._type, self._cloud, region or self._cloud.region, self._cancelled)

    def _place(self, calls: Calls, properties: Properties) -> Properties:
        return {"region": calls.region}

    def _mark(self, calls: Calls, args: dict[str, Any], inputs: Properties) -> set[str]:
        """Tag with the create operation, where it takes tags."""
        tags = self._tag_rules.all_of(inputs.get("tags")) if self._type.tags else {}
        if not (self._type.tags and self._type.tags.member and tags):
            return set()
        args[self._type.tags.member] = calls.tag_members(tags)
        return {"tags"}

    def _mark_made(self, calls: Calls, inputs: Properties, known: dict[str, Any]) -> None:
        """Tag after the create operation, where it takes none."""
        if self._type.tags and not self._type.tags.member and (tags := self._tag_rules.all_of(inputs.get("tags"))):
            known |= self._computed(calls.read(known) or {})
            calls.set_tags({}, tags, {**known, **self._texts(known)})

    def _remark(self, calls: Calls, inputs: Properties, olds: Properties, known: Mapping[str, Any]) -> None:
        if self._type.tags is None:
            return
        old, new = olds.get("tagsAll") or {}, self._tag_rules.all_of(inputs.get("tags"))
        if old != new:
            calls.set_tags(old, new, known)

    def _marks(self, calls: Calls, known: Mapping[str, Any], outputs: Properties, prior: Properties) -> Properties:
        """Return the outputs with region and live tags."""
        if self._type.regional:
            outputs["region"] = calls.region
        if self._type.tags:
            live_tags = self._tag_rules.seen(calls.tags({**known, **outputs}))
            outputs |= {"tags": self._tag_rules.own_of(live_tags, prior.get("tags") or {}), "tagsAll": live_tags}
            if not outputs["tags"] and "tags" not in prior:
                del outputs["tags"]
        return outputs

    def _for_texts(self, known: Mapping[str, Any]) -> Mapping[str, Any]:
        """Add the account, where a text speaks of it."""
        asked = any("{account}" in text for text in self._type.texts.values())
        return {**known, "account": self._cloud.account} if asked else known
