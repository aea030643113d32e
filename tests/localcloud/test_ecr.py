"""ECR: repositories are records, images are what was really pushed to the registry on loopback."""

import itertools
import json
import subprocess
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from tests.localcloud.cloud import LocalAws, refusal

RULE = {
    "description": "untagged images go after a fortnight",
    "selection": {"tagStatus": "untagged", "countType": "sinceImagePushed", "countUnit": "days", "countNumber": 14},
    "action": {"type": "expire"},
}


@pytest.fixture
def ecr(local_aws: LocalAws) -> Any:
    return local_aws.client("ecr")


@pytest.fixture
def repository(local_aws: LocalAws, ecr: Any) -> str:
    name = local_aws.name("stile/jobs")
    ecr.create_repository(repositoryName=name)
    return name


@pytest.fixture
def push(local_aws: LocalAws, crane: str, tmp_path: Path) -> Any:
    """Push an image of one file to a repository, by tag or (by default) by digest; returns its digest."""

    def pushing(repository: str, content: str, tag: str | None = None) -> str:
        (tmp_path / "file").write_text(content)
        layer, image = tmp_path / "layer.tar", tmp_path / "image.tar"
        subprocess.run(["tar", "cf", layer, "-C", tmp_path, "file"], check=True)
        target = f"{local_aws.cloud.registry_url.removeprefix('http://')}/{repository}"
        run(crane, "append", "-f", str(layer), "-t", f"{target}:x", "-o", str(image))
        digest = run(crane, "digest", "--tarball", str(image))
        run(crane, "push", str(image), f"{target}:{tag}" if tag else f"{target}@{digest}")
        return digest

    return pushing


def run(*command: str) -> str:
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()


def test_an_image_pushed_by_digest_is_listed_and_described(ecr: Any, repository: str, push: Any) -> None:
    """Protects: what a pusher stores by digest alone exists for ECR, with its size and time."""
    digest = push(repository, "one")
    assert ecr.list_images(repositoryName=repository)["imageIds"] == [{"imageDigest": digest}]
    detail = ecr.describe_images(repositoryName=repository, imageIds=[{"imageDigest": digest}])["imageDetails"][0]
    assert detail["imageDigest"] == digest
    assert detail["imageSizeInBytes"] > 0
    assert "imageTags" not in detail
    manifest = ecr.batch_get_image(repositoryName=repository, imageIds=[{"imageDigest": digest}])["images"][0]
    assert '"layers"' in manifest["imageManifest"]


def test_tags_move_and_go_with_their_image(ecr: Any, repository: str, push: Any) -> None:
    """Protects: a tag names the last image pushed under it; deleting a digest deletes its tags."""
    first, second = push(repository, "one", "live"), push(repository, "two", "live")
    assert first != second
    listed = ecr.list_images(repositoryName=repository, filter={"tagStatus": "TAGGED"})["imageIds"]
    assert listed == [{"imageDigest": second, "imageTag": "live"}]
    answer = ecr.batch_delete_image(
        repositoryName=repository, imageIds=[{"imageDigest": second}, {"imageTag": "unknown"}]
    )
    assert answer["imageIds"] == [{"imageDigest": second, "imageTag": "live"}]
    assert [failure["failureCode"] for failure in answer["failures"]] == ["ImageNotFound"]
    with refusal("ImageNotFoundException"):
        ecr.describe_images(repositoryName=repository, imageIds=[{"imageTag": "live"}])


def test_images_come_in_pages(ecr: Any, repository: str, push: Any) -> None:
    """Protects: each image is on exactly one page."""
    digests = {push(repository, content) for content in ("a", "b", "c")}
    pages = ecr.get_paginator("describe_images").paginate(repositoryName=repository, PaginationConfig={"PageSize": 2})
    seen = [[detail["imageDigest"] for detail in page["imageDetails"]] for page in pages]
    assert [len(page) for page in seen] == [2, 1]
    assert set(itertools.chain(*seen)) == digests


def test_a_repository_with_images_is_deleted_only_by_force(ecr: Any, repository: str, push: Any) -> None:
    """Protects: images are not lost by an unforced delete, and do not come back with a new repository of that name."""
    push(repository, "one")
    with refusal("RepositoryNotEmptyException"):
        ecr.delete_repository(repositoryName=repository)
    ecr.delete_repository(repositoryName=repository, force=True)
    with refusal("RepositoryNotFoundException"):
        ecr.describe_repositories(repositoryNames=[repository])
    ecr.create_repository(repositoryName=repository)
    assert ecr.list_images(repositoryName=repository)["imageIds"] == []


