"""The permission gate: a role's session may do what the role's policies allow, and is refused in the vendor's words."""

import json
import urllib.error
import urllib.request
from collections.abc import Callable
from typing import Any

import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from tests.localcloud.acting import Actor, acting
from tests.localcloud.cloud import REGION, LocalAws, refusal

READS = "s3:GetObject"


@pytest.fixture
def actor(local_aws: LocalAws) -> Actor:
    return acting(local_aws)


def test_what_no_policy_allows_is_refused_naming_action_resource_and_role(actor: Actor) -> None:
    """Protects: the message says what to add, to which role; the account's own credentials pass."""
    with refusal("AccessDenied") as raised:
        actor.client("s3").get_object(Bucket=actor.bucket, Key="in/a")
    assert raised.value.response["ResponseMetadata"]["HTTPStatusCode"] == 403
    assert raised.value.response["Error"]["Message"] == (
        f"User: arn:aws:sts::000000000000:assumed-role/{actor.role}/session is not authorized to perform: "
        f's3:GetObject on resource: "arn:aws:s3:::{actor.bucket}/in/a" because no identity-based policy allows the '
        "s3:GetObject action"
    )
    assert actor.aws.client("s3").get_object(Bucket=actor.bucket, Key="in/a")["Body"].read() == b"a"


CALLS: dict[str, tuple[str, Callable[[Any], Any], str, str, int]] = {
    "sagemaker": ("sagemaker", lambda it: it.list_models(), "AccessDeniedException", "sagemaker:ListModels", 400),
    "runtime": (
        "sagemaker-runtime",
        lambda it: it.invoke_endpoint(EndpointName="Some", Body=b""),
        "AccessDeniedException",
        "sagemaker:InvokeEndpoint on resource: arn:aws:sagemaker:us-east-1:000000000000:endpoint/some",
        403,
    ),
    "iam": ("iam", lambda it: it.get_role(RoleName="x"), "AccessDenied", "iam:GetRole on resource: arn:aws:iam::", 403),
    "logs": (
        "logs",
        lambda it: it.create_log_group(logGroupName="/g"),
        "AccessDeniedException",
        "logs:CreateLogGroup on resource: arn:aws:logs:us-east-1:000000000000:log-group:/g:",
        400,
    ),
    "kms": ("kms", lambda it: it.describe_key(KeyId="k"), "AccessDeniedException", "kms:DescribeKey on resource", 400),
    "ecr": (
        "ecr",
        lambda it: it.batch_get_image(repositoryName="repo", imageIds=[{"imageTag": "t"}]),
        "AccessDeniedException",
        "ecr:BatchGetImage on resource: arn:aws:ecr:us-east-1:000000000000:repository/repo",
        400,
    ),
}


@pytest.mark.parametrize("called", CALLS)
def test_each_protocol_has_its_own_form_of_the_error(actor: Actor, called: str) -> None:
    """Protects: clients that match on code and status find those of the vendor."""
    service, call, code, words, status = CALLS[called]
    with refusal(code, words) as raised:
        call(actor.client(service))
    assert raised.value.response["ResponseMetadata"]["HTTPStatusCode"] == status


def test_who_one_is_needs_no_permission(actor: Actor) -> None:
    """Protects: GetCallerIdentity, which the vendor allows always."""
    assert actor.client("sts").get_caller_identity()["Arn"].endswith(f"assumed-role/{actor.role}/session")


def read(actor: Actor) -> bool:
    try:
        actor.client("s3").get_object(Bucket=actor.bucket, Key="in/a")
    except ClientError as error:
        if error.response["Error"]["Code"] != "AccessDenied":
            raise
        return False
    return True


