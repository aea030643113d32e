"""IAM: service accounts, whose address says their id."""

from typing import Any

from infra.providers.gcp.calls import Calls
from infra.providers.gcp.hooks import Hook
from infra.providers.kit.resource import PluginError
from infra.providers.kit.values import Properties


class AccountHook(Hook):
    """A service account."""

    def parse_id(self, identity: str) -> Properties:
        """Return project, address and account id of `projects/<p>/serviceAccounts/<id>@<p>...`."""
        _, project, _, email = identity.split("/") if identity.count("/") == 3 else ("", "", "", "")
        if "@" not in email:
            raise PluginError(f"the id {identity} has not the form projects/<project>/serviceAccounts/<address>")
        return {"project": project, "email": email, "accountId": email.partition("@")[0]}

    def after_create(self, calls: Calls, inputs: Properties, known: dict[str, Any]) -> None:
        """Disable it, if the program says so: none is made disabled."""
        if inputs.get("disabled"):
            calls("projects.serviceAccounts.disable", name=known["id"])

    def after_update(self, calls: Calls, inputs: Properties, olds: Properties, known: dict[str, Any]) -> None:
        """Enable or disable it."""
        if bool(inputs.get("disabled")) != bool(olds.get("disabled")):
            word = "disable" if inputs.get("disabled") else "enable"
            calls(f"projects.serviceAccounts.{word}", name=known["id"])
