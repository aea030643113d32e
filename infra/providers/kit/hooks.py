"""What a table cannot say about a type: the steps at which a type's own code may have a say."""

from collections.abc import Iterable
from typing import Any, Generic, TypeVar

from infra.providers.kit.calls import Calls
from infra.providers.kit.resource import Change, DiffCall, Failure
from infra.providers.kit.tables import Call
from infra.providers.kit.values import Properties

C = TypeVar("C", bound=Calls)


class Hook(Generic[C]):
    """Does nothing at each step; a type's own hook overrides the steps that it needs."""

    def check(self, inputs: Properties) -> Iterable[Failure]:
        """Say what is wrong with inputs that the table finds right."""
        return ()

    def parse_id(self, identity: str) -> Properties:
        """Return the properties that an id was made of, where the table's form does not say; else nothing."""
        return {}

    def name(self, name: str, inputs: Properties) -> str:
        """Return the made name as the type wants it."""
        return name

    def adjust(self, changes: dict[str, Change], call: DiffCall) -> dict[str, Change]:
        """Return the changes as the type sees them."""
        return changes

    def fill(self, calls: C, inputs: Properties) -> Properties:
        """Return inputs that the program left out and that only the cloud knows, such as the account."""
        return {}

    def before_create(self, calls: C, inputs: Properties) -> None:
        """Refuse a creation. Raises PluginError."""

    def create(self, calls: C, args: dict[str, Any], inputs: Properties) -> Any:
        """Make the resource in a way of its own and return the answer; None leaves it to the table's call."""
        return None

    def create_arguments(self, calls: C, args: dict[str, Any], inputs: Properties) -> dict[str, Any]:
        """Return the arguments of the create operation."""
        return args

    def after_create(self, calls: C, inputs: Properties, known: dict[str, Any]) -> None:
        """Make what the table's calls do not make."""

    def update_arguments(self, call: Call, args: dict[str, Any], inputs: Properties) -> dict[str, Any]:
        """Return the arguments of an update operation."""
        return args

    def after_update(self, calls: C, inputs: Properties, olds: Properties, known: dict[str, Any]) -> None:
        """Change what the table's calls do not change."""

    def document(self, calls: C, document: dict[str, Any], known: dict[str, Any]) -> dict[str, Any]:
        """Return the document that was read, with what the table's calls do not read."""
        return document

    def delete(self, calls: C, outputs: Properties, known: dict[str, Any]) -> bool:
        """Remove the resource, or what stands in the way; say whether the table's call is not needed any more."""
        return False
