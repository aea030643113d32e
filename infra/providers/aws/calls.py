"""The calls that one resource of AWS needs: operations of a region, and tags."""

from collections.abc import Mapping
from threading import Event
from typing import Any

from infra.providers.aws.cloud import Cloud
from infra.providers.aws.tables import Tags, Type
from infra.providers.kit.calls import Calls as CommonCalls
from infra.providers.kit.calls import put_at
from infra.providers.kit.reading import fill
from infra.providers.kit.resource import CallFailed
from infra.providers.kit.shapes import search
from infra.providers.kit.tables import Call


class Calls(CommonCalls):
    """The calls for one resource.

    Attributes:
        type: its table.
        region: where it is.
    """

    type: Type

    def __init__(self, table: Type, cloud: Cloud, region: str, cancelled: Event) -> None:
        super().__init__(table, cancelled)
        self.cloud = cloud
        self.region = region

    def __call__(self, operation: str, service: str | None = None, **args: Any) -> Any:
        """Call an operation of the type's service. Raises PluginError."""
        return self.cloud.call(service or self.type.service, operation, args, self.region)

    def shape(self, call: Call) -> Any:
        """Return the input shape of a call's operation."""
        model = self.cloud.client(self.type.service, self.region).meta.service_model
        return model.operation_model(call.operation).input_shape

    @property
    def sent_otherwise(self) -> frozenset[str]:
        """Tags are not sent as the other properties are."""
        return frozenset({"tags"})

    # tags

    def tags(self, known: Mapping[str, Any]) -> dict[str, str]:
        """Return the live tags."""
        table = self._tag_table()
        try:
            answer = self(table.read.operation, **fill(table.read.args, known))
        except CallFailed as error:
            if error.code == "NoSuchTagSet":
                return {}
            raise
        rows = search(table.path, answer) or {}
        return dict(rows) if isinstance(rows, dict) else {row[table.key]: row[table.value] for row in rows}

    def tag_members(self, tags: Mapping[str, str]) -> Any:
        """Return tags as the service takes them."""
        table = self._tag_table()
        return dict(tags) if not table.key else [{table.key: key, table.value: value} for key, value in tags.items()]

    def set_tags(self, old: Mapping[str, str], new: Mapping[str, str], known: Mapping[str, Any]) -> None:
        """Bring the tags from old to new."""
        table = self._tag_table()
        gone = sorted(old.keys() - new.keys())
        if table.remove is None:
            members = {**fill(table.add.args, known)}
            put_at(members, table.add_member, self.tag_members(new))
            self(table.add.operation, **members)
            return
        if gone:
            members = {**fill(table.remove.args, known), table.remove_member: gone}
            self(table.remove.operation, **members)
        changed = {key: value for key, value in new.items() if old.get(key) != value}
        if changed:
            members = {**fill(table.add.args, known), table.add_member: self.tag_members(changed)}
            self(table.add.operation, **members)

    def _tag_table(self) -> Tags:
        if self.type.tags is None:
            raise AssertionError(f"{self.type.token} has no tags")
        return self.type.tags
