"""What an interrupted create may have made, and how that stands: asked of the cloud; types and dispatch."""

from collections.abc import Collection, Mapping
from importlib import import_module
from typing import Any, Protocol, cast

from infra.engine.session import Session

Inputs = Mapping[str, Any]

# cloud -> dotted name of the module, and its class
LOOKUPS = {
    "aws": ("infra.engine.lookups_aws", "AwsLookups"),
    "gcp": ("infra.engine.lookups_gcp", "GoogleLookups"),
}


class UnknowableError(Exception):
    """Nothing says under which id a resource would be in the cloud."""


class Lookups(Protocol):
    """Asks the account of an environment; methods raise PluginError when it refuses or does not answer."""

    def find(self, token: str, inputs: Inputs, taken: Collection[str] = ()) -> str | None:
        """Return the id of the resource that was to be made of these inputs; None if the cloud has none.

        Args:
            token: the resource's type.
            inputs: as the plugin checked them, with the name that it made.
            taken: ids that are other resources'.

        Raises:
            UnknowableError: nothing gives its id.
        """

    def passing(self, token: str, identity: str) -> str:
        """Return the state in which a resource is for the time being, such as `Creating`; empty if it is settled."""

    def failed(self, token: str, identity: str) -> str:
        """Return the state in which a settled resource is of no use, such as `Failed`; empty if it is well."""


def lookups_of(session: Session) -> Lookups:
    """Return what asks the cloud of an environment; no other cloud's client is loaded."""
    module, name = LOOKUPS[session.environment.cloud]
    return cast("Lookups", getattr(import_module(module), name)(session))
