"""What the components need of AWS's stock services: storage, identity, keys, logs, alarms, topics.

These run against LocalStack as a process, and with `--localstack=docker` against its container: the same answers.
"""

import json
import time
import uuid
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.localcloud.stock import Client

TRUST = {
    "Version": "2012-10-17",
    "Statement": [{"Effect": "Allow", "Principal": {"Service": "sagemaker.amazonaws.com"}, "Action": "sts:AssumeRole"}],
}
READ = {
    "Version": "2012-10-17",
    "Statement": [{"Effect": "Allow", "Action": "s3:GetObject", "Resource": "arn:aws:s3:::data/*"}],
}


def fresh(kind: str) -> str:
    """A name that nothing else has; a container may outlive one test."""
    return f"{kind}-{uuid.uuid4().hex[:12]}"


@pytest.fixture
def bucket(stock_aws: Client) -> str:
    name = fresh("bucket")
    stock_aws("s3").create_bucket(Bucket=name)
    return name


def test_a_versioned_bucket_keeps_what_was_overwritten(stock_aws: Client, bucket: str) -> None:
    """Versioning is what lets a run's inputs be read again."""
    s3 = stock_aws("s3")
    s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
    first = s3.put_object(Bucket=bucket, Key="a", Body=b"1")["VersionId"]
    s3.put_object(Bucket=bucket, Key="a", Body=b"2")
    assert s3.get_object(Bucket=bucket, Key="a", VersionId=first)["Body"].read() == b"1"
    assert s3.get_object(Bucket=bucket, Key="a")["Body"].read() == b"2"


def test_encryption_by_a_key_is_kept_and_reaches_the_objects(stock_aws: Client, bucket: str) -> None:
    """The data bucket is encrypted with the platform's own key."""
    s3 = stock_aws("s3")
    key = stock_aws("kms").create_key()["KeyMetadata"]["Arn"]
    rule = {"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "aws:kms", "KMSMasterKeyID": key}}
    s3.put_bucket_encryption(Bucket=bucket, ServerSideEncryptionConfiguration={"Rules": [rule]})
    stored = s3.put_object(Bucket=bucket, Key="a", Body=b"1")
    assert (stored["ServerSideEncryption"], stored["SSEKMSKeyId"]) == ("aws:kms", key)


def test_public_access_can_be_blocked_and_is_reported(stock_aws: Client, bucket: str) -> None:
    """The block is read back flag by flag: drift would show."""
    s3 = stock_aws("s3")
    flags = dict.fromkeys(("BlockPublicAcls", "BlockPublicPolicy", "IgnorePublicAcls", "RestrictPublicBuckets"), True)
    s3.put_public_access_block(Bucket=bucket, PublicAccessBlockConfiguration=flags)
    assert s3.get_public_access_block(Bucket=bucket)["PublicAccessBlockConfiguration"] == flags


def test_lifecycle_rules_are_read_back_as_written(stock_aws: Client, bucket: str) -> None:
    """Retention is a rule on the bucket."""
    s3 = stock_aws("s3")
    rule: dict[str, Any] = {
        "ID": "runs", "Status": "Enabled", "Filter": {"Prefix": "runs/"}, "Expiration": {"Days": 90},
        "NoncurrentVersionExpiration": {"NoncurrentDays": 7},
    }  # fmt: skip
    s3.put_bucket_lifecycle_configuration(Bucket=bucket, LifecycleConfiguration={"Rules": [rule]})
    assert s3.get_bucket_lifecycle_configuration(Bucket=bucket)["Rules"] == [rule]


def test_a_role_is_assumed_under_its_own_identity(stock_aws: Client) -> None:
    """Jobs act under their own role; who they are shows in every call."""
    name = fresh("role")
    role = stock_aws("iam").create_role(RoleName=name, AssumeRolePolicyDocument=json.dumps(TRUST))["Role"]
    assumed = stock_aws("sts").assume_role(RoleArn=role["Arn"], RoleSessionName="job-1")
    assert assumed["AssumedRoleUser"]["Arn"].endswith(f":assumed-role/{name}/job-1")
    assert assumed["Credentials"]["SessionToken"]


def test_a_role_keeps_its_policies(stock_aws: Client) -> None:
    """Inline policies are read back as documents."""
    iam, name = stock_aws("iam"), fresh("role")
    iam.create_role(RoleName=name, AssumeRolePolicyDocument=json.dumps(TRUST))
    iam.put_role_policy(RoleName=name, PolicyName="read", PolicyDocument=json.dumps(READ))
    assert iam.get_role_policy(RoleName=name, PolicyName="read")["PolicyDocument"] == READ
    with pytest.raises(ClientError, match="DeleteConflict"):
        iam.delete_role(RoleName=name)


def test_log_events_are_kept_in_order(stock_aws: Client) -> None:
    """Jobs' logs are read back as they were written."""
    logs, group = stock_aws("logs"), fresh("/stile/jobs")
    logs.create_log_group(logGroupName=group)
    logs.create_log_stream(logGroupName=group, logStreamName="s")
    now = int(time.time() * 1000)
    events = [{"timestamp": now + index, "message": f"line {index}"} for index in range(3)]
    logs.put_log_events(logGroupName=group, logStreamName="s", logEvents=events)
    read = logs.get_log_events(logGroupName=group, logStreamName="s", startFromHead=True)["events"]
    assert [event["message"] for event in read] == ["line 0", "line 1", "line 2"]


def test_an_alarm_names_its_topic(stock_aws: Client) -> None:
    """An alarm without somebody who hears it is none."""
    topic = stock_aws("sns").create_topic(Name=fresh("alarms"))["TopicArn"]
    cloudwatch, name = stock_aws("cloudwatch"), fresh("alarm")
    cloudwatch.put_metric_alarm(
        AlarmName=name, Namespace="AWS/SageMaker", MetricName="Invocation5XXErrors", Statistic="Sum", Period=60,
        EvaluationPeriods=1, Threshold=1, ComparisonOperator="GreaterThanOrEqualToThreshold", AlarmActions=[topic],
    )  # fmt: skip
    (alarm,) = cloudwatch.describe_alarms(AlarmNames=[name])["MetricAlarms"]
    assert alarm["AlarmActions"] == [topic]
