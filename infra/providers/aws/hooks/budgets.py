"""Budgets: the account, times of their own form, and notifications with their subscribers."""

from datetime import UTC, datetime
from typing import Any

from infra.providers.aws.calls import Calls
from infra.providers.aws.hooks import Hook
from infra.providers.kit.schema import same
from infra.providers.kit.values import Properties

_TIME = "%Y-%m-%d_%H:%M"
_KINDS = {"EMAIL": "Emails", "SNS": "Topics"}


class BudgetHook(Hook):
    """A budget with its notifications."""

    def fill(self, calls: Calls, inputs: Properties) -> Properties:
        """The account is the caller's, unless the program names one."""
        return {"accountId": inputs.get("accountId") or calls.cloud.account}

    def create_arguments(self, calls: Calls, args: dict[str, Any], inputs: Properties) -> dict[str, Any]:
        """Bring times, filters and notifications into the API's form."""
        made = {**args, "Budget": _budget(args["Budget"], inputs)}
        made["NotificationsWithSubscribers"] = [_notification(row) for row in inputs.get("notifications") or ()]
        return made

    def after_update(self, calls: Calls, inputs: Properties, olds: Properties, known: dict[str, Any]) -> None:
        """Write the budget anew, and its notifications if they changed."""
        where = {"AccountId": known["accountId"], "BudgetName": known["name"]}
        args = calls.arguments(calls.type.create, inputs, inputs, known)
        calls("UpdateBudget", AccountId=where["AccountId"], NewBudget=_budget(args["Budget"], inputs))
        if same(calls.type.fields["notifications"], olds.get("notifications"), inputs.get("notifications")):
            return
        for row in _read_notifications(calls, where):
            calls("DeleteNotification", **where, Notification=row["Notification"])
        for row in inputs.get("notifications") or ():
            calls("CreateNotification", **where, **_notification(row))

    def document(self, calls: Calls, document: dict[str, Any], known: dict[str, Any]) -> dict[str, Any]:
        """Add the account and the notifications; times and filters in the program's form."""
        where = {"AccountId": known["accountId"], "BudgetName": known["name"]}
        budget = dict(document["Budget"])
        period = budget.get("TimePeriod") or {}
        budget["TimePeriod"] = {name: _time_text(value) for name, value in period.items()}
        filters = budget.pop("CostFilters", None) or {}
        budget["CostFilters"] = [{"Name": name, "Values": values} for name, values in sorted(filters.items())]
        notifications = _read_notifications(calls, where)
        return {
            "AccountId": where["AccountId"],
            "Budget": budget,
            "NotificationsWithSubscribers": notifications,
        }


def _budget(budget: dict[str, Any], inputs: Properties) -> dict[str, Any]:
    period = {
        name: datetime.strptime(text, _TIME).replace(tzinfo=UTC) for name, text in budget.get("TimePeriod", {}).items()
    }
    made = {**budget, "TimePeriod": period}
    if "costFilters" in inputs:
        made["CostFilters"] = {row["name"]: row["values"] for row in inputs["costFilters"]}
    return made


def _time_text(moment: Any) -> str:
    return str(moment.astimezone(UTC).strftime(_TIME)) if isinstance(moment, datetime) else str(moment)


def _notification(row: Properties) -> dict[str, Any]:
    subscribers = [("EMAIL", each) for each in row.get("subscriberEmailAddresses") or ()]
    subscribers += [("SNS", each) for each in row.get("subscriberSnsTopicArns") or ()]
    return {
        "Notification": {
            "NotificationType": row["notificationType"],
            "ComparisonOperator": row["comparisonOperator"],
            "Threshold": float(row["threshold"]),
            "ThresholdType": row["thresholdType"],
        },
        "Subscribers": [{"SubscriptionType": kind, "Address": address} for kind, address in subscribers],
    }


def _read_notifications(calls: Calls, where: dict[str, Any]) -> list[dict[str, Any]]:
    rows = []
    for found in calls("DescribeNotificationsForBudget", **where).get("Notifications", ()):
        keys = ("NotificationType", "ComparisonOperator", "Threshold", "ThresholdType")
        notification = {"ThresholdType": "PERCENTAGE", **{key: found[key] for key in keys if key in found}}
        answer = calls("DescribeSubscribersForNotification", **where, Notification=notification)
        row: dict[str, Any] = {"Notification": notification, "Emails": [], "Topics": []}
        for each in answer.get("Subscribers", ()):
            row[_KINDS[each["SubscriptionType"]]].append(each["Address"])
        rows.append(row)
    return rows
