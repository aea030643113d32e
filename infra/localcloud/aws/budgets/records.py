"""Budgets, each with its notifications and their subscribers."""

import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from localstack.services.stores import AccountRegionBundle, BaseStore

from infra.localcloud.aws.failures import Refusal

# The provider leaves these out; the service answers them.
DEFAULT_END = datetime(2087, 6, 15, tzinfo=UTC)
COST_TYPES = {
    "IncludeCredit": True,
    "IncludeDiscount": True,
    "IncludeOtherSubscription": True,
    "IncludeRecurring": True,
    "IncludeRefund": True,
    "IncludeSubscription": True,
    "IncludeSupport": True,
    "IncludeTax": True,
    "IncludeUpfront": True,
    "UseAmortized": False,
    "UseBlended": False,
}
IDENTITY = ("NotificationType", "ComparisonOperator", "Threshold", "ThresholdType")
DEFAULT_THRESHOLD_TYPE = "PERCENTAGE"

Subscriber = Mapping[str, str]


@dataclass
class Notification:
    """One threshold of a budget, and who is told of it."""

    settings: dict[str, Any]
    subscribers: list[Subscriber] = field(default_factory=list)


@dataclass
class Budget:
    """A budget. Nothing is ever spent on a local cloud."""

    settings: dict[str, Any]
    notifications: list[Notification] = field(default_factory=list)
    tags: dict[str, str] = field(default_factory=dict)


class BudgetStore(BaseStore):
    """An account's budgets; they belong to no region."""

    def __init__(self) -> None:
        self.budgets: dict[str, Budget] = {}


# They belong to no region, and botocore knows none for them.
PLACE = "global"
# Of every handler: budgets are few and their changes small.
CHANGING = threading.RLock()
_stores: AccountRegionBundle[BudgetStore] = AccountRegionBundle("budgets", BudgetStore, validate=False)


def budgets(account_id: str) -> dict[str, Budget]:
    """Return an account's budgets by name; changed under CHANGING only."""
    found: dict[str, Budget] = _stores[account_id][PLACE].budgets
    return found


def settled(asked: Mapping[str, Any]) -> dict[str, Any]:
    """Return a budget's settings with what the service fills in."""
    if not any(asked.get(member) for member in ("BudgetLimit", "PlannedBudgetLimits", "AutoAdjustData")):
        raise invalid(
            "Unable to create/update budget - please provide one of the followings: "
            "Budget Limit/ Planned Budget Limit/ Auto Adjust Data"
        )
    moment = datetime.now(UTC)
    month = moment.replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    unit = (asked.get("BudgetLimit") or {}).get("Unit", "USD")
    period = {"Start": month, "End": DEFAULT_END, **(asked.get("TimePeriod") or {})}
    return {
        "CostFilters": {},
        **asked,
        **({} if asked.get("Metrics") else {"CostTypes": {**COST_TYPES, **(asked.get("CostTypes") or {})}}),
        "TimePeriod": period,
        "CalculatedSpend": {"ActualSpend": {"Amount": "0.0", "Unit": unit}},
        "LastUpdatedTime": moment,
        "HealthStatus": {"Status": "HEALTHY", "LastUpdatedTime": moment},
    }


def threshold(asked: Mapping[str, Any]) -> dict[str, Any]:
    """Return a notification's settings with what the service fills in."""
    return {"ThresholdType": DEFAULT_THRESHOLD_TYPE, "NotificationState": "OK", **asked}


def named(account_id: str, name: str) -> Budget:
    """Return a budget; raises NotFoundException."""
    found = budgets(account_id).get(name)
    if found is None:
        raise missing(f"Unable to get budget: {name} - the budget doesn't exist.")
    return found


def find_notification(budget: Budget, asked: Mapping[str, Any]) -> Notification | None:
    """Return the notification of a budget that has the settings asked for."""
    wanted = _identity(threshold(asked))
    return next((one for one in budget.notifications if _identity(one.settings) == wanted), None)


def notification(budget: Budget, asked: Mapping[str, Any]) -> Notification:
    """Return the notification of a budget that has the settings asked for; raises NotFoundException."""
    found = find_notification(budget, asked)
    if found is None:
        raise missing("Unable to find the notification - the notification doesn't exist.")
    return found


def _identity(settings: Mapping[str, Any]) -> tuple[Any, ...]:
    return tuple(settings[member] for member in IDENTITY)


def missing(message: str) -> Refusal:
    """What is named does not exist."""
    return Refusal("NotFoundException", message, 400, sender_fault=True)


def duplicate(message: str) -> Refusal:
    """What is to be created exists."""
    return Refusal("DuplicateRecordException", message, 400, sender_fault=True)


def invalid(message: str) -> Refusal:
    """The request is wrong in itself."""
    return Refusal("InvalidParameterException", message, 400, sender_fault=True)
