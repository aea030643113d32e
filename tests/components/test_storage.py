"""The data bucket is encrypted, versioned, private and TLS-only, and neither it nor its key goes with a destroy."""

import json
from collections.abc import Mapping

from tests.components.mocked import RANDOM, Declared


def test_bucket_is_encrypted_with_our_rotating_key(first_up: Declared) -> None:
    key = first_up.one("kms/key:Key")
    (rule,) = first_up.one("BucketServerSideEncryptionConfiguration").inputs["rules"]
    assert key.inputs["enableKeyRotation"] is True
    assert rule["applyServerSideEncryptionByDefault"]["sseAlgorithm"] == "aws:kms"
    assert rule["applyServerSideEncryptionByDefault"]["kmsMasterKeyId"].endswith(f":key/{key.name}")


def test_bucket_keeps_versions_and_is_private(first_up: Declared) -> None:
    block = first_up.one("BucketPublicAccessBlock").inputs
    switches = ("blockPublicAcls", "blockPublicPolicy", "ignorePublicAcls", "restrictPublicBuckets")
    assert first_up.one("BucketVersioning").inputs["versioningConfiguration"] == {"status": "Enabled"}
    assert [block[switch] for switch in switches] == [True] * 4
    assert first_up.one("BucketOwnershipControls").inputs["rule"] == {"objectOwnership": "BucketOwnerEnforced"}


def test_bucket_refuses_plain_http(first_up: Declared) -> None:
    (statement,) = json.loads(first_up.one("BucketPolicy").inputs["policy"])["Statement"]
    assert statement["Effect"] == "Deny"
    assert statement["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}
    assert len(statement["Resource"]) == 2


def test_only_captured_requests_and_replaced_versions_expire(first_up: Declared) -> None:
    """Registered models live in the runs' folders: a rule that expired those would break a release."""
    rules = first_up.one("BucketLifecycleConfiguration").inputs["rules"]
    expiring = {rule["filter"]["prefix"]: rule["expiration"] for rule in rules if "expiration" in rule}
    assert expiring == {"capture/": {"days": 90}}
    assert any(rule.get("noncurrentVersionExpiration") == {"noncurrentDays": 90} for rule in rules)


def test_googles_bucket_is_encrypted_private_and_versioned(first_ups: Mapping[str, Declared]) -> None:
    """With a key that Google's own accounts use for it: a bucket before its key's members could not be made."""
    declared = first_ups["gcp"]
    bucket, key = declared.one("storage/bucket:Bucket"), declared.one("cryptoKey:CryptoKey")
    assert bucket.inputs["encryption"]["defaultKmsKeyName"].endswith(f"/cryptoKeys/{key.name}-{RANDOM}")
    assert key.inputs["rotationPeriod"] == "7776000s"
    assert bucket.inputs["publicAccessPrevention"] == "enforced"
    assert bucket.inputs["uniformBucketLevelAccess"] is True
    assert bucket.inputs["versioning"] == {"enabled": True}
    users = {made.inputs["member"]: made for made in declared.all("CryptoKeyIAMMember")}
    number = "123456789012"
    assert users.keys() == {
        f"serviceAccount:service-{number}@gcp-sa-aiplatform.iam.gserviceaccount.com",
        f"serviceAccount:service-{number}@gs-project-accounts.iam.gserviceaccount.com",
    }
    assert {made.urn for made in users.values()} <= bucket.depends_on


def test_what_google_never_takes_a_name_again_for_is_named_by_the_engine(first_ups: Mapping[str, Declared]) -> None:
    """Key rings and keys stay for ever, a database's name for a week: so `destroy` and `up` again ask for others."""
    for type_ in ("KeyRing", "CryptoKey", "DatabaseInstance", "storage/bucket:Bucket"):
        assert "name" not in first_ups["gcp"].one(type_).inputs


def test_on_google_only_captured_requests_and_replaced_versions_expire(first_ups: Mapping[str, Declared]) -> None:
    rules = first_ups["gcp"].one("storage/bucket:Bucket").inputs["lifecycleRules"]
    deleting = [rule["condition"] for rule in rules if rule["action"] == {"type": "Delete"}]
    assert deleting == [
        {"daysSinceNoncurrentTime": 90},
        {"age": 90, "matchesPrefixes": ["capture/"], "withState": "LIVE"},
    ]


def test_apis_stay_on_when_the_stack_goes(releases: Mapping[str, Declared]) -> None:
    """Others in the project may use them."""
    switched = releases["gcp"].all("projects/service:Service")
    assert {made.inputs["service"] for made in switched} >= {"aiplatform.googleapis.com", "storage.googleapis.com"}
    assert all(made.inputs["disableOnDestroy"] is False for made in switched)


# Per cloud: data and its safeguards, runs' history, registered versions and images
PROTECTED = {
    "aws": {
        "Alias",
        "Bucket",
        "BucketLifecycleConfiguration",
        "BucketOwnershipControls",
        "BucketPolicy",
        "BucketPublicAccessBlock",
        "BucketServerSideEncryptionConfiguration",
        "BucketVersioning",
        "Key",
        "MlflowApp",
        "ModelPackageGroup",
        "Repository",
    },
    "gcp": {
        "Bucket",
        "CryptoKey",
        "CryptoKeyIAMMember",
        "Database",
        "DatabaseInstance",
        "KeyRing",
        "Password",
        "Repository",
        "Secret",
        "SecretVersion",
        "Service",
        "User",
    },
}


def test_what_holds_data_is_protected_and_nothing_else(cloud: str, releases: Mapping[str, Declared]) -> None:
    """`destroy` keeps what is protected; the APIs that it needs stay on anyway."""
    protected = {made.type.split(":")[-1] for made in releases[cloud].resources if made.protected}
    assert protected == PROTECTED[cloud]


# MLflow's own role on AWS, and its policy; on Google Cloud its server holds nothing, and goes
KEPT_BESIDE = {"aws": {"stile-test-aws-tracking", "stile-test-aws-tracking-access"}, "gcp": set[str]()}


def test_what_is_kept_depends_on_little_that_is_not_data(cloud: str, releases: Mapping[str, Declared]) -> None:
    """A destroy keeps what protected resources depend on."""
    released = releases[cloud]
    made = {each.urn: each for each in released.resources}
    kept = {urn for urn, each in made.items() if each.protected}
    while more := {urn for kept_one in kept for urn in made[kept_one].depends_on if urn in made} - kept:
        kept |= more
    beside = {made[urn].name for urn in kept if not made[urn].protected and made[urn].type.startswith(f"{cloud}:")}
    assert beside == KEPT_BESIDE[cloud]
