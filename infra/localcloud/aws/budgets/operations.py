"""The operations on budgets, notifications, subscribers and tags."""

import functools
from collections.abc import Callable
from typing import Any

from localstack.aws.api import RequestContext

from infra.localcloud.aws.budgets import records
from infra.localcloud.aws.budgets.records import Budget, Notification
from infra.localcloud.aws.failures import Refusal
from infra.localcloud.aws.operations import Operations, Request, Response

MAX_NOTIFICATIONS, MAX_SUBSCRIBERS = 10, 11
PAGE_SIZE = 100


def create_budget(context: RequestContext, request: Request) -> Response:
    """CreateBudget, with notifications and tags if they are given."""
    asked = request["Budget"]
    kept = records.budgets(request["AccountId"])
    name = asked["BudgetName"]
    if name in kept:
        raise records.duplicate(f"Error creating budget: {name} - the budget already exists.")
    budget = Budget(records.settled(asked))
    for one in request.get("NotificationsWithSubscribers") or ():
        _add(budget, one["Notification"], one["Subscribers"])
    budget.tags = {tag["Key"]: tag["Value"] for tag in request.get("ResourceTags") or ()}
    kept[name] = budget
    return {}


def update_budget(context: RequestContext, request: Request) -> Response:
    """UpdateBudget: replaces the settings, keeps the notifications."""
    asked = request["NewBudget"]
    records.named(request["AccountId"], asked["BudgetName"]).settings = records.settled(asked)
    return {}


def describe_budget(context: RequestContext, request: Request) -> Response:
    """DescribeBudget."""
    return {"Budget": records.named(request["AccountId"], request["BudgetName"]).settings}


def describe_budgets(context: RequestContext, request: Request) -> Response:
    """DescribeBudgets."""
    return _page("Budgets", [one.settings for one in records.budgets(request["AccountId"]).values()], request)


def delete_budget(context: RequestContext, request: Request) -> Response:
    """DeleteBudget, with its notifications."""
    name = request["BudgetName"]
    if records.budgets(request["AccountId"]).pop(name, None) is None:
        raise records.missing(f"Unable to delete budget: {name} - the budget doesn't exist. Try creating it first.")
    return {}


def create_notification(context: RequestContext, request: Request) -> Response:
    """CreateNotification, with its subscribers."""
    _add(_budget(request), request["Notification"], request["Subscribers"])
    return {}


def update_notification(context: RequestContext, request: Request) -> Response:
    """UpdateNotification: keeps the subscribers."""
    budget = _budget(request)
    changed = records.notification(budget, request["OldNotification"])
    if records.find_notification(budget, request["NewNotification"]) not in (None, changed):
        raise records.duplicate("Unable to update notification - the new notification already exists.")
    changed.settings = records.threshold(request["NewNotification"])
    return {}


def delete_notification(context: RequestContext, request: Request) -> Response:
    """DeleteNotification, with its subscribers."""
    budget = _budget(request)
    budget.notifications.remove(records.notification(budget, request["Notification"]))
    return {}


def describe_notifications(context: RequestContext, request: Request) -> Response:
    """DescribeNotificationsForBudget."""
    return _page("Notifications", [one.settings for one in _budget(request).notifications], request)


def create_subscriber(context: RequestContext, request: Request) -> Response:
    """CreateSubscriber."""
    _subscribe(_notification(request), request["Subscriber"])
    return {}


def update_subscriber(context: RequestContext, request: Request) -> Response:
    """UpdateSubscriber."""
    found = _notification(request)
    place = _place(found, request["OldSubscriber"])
    if request["NewSubscriber"] != request["OldSubscriber"] and request["NewSubscriber"] in found.subscribers:
        raise records.duplicate("Unable to update subscriber - the new subscriber already exists.")
    found.subscribers[place] = dict(request["NewSubscriber"])
    return {}


def delete_subscriber(context: RequestContext, request: Request) -> Response:
    """DeleteSubscriber; with the last one its notification goes too."""
    budget, found = _budget(request), _notification(request)
    del found.subscribers[_place(found, request["Subscriber"])]
    if not found.subscribers:
        budget.notifications.remove(found)
    return {}


