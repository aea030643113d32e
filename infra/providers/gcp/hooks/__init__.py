"""What a table of Google Cloud cannot say about a type: one module per service, one Hook per type that needs it."""

from infra.providers.gcp.calls import Calls
from infra.providers.kit import hooks


class Hook(hooks.Hook[Calls]):
    """Does nothing at each step; a type's own hook overrides the steps that it needs."""
