"""IAM policies of buckets by the official client: bindings, etags, conditions, and what is refused."""

from typing import Any

import pytest
from google.api_core import exceptions

VIEWER = "roles/storage.objectViewer"
ACCOUNT = "serviceAccount:job@stile-local.iam.gserviceaccount.com"


def test_a_binding_is_added_and_taken_away(bucket: Any) -> None:
    policy = bucket.get_iam_policy(requested_policy_version=3)
    assert policy["roles/storage.legacyBucketOwner"] == {"projectEditor:stile-local", "projectOwner:stile-local"}
    policy.bindings.append({"role": VIEWER, "members": {ACCOUNT}})
    bucket.set_iam_policy(policy)
    read = bucket.get_iam_policy(requested_policy_version=3)
    assert read[VIEWER] == {ACCOUNT}
    assert read.etag != policy.etag
    read.bindings = [binding for binding in read.bindings if binding["role"] != VIEWER]
    bucket.set_iam_policy(read)
    assert VIEWER not in list(bucket.get_iam_policy())


def test_of_two_who_read_the_same_policy_the_second_writer_is_refused(bucket: Any) -> None:
    """Otherwise one grant would take away another that was made meanwhile."""
    first, second = bucket.get_iam_policy(), bucket.get_iam_policy()
    first[VIEWER] = [ACCOUNT]
    bucket.set_iam_policy(first)
    second["roles/storage.admin"] = [ACCOUNT]
    with pytest.raises(exceptions.PreconditionFailed):
        bucket.set_iam_policy(second)
    assert "roles/storage.admin" not in list(bucket.get_iam_policy())


@pytest.mark.parametrize(("role", "member"), [("viewer", ACCOUNT), (VIEWER, "job@x"), (VIEWER, "user:nobody")])
def test_roles_and_members_have_a_form(bucket: Any, role: str, member: str) -> None:
    policy = bucket.get_iam_policy()
    policy[role] = [member]
    with pytest.raises(exceptions.BadRequest, match=r"Invalid (role|member)"):
        bucket.set_iam_policy(policy)


def test_conditions_need_version_3_and_uniform_access(bucket: Any) -> None:
    condition = {"title": "raw", "expression": 'resource.name.startsWith("projects/_/buckets/b/objects/raw/")'}
    policy = bucket.get_iam_policy(requested_policy_version=3)
    policy.bindings.append({"role": VIEWER, "members": {ACCOUNT}, "condition": condition})
    policy.version = 3
    with pytest.raises(exceptions.BadRequest, match="uniform"):
        bucket.set_iam_policy(policy)
    bucket.iam_configuration.uniform_bucket_level_access_enabled = True
    bucket.patch()
    policy.version = 1
    with pytest.raises(exceptions.BadRequest, match="version 3"):
        bucket.set_iam_policy(policy)
    policy.version = 3
    bucket.set_iam_policy(policy)
    assert bucket.get_iam_policy(requested_policy_version=3).bindings[-1]["condition"] == condition


def test_prevention_of_public_access_holds(bucket: Any) -> None:
    bucket.iam_configuration.public_access_prevention = "enforced"
    bucket.patch()
    policy = bucket.get_iam_policy()
    policy[VIEWER] = ["allUsers"]
    with pytest.raises(exceptions.PreconditionFailed, match="public access prevention is enforced"):
        bucket.set_iam_policy(policy)


def test_permissions_are_asked(bucket: Any) -> None:
    asked = ["storage.objects.get", "storage.buckets.delete"]
    assert bucket.test_iam_permissions(asked) == asked
    with pytest.raises(exceptions.BadRequest, match="not valid"):
        bucket.test_iam_permissions(["compute.instances.get"])
