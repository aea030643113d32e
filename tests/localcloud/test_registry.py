"""SageMaker's model registry: groups, versions, approval, metadata, as the vendor keeps them."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest
from botocore.config import Config

from tests.localcloud.cloud import LocalAws, refusal

# The client would refuse some wrong requests itself.
UNCHECKED = Config(parameter_validation=False)
SPECIFICATION = {
    "Containers": [
        {
            "Image": "000000000000.dkr.ecr.us-east-1.amazonaws.com/stile/jobs@sha256:" + "0" * 64,
            "ModelDataUrl": "s3://data/model.tar.gz",
            "Environment": {"STILE_MODEL": "flights"},
        }
    ],
    "SupportedContentTypes": ["application/json"],
    "SupportedResponseMIMETypes": ["application/json"],
}


@pytest.fixture
def sagemaker(local_aws: LocalAws) -> Any:
    return local_aws.client("sagemaker")


@pytest.fixture
def group(local_aws: LocalAws, sagemaker: Any) -> str:
    name = local_aws.name("Flights")
    sagemaker.create_model_package_group(ModelPackageGroupName=name, ModelPackageGroupDescription="delays")
    return name


def register(sagemaker: Any, group: str, **more: Any) -> str:
    answer = sagemaker.create_model_package(ModelPackageGroupName=group, InferenceSpecification=SPECIFICATION, **more)
    return str(answer["ModelPackageArn"])


def test_a_group_is_described_by_name_and_by_arn(sagemaker: Any, group: str) -> None:
    by_name = sagemaker.describe_model_package_group(ModelPackageGroupName=group)
    arn = by_name["ModelPackageGroupArn"]
    assert arn == f"arn:aws:sagemaker:us-east-1:000000000000:model-package-group/{group.lower()}"
    assert by_name["ModelPackageGroupStatus"] == "Completed"
    by_arn = sagemaker.describe_model_package_group(ModelPackageGroupName=arn)
    assert by_arn["ModelPackageGroupDescription"] == "delays"


def test_a_group_that_is_missing_or_taken_is_refused(sagemaker: Any, group: str) -> None:
    """Protects: the words by which providers tell "gone" and "exists" from other errors."""
    with refusal("ValidationException", "already exists"):
        sagemaker.create_model_package_group(ModelPackageGroupName=group)
    with refusal("ValidationException", "does not exist"):
        sagemaker.describe_model_package_group(ModelPackageGroupName="none-such")
    with refusal("ValidationException", "does not exist"):
        sagemaker.delete_model_package_group(ModelPackageGroupName="none-such")


def test_a_group_with_packages_is_not_deleted(sagemaker: Any, group: str) -> None:
    """Protects: registered models are not lost by deleting their group."""
    arn = register(sagemaker, group)
    with refusal("ConflictException", "contains model packages"):
        sagemaker.delete_model_package_group(ModelPackageGroupName=group)
    sagemaker.delete_model_package(ModelPackageName=arn)
    sagemaker.delete_model_package_group(ModelPackageGroupName=group)
    with refusal("ValidationException", "does not exist"):
        sagemaker.describe_model_package_group(ModelPackageGroupName=group)


def test_versions_are_numbered_once_and_wait_for_approval(sagemaker: Any, group: str) -> None:
    """Protects: a version's number names one model for ever; nothing is approved by default."""
    with ThreadPoolExecutor(4) as pool:
        arns = list(pool.map(lambda _: register(sagemaker, group), range(4)))
    assert sorted(arn.rsplit("/", 1)[1] for arn in arns) == ["1", "2", "3", "4"]
    described = sagemaker.describe_model_package(ModelPackageName=arns[0])
    assert described["ModelApprovalStatus"] == "PendingManualApproval"
    assert described["ModelPackageStatus"] == "Completed"
    assert described["InferenceSpecification"] == SPECIFICATION
    newest = max(arns)
    sagemaker.delete_model_package(ModelPackageName=newest)
    assert register(sagemaker, group).endswith("/5")


