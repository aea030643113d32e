"""Monitoring, Pub/Sub, Cloud Scheduler and budgets."""

import json

from tests.conformance.provider_cases import Case
from tests.conformance.provider_cases.google import NUMBER, GoogleWorld

TOKENS = (
    "gcp:monitoring/notificationChannel:NotificationChannel",
    "gcp:monitoring/alertPolicy:AlertPolicy",
    "gcp:monitoring/dashboard:Dashboard",
    "gcp:pubsub/topic:Topic",
    "gcp:pubsub/subscription:Subscription",
    "gcp:cloudscheduler/job:Job",
    "gcp:billing/budget:Budget",
)
FILTER = 'resource.type = "aiplatform.googleapis.com/Endpoint" AND metric.type = "aiplatform.googleapis.com/it"'


def _board(title: str) -> str:
    tile = {"width": 4, "height": 4, "widget": {"title": title, "text": {"content": title}}}
    return json.dumps({"displayName": title, "mosaicLayout": {"columns": 12, "tiles": [tile]}})


def _threshold(value: float) -> list[dict[str, object]]:
    condition = {
        "filter": FILTER,
        "comparison": "COMPARISON_GT",
        "thresholdValue": value,
        "duration": "0s",
        "aggregations": [{"alignmentPeriod": "60s", "perSeriesAligner": "ALIGN_SUM"}],
    }
    return [{"displayName": "too many", "conditionThreshold": condition}]


def cases(world: GoogleWorld) -> list[Case]:
    channel, policy, dashboard, topic, subscription, job, budget = TOKENS
    account = {"billingAccount": "000000-000000-000000"}
    return [
        Case(
            channel,
            args={"type": "email", "displayName": "first", "labels": {"email_address": "a@example.com"}},
            change={"displayName": "second", "userLabels": {"stile-stage": "monitoring"}},
            replace={},
            drift=lambda world, out: world.call(
                "monitoring.v3",
                "projects.notificationChannels.patch",
                name=out["name"],
                updateMask="displayName",
                body={"displayName": "by hand"},
            ),
            drifts="displayName",
        ),
        Case(
            policy,
            args={"displayName": "first", "combiner": "OR", "conditions": _threshold(3)},
            change={"displayName": "second", "conditions": _threshold(4.5), "userLabels": {"owner": "one"}},
            replace={},
            drift=lambda world, out: world.call(
                "monitoring.v3",
                "projects.alertPolicies.patch",
                name=out["name"],
                updateMask="displayName",
                body={"displayName": "by hand"},
            ),
            drifts="displayName",
        ),
        Case(
            dashboard,
            args={"dashboardJson": _board("first")},
            change={"dashboardJson": _board("second")},
            replace={},
            drift=_retitle,
            drifts="dashboardJson",
        ),
        Case(
            topic,
            args={"labels": {"stile-stage": "monitoring"}, "messageRetentionDuration": "86400s"},
            change={"messageRetentionDuration": "172800s", "labels": {"stile-stage": "other", "owner": "one"}},
            replace={"name": "case-topic-2"},
            drift=lambda world, out: world.call(
                "pubsub.v1",
                "projects.topics.patch",
                name=f"projects/stile-local/topics/{out['name']}",
                body={"topic": {"labels": {"stile-stage": "by-hand"}}, "updateMask": "labels"},
            ),
            drifts="labels",
            imported_without=("labels",),
        ),
        Case(
            subscription,
            args={"topic": world.topic("case-subscribed"), "ackDeadlineSeconds": 20},
            change={"ackDeadlineSeconds": 30, "retainAckedMessages": True},
            replace={"filter": 'attributes.colour = "blue"'},
            drift=lambda world, out: world.call(
                "pubsub.v1",
                "projects.subscriptions.patch",
                name=f"projects/stile-local/subscriptions/{out['name']}",
                body={"subscription": {"ackDeadlineSeconds": 40}, "updateMask": "ackDeadlineSeconds"},
            ),
            drifts="ackDeadlineSeconds",
        ),
        Case(
            job,
            args={
                "schedule": "0 3 * * *",
                "region": "us-central1",
                "pubsubTarget": {"topicName": world.topic("case-scheduled"), "data": "aGk="},
            },
            change={"schedule": "0 4 * * *", "description": "later", "paused": True},
            replace={"name": "case-job-2"},
            drift=lambda world, out: world.call(
                "cloudscheduler.v1",
                "projects.locations.jobs.patch",
                name=f"projects/stile-local/locations/us-central1/jobs/{out['name']}",
                updateMask="schedule",
                body={"schedule": "0 5 * * *"},
            ),
            drifts="schedule",
        ),
        Case(
            budget,
            args={
                **account,
                "displayName": "first",
                "amount": {"specifiedAmount": {"currencyCode": "USD", "units": "100"}},
                "budgetFilter": {"projects": [f"projects/{NUMBER}"], "labels": {"stile-stack": "one"}},
                "thresholdRules": [{"thresholdPercent": 0.5}, {"thresholdPercent": 1}],
            },
            change={"displayName": "second", "thresholdRules": [{"thresholdPercent": 0.9}]},
            replace={"billingAccount": "000000-000000-000001"},
            drift=lambda world, out: world.call(
                "billingbudgets.v1",
                "billingAccounts.budgets.patch",
                name=out["name"],
                updateMask="displayName",
                body={"displayName": "by hand"},
            ),
            drifts="displayName",
        ),
    ]


def _retitle(world: GoogleWorld, out: dict[str, str]) -> None:
    (name,) = (each["name"] for each in _boards(world))
    live = world.call("monitoring.v1", "projects.dashboards.get", name=name)
    world.call("monitoring.v1", "projects.dashboards.patch", name=name, body={**live, "displayName": "by hand"})


def _boards(world: GoogleWorld) -> list[dict[str, str]]:
    found = world.call("monitoring.v1", "projects.dashboards.list", parent="projects/stile-local")
    return list(found["dashboards"])
