"""Budgets, their notifications, subscribers and tags, as the provider writes and reads them."""

from datetime import UTC, datetime
from typing import Any

import pytest

from tests.localcloud.cloud import ACCOUNT, LocalAws, refusal

SUBSCRIBER = {"SubscriptionType": "SNS", "Address": "arn:aws:sns:us-east-1:000000000000:alerts"}


def threshold(percent: float) -> dict[str, Any]:
    return {"NotificationType": "ACTUAL", "ComparisonOperator": "GREATER_THAN", "Threshold": percent}


def settings(name: str, amount: str) -> dict[str, Any]:
    return {
        "BudgetName": name,
        "BudgetType": "COST",
        "TimeUnit": "MONTHLY",
        "BudgetLimit": {"Amount": amount, "Unit": "USD"},
    }


@pytest.fixture
def budgets(local_aws: LocalAws) -> Any:
    return local_aws.client("budgets")


@pytest.fixture
def named(local_aws: LocalAws, budgets: Any) -> dict[str, str]:
    """The names by which a budget that is created is asked for."""
    name = local_aws.name("budget")
    budgets.create_budget(
        AccountId=ACCOUNT, Budget=settings(name, "100.0"), ResourceTags=[{"Key": "stile-stage", "Value": "budget"}]
    )
    return {"AccountId": ACCOUNT, "BudgetName": name}


def test_a_budget_is_read_as_written_with_the_services_defaults(budgets: Any, named: dict[str, str]) -> None:
    """Protects: the provider's read shows no difference to what it wrote."""
    read = budgets.describe_budget(**named)["Budget"]
    assert read["BudgetLimit"] == {"Amount": "100.0", "Unit": "USD"}
    assert read["TimePeriod"]["End"] == datetime(2087, 6, 15, tzinfo=UTC)
    assert read["CostTypes"]["IncludeTax"] is True
    assert float(read["CalculatedSpend"]["ActualSpend"]["Amount"]) == 0
    arn = f"arn:aws:budgets::{ACCOUNT}:budget/{named['BudgetName']}"
    assert budgets.list_tags_for_resource(ResourceARN=arn)["ResourceTags"] == [
        {"Key": "stile-stage", "Value": "budget"}
    ]
    budgets.tag_resource(ResourceARN=arn, ResourceTags=[{"Key": "more", "Value": "1"}])
    budgets.untag_resource(ResourceARN=arn, ResourceTagKeys=["stile-stage"])
    assert budgets.list_tags_for_resource(ResourceARN=arn)["ResourceTags"] == [{"Key": "more", "Value": "1"}]


def test_an_update_keeps_the_notifications(budgets: Any, named: dict[str, str]) -> None:
    budgets.create_notification(**named, Notification=threshold(80), Subscribers=[SUBSCRIBER])
    budgets.update_budget(AccountId=ACCOUNT, NewBudget=settings(named["BudgetName"], "250"))
    assert budgets.describe_budget(**named)["Budget"]["BudgetLimit"]["Amount"] == "250"
    found = budgets.describe_notifications_for_budget(**named)["Notifications"]
    assert [(one["Threshold"], one["ThresholdType"]) for one in found] == [(80.0, "PERCENTAGE")]
    told = budgets.describe_subscribers_for_notification(**named, Notification=found[0])["Subscribers"]
    assert told == [SUBSCRIBER]


def test_notifications_and_subscribers_change_one_by_one(budgets: Any, named: dict[str, str]) -> None:
    """Protects: the provider reconciles notifications by deleting and creating each."""
    budgets.create_notification(**named, Notification=threshold(80), Subscribers=[SUBSCRIBER])
    with refusal("DuplicateRecordException"):
        budgets.create_notification(**named, Notification=threshold(80), Subscribers=[SUBSCRIBER])
    mail = {"SubscriptionType": "EMAIL", "Address": "team@example.com"}
    budgets.create_subscriber(**named, Notification=threshold(80), Subscriber=mail)
    budgets.update_notification(**named, OldNotification=threshold(80), NewNotification=threshold(90))
    told = budgets.describe_subscribers_for_notification(**named, Notification=threshold(90))["Subscribers"]
    assert told == [SUBSCRIBER, mail]
    budgets.delete_notification(**named, Notification=threshold(90))
    assert budgets.describe_notifications_for_budget(**named)["Notifications"] == []
    with refusal("NotFoundException"):
        budgets.delete_notification(**named, Notification=threshold(90))


def test_a_subscriber_is_changed_and_the_last_one_takes_its_notification_along(
    budgets: Any, named: dict[str, str]
) -> None:
    budgets.create_notification(**named, Notification=threshold(80), Subscribers=[SUBSCRIBER])
    mail = {"SubscriptionType": "EMAIL", "Address": "team@example.com"}
    notified = {**named, "Notification": threshold(80)}
    budgets.update_subscriber(**notified, OldSubscriber=SUBSCRIBER, NewSubscriber=mail)
    assert budgets.describe_subscribers_for_notification(**notified)["Subscribers"] == [mail]
    with refusal("NotFoundException"):
        budgets.update_subscriber(**notified, OldSubscriber=SUBSCRIBER, NewSubscriber=mail)
    budgets.delete_subscriber(**notified, Subscriber=mail)
    assert budgets.describe_notifications_for_budget(**named)["Notifications"] == []


def test_all_budgets_are_listed(budgets: Any, named: dict[str, str]) -> None:
    listed = budgets.get_paginator("describe_budgets").paginate(AccountId=ACCOUNT, PaginationConfig={"PageSize": 1})
    assert named["BudgetName"] in [budget["BudgetName"] for page in listed for budget in page["Budgets"]]


def test_a_budget_that_is_missing_or_taken_is_refused(budgets: Any, named: dict[str, str]) -> None:
    with refusal("DuplicateRecordException", "already exists"):
        budgets.create_budget(AccountId=ACCOUNT, Budget=settings(named["BudgetName"], "1"))
    budgets.delete_budget(**named)
    with refusal("NotFoundException"):
        budgets.describe_budget(**named)
    with refusal("NotFoundException"):
        budgets.delete_budget(**named)


def test_what_is_not_emulated_says_so(budgets: Any) -> None:
    with refusal("InternalFailure"):
        budgets.describe_budget_actions_for_account(AccountId=ACCOUNT)
