"""Buckets by the official client: settings, merge patches, names, and what Google refuses."""

from typing import Any

import httpx
import pytest
from google.api_core import exceptions


def test_what_a_bucket_was_made_with_comes_back(client: Any) -> None:
    """The provider plugin compares what it sent with what it reads; anything else would show as drift."""
    wish = client.bucket("made-with-everything")
    wish.labels = {"stile-stack": "demo-local-gcp", "goog-pulumi-provisioned": "true"}
    wish.versioning_enabled = True
    wish.iam_configuration.uniform_bucket_level_access_enabled = True
    wish.iam_configuration.public_access_prevention = "enforced"
    wish.add_lifecycle_delete_rule(age=30, matches_prefix=["capture/"])
    wish.add_lifecycle_set_storage_class_rule("NEARLINE", is_live=False, number_of_newer_versions=3)
    key = "projects/stile-local/locations/us-central1/keyRings/ring/cryptoKeys/key"
    wish.default_kms_key_name = key
    made = client.create_bucket(wish, location="us-central1")
    read = client.get_bucket("made-with-everything")
    assert read._properties == made._properties
    assert read.labels == {"stile-stack": "demo-local-gcp", "goog-pulumi-provisioned": "true"}
    assert (read.location, read.location_type, read.storage_class) == ("US-CENTRAL1", "region", "STANDARD")
    assert read.versioning_enabled
    assert read.default_kms_key_name == key
    assert read.iam_configuration.uniform_bucket_level_access_enabled
    assert read.iam_configuration.uniform_bucket_level_access_locked_time > read.time_created
    assert read._properties["iamConfiguration"]["bucketPolicyOnly"]["enabled"]
    assert read.iam_configuration.public_access_prevention == "enforced"
    assert [rule["action"]["type"] for rule in read.lifecycle_rules] == ["Delete", "SetStorageClass"]
    assert next(iter(read.lifecycle_rules))["condition"] == {"age": 30, "matchesPrefix": ["capture/"]}
    assert read.soft_delete_policy.retention_duration_seconds == 604800
    assert (read.project_number, read.metageneration, read.etag) == (100000000000, 1, "CAE=")
    assert read.self_link.endswith("/storage/v1/b/made-with-everything")


def test_a_patch_merges_and_null_removes(client: Any, bucket: Any) -> None:
    bucket.labels = {"a": "1", "b": "2"}
    bucket.patch()
    other = client.get_bucket(bucket.name)
    del (labels := other.labels)["a"]
    other.labels = labels | {"c": "3"}  # the client sends {"a": null, ...}
    other.patch()
    read = client.get_bucket(bucket.name)
    assert read.labels == {"b": "2", "c": "3"}
    assert read.metageneration == 3
    assert read.iam_configuration.public_access_prevention == "inherited"
    assert read.updated > read.time_created


def test_an_update_replaces_all_settings(client: Any, bucket: Any) -> None:
    bucket.labels = {"a": "1"}
    bucket.versioning_enabled = True
    bucket.patch()
    fresh = client.bucket(bucket.name)
    fresh.storage_class = "NEARLINE"
    fresh.update()
    read = client.get_bucket(bucket.name)
    assert (read.labels, read.versioning_enabled, read.storage_class) == ({}, False, "NEARLINE")
    assert read.location == "US-CENTRAL1"


@pytest.mark.parametrize("location", ["us", "EUR4"])
def test_a_bucket_over_several_regions_has_a_recovery_point(client: Any, location: str) -> None:
    made = client.create_bucket(f"over-regions-{location.lower()}", location=location)
    assert (made.location, made.rpo) == (location.upper(), "DEFAULT")


def test_buckets_are_listed_by_project_and_prefix_in_pages(client: Any) -> None:
    for number in range(5):
        client.create_bucket(f"listed-{number}", project="other-project")
    assert [one.name for one in client.list_buckets(project="other-project", prefix="listed-", page_size=2)] == [
        f"listed-{number}" for number in range(5)
    ]
    assert not list(client.list_buckets(prefix="listed-"))


def test_a_name_is_taken_by_its_project_or_by_another(client: Any, bucket: Any) -> None:
    with pytest.raises(exceptions.Conflict, match="Your previous request to create the named bucket succeeded"):
        client.create_bucket(bucket.name)
    with pytest.raises(exceptions.Conflict, match="shared by all users of the system"):
        client.create_bucket(bucket.name, project="another")


@pytest.mark.parametrize(
    "name",
    [
        "ab",
        "a" * 64,
        "Upper",
        "space d",
        "-dash",
        "dash-",
        "goog-x",
        "my-google",
        "1.2.3.4",
        "a..b",
        "under_score_",
        "ä-x",
    ],
)
def test_names_that_google_does_not_take(http: httpx.Client, name: str) -> None:
    answer = http.post("/storage/v1/b", params={"project": "p"}, json={"name": name})
    assert answer.status_code == 400
    assert answer.json()["error"]["message"] == f"Invalid bucket name: '{name}'"


