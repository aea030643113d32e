"""For each resource type on AWS, one change behind the engine's back: a property, not a tag, where there is one."""

import json
from collections.abc import Callable, Mapping
from typing import Any

Client = Callable[[str], Any]
# A resource of the exported state: its id, its inputs and outputs.
Resource = Mapping[str, Any]
Change = Callable[[Client, Resource], None]


def _s3_tags(client: Client, resource: Resource) -> None:
    # The bucket resource has no property of its own that S3 lets anybody change: the others have types of their own.
    client("s3").put_bucket_tagging(Bucket=resource["id"], Tagging={"TagSet": [{"Key": "by", "Value": "hand"}]})


def _versioning(client: Client, resource: Resource) -> None:
    client("s3").put_bucket_versioning(
        Bucket=resource["outputs"]["bucket"], VersioningConfiguration={"Status": "Suspended"}
    )


def _encryption(client: Client, resource: Resource) -> None:
    rule = {"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "AES256"}}
    client("s3").put_bucket_encryption(
        Bucket=resource["outputs"]["bucket"], ServerSideEncryptionConfiguration={"Rules": [rule]}
    )


def _public_access(client: Client, resource: Resource) -> None:
    flags = dict.fromkeys(("BlockPublicAcls", "IgnorePublicAcls", "RestrictPublicBuckets"), True)
    client("s3").put_public_access_block(
        Bucket=resource["outputs"]["bucket"],
        PublicAccessBlockConfiguration={**flags, "BlockPublicPolicy": False},
    )


def _lifecycle(client: Client, resource: Resource) -> None:
    s3, bucket = client("s3"), resource["outputs"]["bucket"]
    rules = s3.get_bucket_lifecycle_configuration(Bucket=bucket)["Rules"]
    s3.put_bucket_lifecycle_configuration(
        Bucket=bucket, LifecycleConfiguration={"Rules": [{**rules[0], "Status": "Disabled"}, *rules[1:]]}
    )


def _bucket_policy(client: Client, resource: Resource) -> None:
    s3, bucket = client("s3"), resource["outputs"]["bucket"]
    policy = json.loads(s3.get_bucket_policy(Bucket=bucket)["Policy"])
    policy["Statement"][0]["Sid"] = "ByHand"
    s3.put_bucket_policy(Bucket=bucket, Policy=json.dumps(policy))


def _ownership(client: Client, resource: Resource) -> None:
    client("s3").put_bucket_ownership_controls(
        Bucket=resource["outputs"]["bucket"],
        OwnershipControls={"Rules": [{"ObjectOwnership": "BucketOwnerPreferred"}]},
    )


def _role(client: Client, resource: Resource) -> None:
    client("iam").update_role(RoleName=resource["id"], MaxSessionDuration=7200)


def _role_policy(client: Client, resource: Resource) -> None:
    statement = {"Effect": "Allow", "Action": "s3:*", "Resource": "*"}
    client("iam").put_role_policy(
        RoleName=resource["outputs"]["role"],
        PolicyName=resource["outputs"]["name"],
        PolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": [statement]}),
    )


def _key(client: Client, resource: Resource) -> None:
    client("kms").update_key_description(KeyId=resource["id"], Description="by hand")


def _alias(client: Client, resource: Resource) -> None:
    kms = client("kms")
    other = kms.create_key()["KeyMetadata"]["KeyId"]
    kms.update_alias(AliasName=resource["outputs"]["name"], TargetKeyId=other)


def _repository(client: Client, resource: Resource) -> None:
    ecr, name = client("ecr"), resource["outputs"]["name"]
    now = ecr.describe_repositories(repositoryNames=[name])["repositories"][0]["imageTagMutability"]
    other = "MUTABLE" if now == "IMMUTABLE" else "IMMUTABLE"
    ecr.put_image_tag_mutability(repositoryName=name, imageTagMutability=other)


def _image(client: Client, resource: Resource) -> None:
    uri, _, digest = resource["outputs"]["imageUri"].partition("@")
    client("ecr").batch_delete_image(repositoryName=uri.partition("/")[2], imageIds=[{"imageDigest": digest}])


def _log_group(client: Client, resource: Resource) -> None:
    client("logs").put_retention_policy(logGroupName=resource["id"], retentionInDays=1)


def _alarm(client: Client, resource: Resource) -> None:
    cloudwatch = client("cloudwatch")
    (alarm,) = cloudwatch.describe_alarms(AlarmNames=[resource["outputs"]["name"]])["MetricAlarms"]
    keys = ("AlarmName", "Namespace", "MetricName", "Statistic", "ExtendedStatistic", "Dimensions", "Period",
            "EvaluationPeriods", "ComparisonOperator", "TreatMissingData", "AlarmActions", "OKActions")  # fmt: skip
    kept = {key: alarm[key] for key in keys if alarm.get(key)}
    cloudwatch.put_metric_alarm(**kept, Threshold=alarm["Threshold"] + 41)


def _dashboard(client: Client, resource: Resource) -> None:
    client("cloudwatch").put_dashboard(
        DashboardName=resource["outputs"]["dashboardName"], DashboardBody=json.dumps({"widgets": []})
    )


def _topic(client: Client, resource: Resource) -> None:
    client("sns").set_topic_attributes(TopicArn=resource["id"], AttributeName="DisplayName", AttributeValue="by hand")


def _topic_policy(client: Client, resource: Resource) -> None:
    sns, arn = client("sns"), resource["outputs"]["arn"]
    policy = json.loads(sns.get_topic_attributes(TopicArn=arn)["Attributes"]["Policy"])
    policy["Statement"][0]["Sid"] = "ByHand"
    sns.set_topic_attributes(TopicArn=arn, AttributeName="Policy", AttributeValue=json.dumps(policy))


def _budget(client: Client, resource: Resource) -> None:
    account, _, name = resource["id"].partition(":")
    budgets = client("budgets")
    budget = budgets.describe_budget(AccountId=account, BudgetName=name)["Budget"]
    keys = ("BudgetName", "BudgetType", "TimeUnit")
    changed = {key: budget[key] for key in keys} | {"BudgetLimit": {"Amount": "4141", "Unit": "USD"}}
    budgets.update_budget(AccountId=account, NewBudget=changed)


def _group(client: Client, resource: Resource) -> None:
    # Description and name of a group cannot be changed, and a group with versions cannot be deleted: its tags are left.
    client("sagemaker").add_tags(ResourceArn=resource["outputs"]["arn"], Tags=[{"Key": "by", "Value": "hand"}])


def _pipeline(client: Client, resource: Resource) -> None:
    client("sagemaker").update_pipeline(
        PipelineName=resource["outputs"]["pipelineName"], PipelineDescription="changed by hand"
    )


def _mlflow_app(client: Client, resource: Resource) -> None:
    client("sagemaker").update_mlflow_app(
        Arn=resource["id"], ArtifactStoreUri=resource["outputs"]["artifactStoreUri"] + "/by-hand"
    )


def _model(client: Client, resource: Resource) -> None:
    # A model has nothing that can be changed; it can be gone.
    client("sagemaker").delete_model(ModelName=resource["id"])


def _endpoint(client: Client, resource: Resource) -> None:
    sagemaker, name = client("sagemaker"), resource["id"]
    live = sagemaker.describe_endpoint(EndpointName=name)["EndpointConfigName"]
    variants = sagemaker.describe_endpoint_config(EndpointConfigName=live)["ProductionVariants"]
    sagemaker.create_endpoint_config(EndpointConfigName="by-hand", ProductionVariants=variants)
    sagemaker.update_endpoint(EndpointName=name, EndpointConfigName="by-hand")
    sagemaker.get_waiter("endpoint_in_service").wait(EndpointName=name, WaiterConfig={"Delay": 1, "MaxAttempts": 120})


def _endpoint_configuration(client: Client, resource: Resource) -> None:
    # As a model: it can only be gone.
    client("sagemaker").delete_endpoint_config(EndpointConfigName=resource["id"])


# In this order: an endpoint can only be changed while its model, its configuration and its image are there.
CHANGES: dict[str, Change] = {
    "aws:s3/bucket:Bucket": _s3_tags,
    "aws:s3/bucketVersioning:BucketVersioning": _versioning,
    "aws:s3/bucketServerSideEncryptionConfiguration:BucketServerSideEncryptionConfiguration": _encryption,
    "aws:s3/bucketPublicAccessBlock:BucketPublicAccessBlock": _public_access,
    "aws:s3/bucketLifecycleConfiguration:BucketLifecycleConfiguration": _lifecycle,
    "aws:s3/bucketPolicy:BucketPolicy": _bucket_policy,
    "aws:s3/bucketOwnershipControls:BucketOwnershipControls": _ownership,
    "aws:iam/role:Role": _role,
    "aws:iam/rolePolicy:RolePolicy": _role_policy,
    "aws:kms/key:Key": _key,
    "aws:kms/alias:Alias": _alias,
    "aws:ecr/repository:Repository": _repository,
    "aws:cloudwatch/logGroup:LogGroup": _log_group,
    "aws:cloudwatch/metricAlarm:MetricAlarm": _alarm,
    "aws:cloudwatch/dashboard:Dashboard": _dashboard,
    "aws:sns/topic:Topic": _topic,
    "aws:sns/topicPolicy:TopicPolicy": _topic_policy,
    "aws:budgets/budget:Budget": _budget,
    "aws:sagemaker/modelPackageGroup:ModelPackageGroup": _group,
    "aws:sagemaker/pipeline:Pipeline": _pipeline,
    "aws:sagemaker/mlflowApp:MlflowApp": _mlflow_app,
    "aws:sagemaker/endpoint:Endpoint": _endpoint,
    "aws:sagemaker/model:Model": _model,
    "aws:sagemaker/endpointConfiguration:EndpointConfiguration": _endpoint_configuration,
    "stile:images:Image": _image,
}
# Its change is the endpoint's: what is live is no longer what was asked for.
FOLLOWS = {"stile:endpoint:Live": "aws:sagemaker/endpoint:Endpoint"}
# Others need it to come back.
ALONE = {"stile:images:Image"}
# Nothing that anybody could change.
FIXED: dict[str, str] = {}