STATEMENTS: dict[str, tuple[bool, list[dict[str, Any]]]] = {
    "exact": (True, [{"Action": READS, "Resource": "{objects}"}]),
    "in any case": (True, [{"Action": "S3:getobject", "Resource": "{objects}"}]),
    "wild": (True, [{"Action": "s3:Get*", "Resource": "arn:aws:s3:::*/in/?"}]),
    "other resource": (False, [{"Action": READS, "Resource": "arn:aws:s3:::*/out/*"}]),
    "resource in another case": (False, [{"Action": READS, "Resource": "arn:aws:s3:::*/IN/*"}]),
    "a dot is a dot": (False, [{"Action": READS, "Resource": "arn:aws:s3:::*/in.a"}]),
    "a deny wins": (False, [{"Action": "*", "Resource": "*"}, {"Effect": "Deny", "Action": READS, "Resource": "*"}]),
    "a deny of others": (
        True,
        [{"Action": "*", "Resource": "*"}, {"Effect": "Deny", "Action": "s3:P*", "Resource": "*"}],
    ),
    "all but this": (False, [{"NotAction": READS, "Resource": "*"}]),
    "all but others": (True, [{"NotAction": "s3:PutObject", "Resource": "*"}]),
    "all resources but this": (False, [{"Action": READS, "NotResource": "{objects}"}]),
    "condition met": (
        True,
        [{"Action": READS, "Resource": "*", "Condition": {"StringEquals": {"aws:RequestedRegion": REGION}}}],
    ),
    "condition not met": (
        False,
        [{"Action": READS, "Resource": "*", "Condition": {"StringNotEquals": {"aws:RequestedRegion": REGION}}}],
    ),
    "an unknown key does not match": (
        False,
        [{"Action": READS, "Resource": "*", "Condition": {"StringEquals": {"aws:Nonsense": "x"}}}],
    ),
    "an unknown operator is not met": (
        False,
        [{"Action": READS, "Resource": "*", "Condition": {"NumericLessThan": {"aws:RequestedRegion": "5"}}}],
    ),
    "a key that may be missing": (
        True,
        [{"Action": READS, "Resource": "*", "Condition": {"StringEqualsIfExists": {"aws:Nonsense": "x"}}}],
    ),
    "a key that must be missing": (
        True,
        [{"Action": READS, "Resource": "*", "Condition": {"Null": {"aws:Nonsense": "true"}}}],
    ),
    "a variable matches nothing": (False, [{"Action": READS, "Resource": "arn:aws:s3:::*/in/${{aws:username}}"}]),
}


@pytest.mark.parametrize("case", STATEMENTS)
def test_policies_are_evaluated_as_the_vendor_does(actor: Actor, case: str) -> None:
    """Protects: Deny over Allow, wildcards, the opposites, conditions; what is not evaluated never allows."""
    expected, statements = STATEMENTS[case]
    text = json.dumps(statements).replace("{objects}", actor.objects("in/*")).replace("${{", "${").replace('}}"', '}"')
    actor.allow(*json.loads(text))
    assert read(actor) is expected


def test_an_attached_policy_counts_in_its_default_version(actor: Actor) -> None:
    """Protects: managed policies, of which only the default version speaks."""
    iam = actor.aws.client("iam")
    allow = {"Version": "2012-10-17", "Statement": {"Effect": "Allow", "Action": READS, "Resource": "*"}}
    arn = iam.create_policy(PolicyName=actor.role, PolicyDocument=json.dumps(allow))["Policy"]["Arn"]
    iam.attach_role_policy(RoleName=actor.role, PolicyArn=arn)
    assert read(actor)
    nothing = {**allow, "Statement": {**allow["Statement"], "Action": "s3:PutObject"}}  # type: ignore[dict-item]
    iam.create_policy_version(PolicyArn=arn, PolicyDocument=json.dumps(nothing), SetAsDefault=True)
    assert not read(actor)
    iam.detach_role_policy(RoleName=actor.role, PolicyArn=arn)


def test_listing_may_be_bound_to_folders(actor: Actor) -> None:
    """Protects: s3:ListBucket is of the bucket; which prefix is listed is a condition."""
    only = {"StringLike": {"s3:prefix": ["in/*"]}}
    actor.allow({"Action": "s3:ListBucket", "Resource": f"arn:aws:s3:::{actor.bucket}", "Condition": only})
    s3 = actor.client("s3")
    assert [one["Key"] for one in s3.list_objects_v2(Bucket=actor.bucket, Prefix="in/")["Contents"]] == ["in/a"]
    for asked in ({"Prefix": "out/"}, {}):
        with refusal("AccessDenied", "s3:ListBucket", f"arn:aws:s3:::{actor.bucket}"):
            s3.list_objects_v2(Bucket=actor.bucket, **asked)


