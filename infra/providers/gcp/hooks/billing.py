"""Budgets: the billing account in their name, and labels that the API takes as lists of one value."""

from typing import Any

from infra.providers.gcp.calls import Calls
from infra.providers.gcp.hooks import Hook
from infra.providers.kit.tables import Call
from infra.providers.kit.values import Properties


class BudgetHook(Hook):
    """A budget."""

    def parse_id(self, identity: str) -> Properties:
        """Return the billing account of `billingAccounts/<account>/budgets/<id>`."""
        return {"name": identity, "billingAccount": identity.split("/")[1]} if "/" in identity else {}

    def create_arguments(self, calls: Calls, args: dict[str, Any], inputs: Properties) -> dict[str, Any]:
        """Send labels as lists."""
        return _listed(args)

    def update_arguments(self, call: Call, args: dict[str, Any], inputs: Properties) -> dict[str, Any]:
        """Send labels as lists."""
        return _listed(args)

    def document(self, calls: Calls, document: dict[str, Any], known: dict[str, Any]) -> dict[str, Any]:
        """Return labels as texts."""
        labels = (document.get("budgetFilter") or {}).get("labels")
        if labels:
            document["budgetFilter"]["labels"] = {key: values[0] for key, values in labels.items()}
        return document


def _listed(args: dict[str, Any]) -> dict[str, Any]:
    labels = (args.get("budgetFilter") or {}).get("labels")
    if labels:
        args["budgetFilter"]["labels"] = {key: [value] for key, value in labels.items()}
    return args