@pytest.mark.parametrize(
    ("settings", "word"),
    [
        ({"storageClass": "FAST"}, "storageClass"),
        ({"labels": {"Upper": "x"}}, "label key"),
        ({"labels": {"x": "y" * 64}}, "label"),
        ({"lifecycle": {"rule": [{"action": {"type": "Delete"}, "condition": {}}]}}, "lifecycle.rule[0].condition"),
        (
            {"lifecycle": {"rule": [{"action": {"type": "Burn"}, "condition": {"age": 1}}]}},
            "lifecycle.rule[0].action.type",
        ),
        ({"lifecycle": {"rules": []}}, "rules"),
        ({"iamConfiguration": {"publicAccessPrevention": "maybe"}}, "publicAccessPrevention"),
        ({"encryption": {"defaultKmsKeyName": "key"}}, "defaultKmsKeyName"),
        ({"softDeletePolicy": {"retentionDurationSeconds": "5"}}, "softDeletePolicy"),
        ({"retentionPolicy": {"retentionPeriod": "0"}}, "retentionPeriod"),
        ({"versionning": {"enabled": True}}, "versionning"),
        ({"versioning": {"enabled": "perhaps"}}, "versioning.enabled"),
    ],
)
def test_settings_that_are_wrong_are_named(
    http: httpx.Client, bucket: Any, settings: dict[str, Any], word: str
) -> None:
    """A setting that is dropped or misspelt in silence would only be missed in the real cloud."""
    answer = http.patch(f"/storage/v1/b/{bucket.name}", json=settings)
    assert answer.status_code == 400
    assert word in answer.json()["error"]["message"]
    assert http.get(f"/storage/v1/b/{bucket.name}").json()["metageneration"] == "1"


def test_what_is_not_done_says_so(http: httpx.Client, bucket: Any) -> None:
    for settings in (
        {"autoclass": {"enabled": True}},
        {"hierarchicalNamespace": {"enabled": True}},
        {"acl": [{"entity": "allUsers", "role": "READER"}]},
    ):
        assert http.patch(f"/storage/v1/b/{bucket.name}", json=settings).status_code == 501
    assert http.patch(f"/storage/v1/b/{bucket.name}", json={"autoclass": {"enabled": False}}).status_code == 200


def test_a_bucket_that_holds_anything_is_not_deleted(client: Any, bucket: Any) -> None:
    """Neither is one that holds nothing but noncurrent generations."""
    bucket.versioning_enabled = True
    bucket.patch()
    bucket.blob("x").upload_from_string("x")
    bucket.blob("x").delete()
    assert not list(client.list_blobs(bucket))
    with pytest.raises(exceptions.Conflict, match="The bucket you tried to delete is not empty"):
        bucket.delete()
    bucket.delete(force=True)
    with pytest.raises(exceptions.NotFound, match="The specified bucket does not exist"):
        client.get_bucket(bucket.name)
    with pytest.raises(exceptions.NotFound, match="The specified bucket does not exist"):
        bucket.delete()


def test_metageneration_preconditions(client: Any, bucket: Any) -> None:
    with pytest.raises(exceptions.PreconditionFailed):
        bucket.patch(if_metageneration_match=2)
    with pytest.raises(exceptions.PreconditionFailed):
        bucket.delete(if_metageneration_match=7)
    with pytest.raises(exceptions.NotModified):
        client.get_bucket(bucket.name, if_metageneration_not_match=1)
    with pytest.raises(exceptions.NotModified):
        client.get_bucket(bucket.name).reload(if_etag_not_match="CAE=")
    bucket.patch(if_metageneration_match=1)
    assert client.get_bucket(bucket.name, if_metageneration_match=2).metageneration == 2


def test_a_locked_retention_policy_only_grows_and_keeps_objects(client: Any, bucket: Any) -> None:
    bucket.retention_period = 3600
    bucket.patch()
    blob = bucket.blob("kept")
    blob.upload_from_string("x")
    assert blob.retention_expiration_time > blob.time_created
    for act in (blob.delete, lambda: bucket.blob("kept").upload_from_string("y")):
        with pytest.raises(exceptions.Forbidden, match="retention policy"):
            act()
    bucket.lock_retention_policy()
    assert client.get_bucket(bucket.name).retention_policy_locked
    bucket.retention_period = 60
    with pytest.raises(exceptions.Forbidden, match="locked Retention Policy"):
        bucket.patch()
    bucket.retention_period = 7200
    bucket.patch()
    assert client.get_bucket(bucket.name).retention_period == 7200


def test_the_slash_that_the_provider_adds_to_anywhere_caches_is_404(http: httpx.Client, bucket: Any) -> None:
    """The provider asks so before it deletes a bucket, and takes 404 for "there are none"."""
    assert http.get(f"/storage/v1/b/{bucket.name}/anywhereCaches/", params={"alt": "json"}).status_code == 404


def test_the_service_agent_has_a_name(client: Any) -> None:
    assert client.get_service_account_email() == "service-100000000000@gs-project-accounts.iam.gserviceaccount.com"


def test_fields_cut_the_answer(http: httpx.Client, bucket: Any) -> None:
    assert http.get(f"/storage/v1/b/{bucket.name}", params={"fields": "name"}).json() == {"name": bucket.name}
    nested = "name,iamConfiguration(publicAccessPrevention,uniformBucketLevelAccess/enabled)"
    assert http.get(f"/storage/v1/b/{bucket.name}", params={"fields": nested}).json() == {
        "name": bucket.name,
        "iamConfiguration": {"publicAccessPrevention": "inherited", "uniformBucketLevelAccess": {"enabled": False}},
    }