def test_encrypted_objects_take_the_key_too(actor: Actor) -> None:
    """Protects: who may write or read an object but not use its key is refused, and the key is named."""
    key = actor.aws.client("kms").create_key()["KeyMetadata"]["Arn"]
    rule = {"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "aws:kms", "KMSMasterKeyID": key}}
    encryption = {"Rules": [rule]}
    actor.aws.client("s3").put_bucket_encryption(Bucket=actor.bucket, ServerSideEncryptionConfiguration=encryption)
    s3, objects = actor.client("s3"), {"Action": ["s3:GetObject", "s3:PutObject"], "Resource": actor.objects()}
    actor.allow(objects)
    with refusal("AccessDenied", f"kms:GenerateDataKey on resource: {key}"):
        s3.put_object(Bucket=actor.bucket, Key="new", Body=b"new")
    actor.allow(objects, {"Action": "kms:GenerateDataKey", "Resource": key})
    s3.put_object(Bucket=actor.bucket, Key="new", Body=b"new")
    with refusal("AccessDenied", f"kms:Decrypt on resource: {key}"):
        s3.get_object(Bucket=actor.bucket, Key="new")
    upload = s3.create_multipart_upload(Bucket=actor.bucket, Key="big")["UploadId"]
    with refusal("AccessDenied", f"kms:Decrypt on resource: {key}"):
        s3.upload_part(Bucket=actor.bucket, Key="big", UploadId=upload, PartNumber=1, Body=b"part")
    assert s3.get_object(Bucket=actor.bucket, Key="in/a")["Body"].read() == b"a"  # older than the encryption


def test_copies_and_mass_deletes_take_every_object(actor: Actor) -> None:
    """Protects: operations that act on several objects are judged for each."""
    s3, source = actor.client("s3"), {"Bucket": actor.bucket, "Key": "in/a"}
    actor.allow({"Action": "s3:PutObject", "Resource": actor.objects("out/*")})
    with refusal("AccessDenied", "s3:GetObject", "in/a"):
        s3.copy_object(Bucket=actor.bucket, Key="out/a", CopySource=source)
    actor.allow({"Action": READS, "Resource": actor.objects("in/*")})
    with refusal("AccessDenied", "s3:PutObject", "out/a"):
        s3.copy_object(Bucket=actor.bucket, Key="out/a", CopySource=source)
    actor.allow({"Action": "s3:DeleteObject", "Resource": actor.objects("in/a")})
    with refusal("AccessDenied", "s3:DeleteObject", "in/b"):
        s3.delete_objects(Bucket=actor.bucket, Delete={"Objects": [{"Key": "in/a"}, {"Key": "in/b"}]})


@pytest.mark.parametrize("version", ["s3", "s3v4"])
def test_a_presigned_address_carries_its_signers_permissions(actor: Actor, version: str) -> None:
    """Protects: nobody passes the gate by way of an address that a role signed."""
    client = actor.client("s3", config=Config(signature_version=version))
    address = client.generate_presigned_url("get_object", Params={"Bucket": actor.bucket, "Key": "in/a"})
    with pytest.raises(urllib.error.HTTPError) as raised:
        urllib.request.urlopen(address)
    assert (raised.value.code, b"s3:GetObject" in raised.value.read()) == (403, True)
    actor.allow({"Action": READS, "Resource": actor.objects()})
    assert urllib.request.urlopen(address).read() == b"a"


def test_passing_a_role_and_tagging_take_permissions_of_their_own(actor: Actor) -> None:
    """Protects: who may create a job may not thereby lend it any role, nor tag it."""
    request: dict[str, Any] = {
        "TrainingJobName": "passing",
        "AlgorithmSpecification": {"TrainingImage": "some/image", "TrainingInputMode": "File"},
        "RoleArn": actor.arn,
        "OutputDataConfig": {"S3OutputPath": f"s3://{actor.bucket}/out"},
        "ResourceConfig": {"InstanceType": "ml.m5.large", "InstanceCount": 1, "VolumeSizeInGB": 1},
        "StoppingCondition": {"MaxRuntimeInSeconds": 60},
        "Tags": [{"Key": "a", "Value": "b"}],
    }
    job = f"arn:aws:sagemaker:{REGION}:000000000000:training-job/passing"
    create = {"Action": "sagemaker:CreateTrainingJob", "Resource": job}
    passing = {"Action": "iam:PassRole", "Resource": actor.arn}
    to = {"StringEquals": {"iam:PassedToService": "sagemaker.amazonaws.com"}}
    sagemaker = actor.client("sagemaker")
    for allowed, wanted in (
        ((), f"sagemaker:CreateTrainingJob on resource: {job}"),
        ((create,), f"iam:PassRole on resource: {actor.arn}"),
        ((create, {**passing, "Condition": to}), f"sagemaker:AddTags on resource: {job}"),
    ):
        actor.allow(*allowed, {"Action": "sts:TagSession", "Resource": "*"})
        with refusal("AccessDeniedException", wanted):
            sagemaker.create_training_job(**request)
    actor.allow(create, passing, {"Action": "sagemaker:AddTags", "Resource": job})
    with refusal("ValidationException", "Cannot find image"):
        sagemaker.create_training_job(**request)


def test_every_decision_is_a_line_of_the_record(actor: Actor) -> None:
    """Protects: people find in permissions.jsonl what a role was allowed and what it lacked."""
    actor.allow({"Action": READS, "Resource": actor.objects()})
    assert read(actor)
    with refusal("AccessDenied"):
        actor.client("s3").put_object(Bucket=actor.bucket, Key="in/b", Body=b"b")
    mine = actor.recorded()
    assert [(line["action"], line["resource"], line["allowed"]) for line in mine] == [
        ("s3:GetObject", actor.objects("in/a"), True),
        ("s3:PutObject", actor.objects("in/b"), False),
    ]
    assert mine[1]["operation"] == "PutObject"
    assert mine[1]["request"] == {"Bucket": actor.bucket, "Key": "in/b"}
