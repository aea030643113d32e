"""The data bucket is encrypted, versioned, private and TLS-only, and neither it nor its key goes with a destroy."""

import json

from tests.components.mocked import Declared


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


def test_what_holds_data_is_protected_and_nothing_else(released: Declared) -> None:
    """`destroy` keeps what is protected: data and its safeguards, runs' history, registered versions and images."""
    protected = {made.type.split(":")[-1] for made in released.resources if made.protected}
    assert protected == {
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
    }


def test_what_is_kept_depends_on_little_that_is_not_data(released: Declared) -> None:
    """A destroy keeps what protected resources depend on: MLflow's own role and its policy, and no other role."""
    made = {each.urn: each for each in released.resources}
    kept = {urn for urn, each in made.items() if each.protected}
    while more := {urn for kept_one in kept for urn in made[kept_one].depends_on if urn in made} - kept:
        kept |= more
    beside = {made[urn].name for urn in kept if not made[urn].protected and made[urn].type.startswith("aws:")}
    assert beside == {"stile-test-aws-tracking", "stile-test-aws-tracking-access"}