def test_an_update_merges_metadata_and_loses_no_concurrent_one(sagemaker: Any, group: str) -> None:
    """Protects: two writers of metadata both have effect."""
    metrics = {"ModelQuality": {"Statistics": {"ContentType": "application/json", "S3Uri": "s3://b/metrics.json"}}}
    arn = register(sagemaker, group, CustomerMetadataProperties={"candidate": "hgb", "old": "x"}, ModelMetrics=metrics)

    def write(number: int) -> None:
        sagemaker.update_model_package(ModelPackageArn=arn, CustomerMetadataProperties={f"key{number}": str(number)})

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(write, range(16)))
    sagemaker.update_model_package(
        ModelPackageArn=arn,
        ModelApprovalStatus="Rejected",
        ApprovalDescription="leaks the label",
        CustomerMetadataPropertiesToRemove=["old"],
    )
    described = sagemaker.describe_model_package(ModelPackageName=arn)
    assert described["CustomerMetadataProperties"] == {"candidate": "hgb"} | {f"key{n}": str(n) for n in range(16)}
    assert described["ModelApprovalStatus"] == "Rejected"
    assert described["ApprovalDescription"] == "leaks the label"
    assert described["ModelMetrics"] == metrics
    assert described["LastModifiedTime"] > described["CreationTime"]


def test_a_repeated_client_token_makes_one_package(sagemaker: Any, group: str) -> None:
    token = "a" * 36
    assert register(sagemaker, group, ClientToken=token) == register(sagemaker, group, ClientToken=token)


def test_packages_are_listed_by_status_in_order_and_in_pages(sagemaker: Any, group: str) -> None:
    """Protects: each package is on exactly one page, in the order asked for, also when one is deleted meanwhile."""
    arns = [register(sagemaker, group, ModelApprovalStatus="Approved") for _ in range(5)]
    register(sagemaker, group)
    asked = {
        "ModelPackageGroupName": group,
        "ModelApprovalStatus": "Approved",
        "SortBy": "CreationTime",
        "SortOrder": "Descending",
        "MaxResults": 2,
    }
    first = sagemaker.list_model_packages(**asked)
    sagemaker.delete_model_package(ModelPackageName=arns[3])
    second = sagemaker.list_model_packages(**asked, NextToken=first["NextToken"])
    third = sagemaker.list_model_packages(**asked, NextToken=second["NextToken"])
    pages = [[one["ModelPackageArn"] for one in page["ModelPackageSummaryList"]] for page in (first, second, third)]
    assert pages == [[arns[4], arns[3]], [arns[2], arns[1]], [arns[0]]]
    assert "NextToken" not in third


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"NextToken": "bm9uc2Vuc2U="}, ["NextToken"]),
        ({"SortBy": "Weight"}, ["'sortBy'", "enum value set: [Name, CreationTime]"]),
        ({"CreationTimeAfter": 0, "NameContains": "no spaces"}, ["'nameContains'", "regular expression pattern"]),
    ],
)
def test_a_wrong_list_request_is_refused(local_aws: LocalAws, wrong: dict[str, Any], words: list[str]) -> None:
    """Protects: a list that cannot be given is an error, not an empty list."""
    client = local_aws.client("sagemaker", config=UNCHECKED)
    with refusal("ValidationException", *words):
        client.list_model_packages(**wrong)


def test_a_token_of_another_list_is_refused(sagemaker: Any, group: str) -> None:
    for _ in range(2):
        register(sagemaker, group)
    token = sagemaker.list_model_packages(ModelPackageGroupName=group, MaxResults=1)["NextToken"]
    with refusal("ValidationException", "NextToken"):
        sagemaker.list_model_packages(ModelPackageGroupName=group, MaxResults=1, NextToken=token, NameContains="x")