def describe_subscribers(context: RequestContext, request: Request) -> Response:
    """DescribeSubscribersForNotification."""
    return _page("Subscribers", list(_notification(request).subscribers), request)


def tag_resource(context: RequestContext, request: Request) -> Response:
    """TagResource."""
    _by_arn(request).tags |= {tag["Key"]: tag["Value"] for tag in request["ResourceTags"]}
    return {}


def untag_resource(context: RequestContext, request: Request) -> Response:
    """UntagResource."""
    tags = _by_arn(request).tags
    for key in request["ResourceTagKeys"]:
        tags.pop(key, None)
    return {}


def list_tags(context: RequestContext, request: Request) -> Response:
    """ListTagsForResource."""
    return {"ResourceTags": [{"Key": key, "Value": value} for key, value in _by_arn(request).tags.items()]}


def _budget(request: Request) -> Budget:
    return records.named(request["AccountId"], request["BudgetName"])


def _notification(request: Request) -> Notification:
    return records.notification(_budget(request), request["Notification"])


def _by_arn(request: Request) -> Budget:
    arn = str(request["ResourceARN"])
    parts = arn.split(":")
    if len(parts) != 6 or not parts[5].startswith("budget/"):
        raise records.invalid(f"Invalid ARN: {arn}")
    return records.named(parts[4], parts[5].removeprefix("budget/"))


def _add(budget: Budget, asked: Any, subscribers: Any) -> None:
    if records.find_notification(budget, asked) is not None:
        raise records.duplicate("Unable to create notification - the notification already exists.")
    if len(budget.notifications) == MAX_NOTIFICATIONS:
        raise _too_many(f"A budget has at most {MAX_NOTIFICATIONS} notifications.")
    new = Notification(records.threshold(asked))
    for subscriber in subscribers:
        _subscribe(new, subscriber)
    budget.notifications.append(new)


def _subscribe(found: Notification, subscriber: Any) -> None:
    if subscriber in found.subscribers:
        raise records.duplicate("Unable to create subscriber - the subscriber already exists.")
    if len(found.subscribers) == MAX_SUBSCRIBERS:
        raise _too_many(f"A notification has at most {MAX_SUBSCRIBERS} subscribers.")
    found.subscribers.append(dict(subscriber))


def _place(found: Notification, subscriber: Any) -> int:
    if subscriber not in found.subscribers:
        raise records.missing("Unable to find the subscriber - the subscriber doesn't exist.")
    return found.subscribers.index(subscriber)


def _too_many(message: str) -> Refusal:
    return Refusal("CreationLimitExceededException", message, 400, sender_fault=True)


def _page(key: str, entries: list[Any], request: Request) -> Response:
    token = request.get("NextToken")
    if token is not None and (not token.isdigit() or int(token) >= len(entries)):
        raise Refusal("InvalidNextTokenException", "The pagination token is invalid.", 400, sender_fault=True)
    start = int(token or 0)
    end = start + (request.get("MaxResults") or PAGE_SIZE)
    return {key: entries[start:end]} | ({"NextToken": str(end)} if end < len(entries) else {})


def _alone(handler: Callable[[RequestContext, Request], Response]) -> Callable[[RequestContext, Request], Response]:
    """Let no other change come in between."""

    @functools.wraps(handler)
    def handle(context: RequestContext, request: Request) -> Response:
        with records.CHANGING:
            return handler(context, request)

    return handle


OPERATIONS: Operations = {
    operation: _alone(handler)
    for operation, handler in {
        "CreateBudget": create_budget,
        "CreateNotification": create_notification,
        "CreateSubscriber": create_subscriber,
        "DeleteBudget": delete_budget,
        "DeleteNotification": delete_notification,
        "DeleteSubscriber": delete_subscriber,
        "DescribeBudget": describe_budget,
        "DescribeBudgets": describe_budgets,
        "DescribeNotificationsForBudget": describe_notifications,
        "DescribeSubscribersForNotification": describe_subscribers,
        "ListTagsForResource": list_tags,
        "TagResource": tag_resource,
        "UntagResource": untag_resource,
        "UpdateBudget": update_budget,
        "UpdateNotification": update_notification,
        "UpdateSubscriber": update_subscriber,
    }.items()
}
