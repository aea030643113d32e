"""The resource type `stile:tracking:Password`: a random password, made once and kept in the state as a secret."""

import secrets
from typing import Final

from infra.providers.kit.resource import (
    CheckCall,
    Checked,
    CreateCall,
    Created,
    DeleteCall,
    Diff,
    DiffCall,
    Failure,
    Found,
    PluginError,
    ReadCall,
    Resource,
    UpdateCall,
)
from infra.providers.kit.values import UNKNOWN, Properties, Secret

_RANDOM_BYTES: Final = 32
_ID: Final = "password"


class Password(Resource):
    """Takes nothing and lives in no cloud: what the state holds is all that there is of it."""

    def check(self, call: CheckCall) -> Checked:
        """Refuse every input."""
        return Checked({}, [Failure(key, "is no input of a password, which is random") for key in sorted(call.news)])

    def diff(self, call: DiffCall) -> Diff:
        """Say that nothing changes."""
        return Diff()

    def create(self, call: CreateCall) -> Created:
        """Make a password."""
        if call.preview:
            return Created("", {"password": UNKNOWN})
        return Created(_ID, {"password": Secret(secrets.token_urlsafe(_RANDOM_BYTES))})

    def read(self, call: ReadCall) -> Found | None:
        """Return what the state holds. Raises PluginError for an import: there is nothing to import it from."""
        if call.importing:
            raise PluginError("a password cannot be imported: declare it, and one is made")
        return Found(call.id, {"password": Secret(call.outputs["password"])}, {})

    def update(self, call: UpdateCall) -> Properties:
        """Return it as it is, as nothing can change."""
        return {"password": Secret(call.olds["password"])}

    def delete(self, call: DeleteCall) -> None:
        """Do nothing: it goes with the state."""
