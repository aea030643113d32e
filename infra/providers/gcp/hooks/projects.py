"""Projects: APIs that stay switched on, roles that come back from deletion."""

from typing import Any

from infra.providers.gcp.calls import Calls
from infra.providers.gcp.hooks import Hook
from infra.providers.kit.resource import CallFailed, PluginError
from infra.providers.kit.values import Properties


class ServiceHook(Hook):
    """An API, switched off at the end only if the program says so."""

    def delete(self, calls: Calls, outputs: Properties, known: dict[str, Any]) -> bool:
        """Leave it on, or switch it off."""
        if outputs.get("disableOnDestroy"):
            name = f"projects/{known['project']}/services/{known['service']}"
            dependent = bool(outputs.get("disableDependentServices"))
            calls("services.disable", name=name, disableDependentServices=dependent)
        return True


class CustomRoleHook(Hook):
    """A role, which Google keeps for weeks after its deletion and gives nobody else its id."""

    def create(self, calls: Calls, args: dict[str, Any], inputs: Properties) -> Any:
        """Take a deleted role of the same id back and bring it up to date; refuse one that is in use."""
        name = f"{args['parent']}/roles/{args['roleId']}"
        try:
            role = calls("projects.roles.get", name=name)
        except CallFailed as error:
            if error.means(calls.type.missing):
                return None
            raise
        if not role.get("deleted"):
            raise PluginError(f"Custom project role {name} already exists and must be imported")
        calls("projects.roles.undelete", name=name)
        mask = "title,description,stage,includedPermissions"
        return calls("projects.roles.patch", name=name, updateMask=mask, body=args["role"])
