"""KMS, ECR, CloudWatch, SNS and budgets."""

import json
from typing import Any

from tests.conformance.provider_cases import Args, Case
from tests.conformance.provider_cases.world import World

TOKENS = (
    "aws:kms/key:Key",
    "aws:kms/alias:Alias",
    "aws:ecr/repository:Repository",
    "aws:ecr/lifecyclePolicy:LifecyclePolicy",
    "aws:cloudwatch/logGroup:LogGroup",
    "aws:cloudwatch/metricAlarm:MetricAlarm",
    "aws:cloudwatch/dashboard:Dashboard",
    "aws:sns/topic:Topic",
    "aws:sns/topicPolicy:TopicPolicy",
    "aws:sns/topicSubscription:TopicSubscription",
    "aws:budgets/budget:Budget",
)


def cases(world: World) -> list[Case]:
    return [
        *_kms(world),
        *_ecr(world),
        _log_group(world),
        _alarm(world),
        _dashboard(world),
        *_sns(world),
        _budget(world),
    ]


def _kms(world: World) -> list[Case]:
    kms = world.client("kms")
    keys = [kms.create_key()["KeyMetadata"]["KeyId"] for _ in range(3)]
    return [
        Case(
            "aws:kms/key:Key",
            args={"description": "first", "enableKeyRotation": True, "deletionWindowInDays": 7, "tags": {"a": "b"}},
            change={"description": "second", "enableKeyRotation": False, "tags": {"a": "c"}},
            replace={"keyUsage": "SIGN_VERIFY", "customerMasterKeySpec": "RSA_2048"},
            drift=lambda world, out: kms.disable_key(KeyId=out["keyId"]),
            drifts="isEnabled",
            imported_without=("deletionWindowInDays",),
        ),
        Case(
            "aws:kms/alias:Alias",
            args={"targetKeyId": keys[0]},
            change={"targetKeyId": keys[1]},
            replace={"name": f"alias/{world.aws.name('renamed')}"},
            drift=lambda world, out: kms.update_alias(AliasName=out["name"], TargetKeyId=keys[2]),
            drifts="targetKeyId",
        ),
    ]


def _ecr(world: World) -> list[Case]:
    ecr = world.client("ecr")
    first, second = world.aws.name("case-repository"), world.aws.name("case-repository")
    for name in (first, second):
        ecr.create_repository(repositoryName=name)
    return [
        Case(
            "aws:ecr/repository:Repository",
            args={"forceDelete": True, "tags": {"a": "b"}},
            change={"imageTagMutability": "IMMUTABLE", "imageScanningConfiguration": {"scanOnPush": True}},
            replace={"name": world.aws.name("renamed")},
            drift=lambda world, out: ecr.put_image_tag_mutability(
                repositoryName=out["name"], imageTagMutability="MUTABLE"
            ),
            drifts="imageTagMutability",
            imported_without=("forceDelete",),
        ),
        Case(
            "aws:ecr/lifecyclePolicy:LifecyclePolicy",
            args={"repository": first, "policy": _keep(10)},
            change={},
            replace={"policy": _keep(20)},
            drift=lambda world, out: ecr.delete_lifecycle_policy(repositoryName=out["repository"]),
            drifts="",
        ),
    ]


def _keep(images: int) -> str:
    selection = {"tagStatus": "any", "countType": "imageCountMoreThan", "countNumber": images}
    return json.dumps({"rules": [{"rulePriority": 1, "selection": selection, "action": {"type": "expire"}}]})


def _log_group(world: World) -> Case:
    logs = world.client("logs")
    return Case(
        "aws:cloudwatch/logGroup:LogGroup",
        args={"retentionInDays": 7, "tags": {"a": "b"}},
        change={"retentionInDays": 30, "tags": {"a": "c"}},
        replace={"name": world.aws.name("renamed")},
        drift=lambda world, out: logs.delete_retention_policy(logGroupName=out["name"]),
        drifts="retentionInDays",
    )


def _alarm(world: World) -> Case:
    cloudwatch = world.client("cloudwatch")
    args = {
        "comparisonOperator": "GreaterThanThreshold",
        "evaluationPeriods": 1,
        "metricName": "Invocation5XXErrors",
        "namespace": "AWS/SageMaker",
        "period": 60,
        "statistic": "Sum",
        "threshold": 1.5,
        "dimensions": {"EndpointName": "e", "VariantName": "v"},
        "alarmActions": ["arn:aws:sns:us-east-1:000000000000:one", "arn:aws:sns:us-east-1:000000000000:two"],
        "tags": {"a": "b"},
    }

    def loosen(world: World, out: Args) -> Any:
        return cloudwatch.put_metric_alarm(
            AlarmName=out["name"],
            ComparisonOperator="GreaterThanThreshold",
            EvaluationPeriods=1,
            MetricName="Invocation5XXErrors",
            Namespace="AWS/SageMaker",
            Period=60,
            Statistic="Sum",
            Threshold=1000.0,
        )

    return Case(
        "aws:cloudwatch/metricAlarm:MetricAlarm",
        args=args,
        change={"threshold": 2, "treatMissingData": "notBreaching", "alarmDescription": "too many errors"},
        replace={"name": world.aws.name("renamed")},
        drift=loosen,
        drifts="threshold",
    )