def test_repositories_keep_their_settings(local_aws: LocalAws, ecr: Any) -> None:
    """Protects: what the provider writes is what it reads back."""
    name = local_aws.name("stile/settings")
    made = ecr.create_repository(
        repositoryName=name,
        imageTagMutability="IMMUTABLE",
        encryptionConfiguration={"encryptionType": "KMS", "kmsKey": "arn:aws:kms:us-east-1:000000000000:key/k"},
        imageScanningConfiguration={"scanOnPush": True},
        tags=[{"Key": "stile-stage", "Value": "images"}],
    )["repository"]
    assert made["repositoryUri"] == f"000000000000.dkr.ecr.us-east-1.amazonaws.com/{name}"
    policy = json.dumps({"rules": [{"rulePriority": 1, **RULE}]})
    ecr.put_lifecycle_policy(repositoryName=name, lifecyclePolicyText=policy)
    ecr.put_image_tag_mutability(repositoryName=name, imageTagMutability="MUTABLE")
    read = ecr.describe_repositories(repositoryNames=[name])["repositories"][0]
    assert read["imageTagMutability"] == "MUTABLE"
    assert read["encryptionConfiguration"]["encryptionType"] == "KMS"
    assert read["imageScanningConfiguration"] == {"scanOnPush": True}
    assert ecr.get_lifecycle_policy(repositoryName=name)["lifecyclePolicyText"] == policy
    assert ecr.list_tags_for_resource(resourceArn=made["repositoryArn"])["tags"][0]["Value"] == "images"


def test_of_racing_creators_one_wins(local_aws: LocalAws, ecr: Any) -> None:
    name = local_aws.name("stile/raced")

    def create(_: int) -> bool:
        try:
            ecr.create_repository(repositoryName=name)
        except ecr.exceptions.RepositoryAlreadyExistsException:
            return False
        return True

    with ThreadPoolExecutor(8) as pool:
        assert sorted(pool.map(create, range(8))) == [False] * 7 + [True]


def test_logging_in_leads_to_the_registry_on_loopback(local_aws: LocalAws, ecr: Any) -> None:
    data = ecr.get_authorization_token()["authorizationData"][0]
    assert data["proxyEndpoint"] == local_aws.cloud.registry_url


def test_what_is_not_emulated_says_so(ecr: Any, repository: str) -> None:
    """Protects: an operation that nothing answers is refused with 501, never with success."""
    with refusal("InternalFailure") as raised:
        ecr.initiate_layer_upload(repositoryName=repository)
    assert raised.value.response["ResponseMetadata"]["HTTPStatusCode"] == 501


def test_a_manifest_is_put_under_another_tag(ecr: Any, repository: str, push: Any) -> None:
    """Protects: retagging as people do it, by putting the same manifest again."""
    digest = push(repository, "one", tag="first")
    manifest = ecr.batch_get_image(repositoryName=repository, imageIds=[{"imageTag": "first"}])["images"][0]
    put = ecr.put_image(repositoryName=repository, imageManifest=manifest["imageManifest"], imageTag="second")
    assert put["image"]["imageId"] == {"imageDigest": digest, "imageTag": "second"}
    (detail,) = ecr.describe_images(repositoryName=repository)["imageDetails"]
    assert sorted(detail["imageTags"]) == ["first", "second"]


def test_a_repositorys_policy_and_scanning_are_kept(ecr: Any, repository: str) -> None:
    pull = {"Sid": "pull", "Effect": "Allow", "Principal": "*", "Action": ["ecr:BatchGetImage"]}
    policy = json.dumps({"Version": "2012-10-17", "Statement": [pull]})
    ecr.set_repository_policy(repositoryName=repository, policyText=policy)
    assert json.loads(ecr.get_repository_policy(repositoryName=repository)["policyText"]) == json.loads(policy)
    ecr.delete_repository_policy(repositoryName=repository)
    with refusal("RepositoryPolicyNotFoundException"):
        ecr.get_repository_policy(repositoryName=repository)
    ecr.put_image_scanning_configuration(repositoryName=repository, imageScanningConfiguration={"scanOnPush": True})
    (described,) = ecr.describe_repositories(repositoryNames=[repository])["repositories"]
    assert described["imageScanningConfiguration"] == {"scanOnPush": True}
