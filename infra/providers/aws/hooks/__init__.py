"""What a table cannot say about a type: one module per service, one Hook per type that needs it."""

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from infra.providers.kit.resource import Change, DiffCall, Failure
from infra.providers.kit.values import Properties

if TYPE_CHECKING:
    from infra.providers.aws.calls import Calls
    from infra.providers.aws.tables import Call


class Hook:
    """Does nothing at each step; a type's own hook overrides the steps that it needs."""

    def check(self, inputs: Properties) -> Iterable[Failure]:
        """Say what is wrong with inputs that the table finds right."""
        return ()

    def name(self, name: str, inputs: Properties) -> str:
        """Return the made name as the type wants it."""
        return name

    def adjust(self, changes: dict[str, Change], call: DiffCall) -> dict[str, Change]:
        """Return the changes as the type sees them."""
        return changes

    def fill(self, calls: "Calls", inputs: Properties) -> Properties:
        """Return inputs that the program left out and that only the cloud knows, such as the account."""
        return {}

    def before_create(self, calls: "Calls", inputs: Properties) -> None:
        """Refuse a creation. Raises PluginError."""

    def create_arguments(self, calls: "Calls", args: dict[str, Any], inputs: Properties) -> dict[str, Any]:
        """Return the arguments of the create operation."""
        return args

    def after_create(self, calls: "Calls", inputs: Properties, known: dict[str, Any]) -> None:
        """Make what the table's calls do not make."""

    def update_arguments(self, call: "Call", args: dict[str, Any], inputs: Properties) -> dict[str, Any]:
        """Return the arguments of an update operation."""
        return args

    def after_update(self, calls: "Calls", inputs: Properties, olds: Properties, known: dict[str, Any]) -> None:
        """Change what the table's calls do not change."""

    def document(self, calls: "Calls", document: dict[str, Any], known: dict[str, Any]) -> dict[str, Any]:
        """Return the document that was read, with what the table's calls do not read."""
        return document

    def delete(self, calls: "Calls", outputs: Properties, known: dict[str, Any]) -> bool:
        """Remove the resource, or what stands in the way; say whether the table's call is not needed any more."""
        return False