def test_a_page_of_no_entries_is_refused(local_aws: LocalAws) -> None:
    client = local_aws.client("sagemaker", config=UNCHECKED)
    with refusal("ValidationException", "'maxResults'", "greater than or equal to 1"):
        client.list_model_packages(MaxResults=0)


def test_tags_follow_their_resource(sagemaker: Any, group: str) -> None:
    arn = sagemaker.describe_model_package_group(ModelPackageGroupName=group)["ModelPackageGroupArn"]
    sagemaker.add_tags(ResourceArn=arn, Tags=[{"Key": "stile-stage", "Value": "registry"}, {"Key": "a", "Value": "b"}])
    sagemaker.delete_tags(ResourceArn=arn, TagKeys=["a"])
    assert sagemaker.list_tags(ResourceArn=arn)["Tags"] == [{"Key": "stile-stage", "Value": "registry"}]
    sagemaker.delete_model_package_group(ModelPackageGroupName=group)
    with refusal("ValidationException", "does not exist"):
        sagemaker.list_tags(ResourceArn=arn)


def test_of_racing_creators_one_wins(local_aws: LocalAws, sagemaker: Any) -> None:
    name = local_aws.name("Raced")

    def create(_: int) -> bool:
        try:
            sagemaker.create_model_package_group(ModelPackageGroupName=name)
        except sagemaker.exceptions.ClientError:
            return False
        return True

    with ThreadPoolExecutor(8) as pool:
        assert sorted(pool.map(create, range(16))) == [False] * 15 + [True]


def test_what_is_not_emulated_says_so(sagemaker: Any) -> None:
    """Protects: an operation that nothing answers is refused with 501, never with success."""
    with refusal("InternalFailure", "ListFeatureGroups") as raised:
        sagemaker.list_feature_groups()
    assert raised.value.response["ResponseMetadata"]["HTTPStatusCode"] == 501


def test_an_operation_that_is_newer_than_this_cloud_says_so(local_aws: LocalAws) -> None:
    """Protects: what the dated service models do not know is refused with 501 as well, which no client repeats."""
    answer = httpx.post(
        local_aws.cloud.endpoint_url,
        content=b"{}",
        headers={
            "X-Amz-Target": "SageMaker.InventedLater",
            "Content-Type": "application/x-amz-json-1.1",
            "Authorization": "AWS4-HMAC-SHA256 Credential=test/20261123/us-east-1/sagemaker/aws4_request",
        },
    )
    assert answer.status_code == 501
    assert answer.json()["__type"] == "InternalFailure"
    assert "InventedLater" in answer.json()["message"]


def test_a_groups_policy_is_kept_until_it_is_deleted(sagemaker: Any, group: str) -> None:
    """Protects: a group that is shared with another account stays shared."""
    policy = '{"Version": "2012-10-17", "Statement": []}'
    with refusal("ValidationException", "Cannot find Model Package Group Policy"):
        sagemaker.get_model_package_group_policy(ModelPackageGroupName=group)
    sagemaker.put_model_package_group_policy(ModelPackageGroupName=group, ResourcePolicy=policy)
    assert sagemaker.get_model_package_group_policy(ModelPackageGroupName=group)["ResourcePolicy"] == policy
    sagemaker.delete_model_package_group_policy(ModelPackageGroupName=group)
    with refusal("ValidationException", "Cannot find Model Package Group Policy"):
        sagemaker.delete_model_package_group_policy(ModelPackageGroupName=group)


def test_a_batch_tells_what_exists_and_what_does_not(sagemaker: Any, group: str) -> None:
    arn = register(sagemaker, group)
    gone = f"{arn}9"
    answer = sagemaker.batch_describe_model_package(ModelPackageArnList=[arn, gone])
    assert answer["ModelPackageSummaries"][arn]["ModelPackageVersion"] == 1
    assert answer["BatchDescribeModelPackageErrorMap"][gone]["ErrorCode"] == "ValidationException"