def _dashboard(world: World) -> Case:
    cloudwatch = world.client("cloudwatch")
    name = world.aws.name("dashboard")
    return Case(
        "aws:cloudwatch/dashboard:Dashboard",
        args={"dashboardName": name, "dashboardBody": _body("first")},
        change={"dashboardBody": _body("second")},
        replace={"dashboardName": world.aws.name("renamed")},
        drift=lambda world, out: cloudwatch.put_dashboard(DashboardName=name, DashboardBody=_body("by hand")),
        drifts="dashboardBody",
    )


def _body(text: str) -> str:
    widget = {"type": "text", "x": 0, "y": 0, "width": 6, "height": 2, "properties": {"markdown": text}}
    return json.dumps({"widgets": [widget]})


def _sns(world: World) -> list[Case]:
    sns, sqs = world.client("sns"), world.client("sqs")
    topics = [sns.create_topic(Name=world.aws.name("case-topic"))["TopicArn"] for _ in range(2)]
    url = sqs.create_queue(QueueName=world.aws.name("case-queue"))["QueueUrl"]
    queue = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    return [
        Case(
            "aws:sns/topic:Topic",
            args={"displayName": "first", "tags": {"a": "b"}},
            change={"displayName": "second", "tags": {"a": "c"}},
            replace={"name": world.aws.name("renamed")},
            drift=lambda world, out: sns.set_topic_attributes(
                TopicArn=out["arn"], AttributeName="DisplayName", AttributeValue="by hand"
            ),
            drifts="displayName",
        ),
        Case(
            "aws:sns/topicPolicy:TopicPolicy",
            args={"arn": topics[0], "policy": _publish("cloudwatch", topics)},
            change={"policy": _publish("budgets", topics)},
            replace={"arn": topics[1]},
            drift=lambda world, out: sns.set_topic_attributes(
                TopicArn=out["arn"], AttributeName="Policy", AttributeValue=json.dumps(_publish("events", topics))
            ),
            drifts="policy",
            stays="a topic always has a policy",
        ),
        Case(
            "aws:sns/topicSubscription:TopicSubscription",
            args={"topic": topics[0], "protocol": "sqs", "endpoint": queue},
            change={"rawMessageDelivery": True},
            replace={"topic": topics[1]},
            drift=lambda world, out: sns.set_subscription_attributes(
                SubscriptionArn=out["arn"], AttributeName="RawMessageDelivery", AttributeValue="false"
            ),
            drifts="rawMessageDelivery",
        ),
    ]


def _publish(service: str, topics: list[str]) -> Args:
    statement = {
        "Sid": "publish",
        "Effect": "Allow",
        "Principal": {"Service": f"{service}.amazonaws.com"},
        "Action": "sns:Publish",
        "Resource": topics[0],
    }
    return {"Version": "2012-10-17", "Statement": [statement]}


def _budget(world: World) -> Case:
    notification = {
        "comparisonOperator": "GREATER_THAN",
        "notificationType": "ACTUAL",
        "threshold": 80,
        "thresholdType": "PERCENTAGE",
        "subscriberEmailAddresses": ["owner@example.com"],
    }
    args = {
        "budgetType": "COST",
        "limitAmount": "100",
        "limitUnit": "USD",
        "timeUnit": "MONTHLY",
        "timePeriodStart": "2026-01-01_00:00",
        "notifications": [notification],
        "tags": {"a": "b"},
    }
    return Case(
        "aws:budgets/budget:Budget",
        args=args,
        change={"limitAmount": "200", "notifications": [{**notification, "threshold": 90}]},
        replace={"name": world.aws.name("renamed")},
        drift=_raise_limit,
        drifts="limitAmount",
    )


def _raise_limit(world: World, out: Args) -> None:
    budgets = world.client("budgets")
    where = {"AccountId": out["accountId"]}
    budget = budgets.describe_budget(**where, BudgetName=out["name"])["Budget"]
    kept = {key: budget[key] for key in ("BudgetName", "BudgetType", "TimeUnit", "TimePeriod") if key in budget}
    budgets.update_budget(**where, NewBudget={**kept, "BudgetLimit": {"Amount": "999", "Unit": "USD"}})
