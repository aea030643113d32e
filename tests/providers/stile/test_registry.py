"""Where images go on AWS: the registry that ECR names, its token kept private, and nothing sent in the clear."""

import json
from pathlib import Path
from typing import Any

import pytest

from infra.providers.kit.resource import PluginError
from infra.providers.stile import registry_aws
from infra.providers.stile.registry import Repository
from tests.providers.stile.small_aws import Refusal, SmallAws, ecr

URL = "000000000000.dkr.ecr.us-east-1.amazonaws.com/team/jobs"


def repository(endpoint: str, user: str = "") -> Repository:
    return Repository(endpoint, "jobs", lambda images: None, user, "secret" if user else "")


@pytest.mark.parametrize(
    ("url", "region"),
    [
        (URL, "us-east-1"),
        ("123456789012.dkr.ecr.cn-north-1.amazonaws.com.cn/jobs", "cn-north-1"),
        ("123456789012.dkr-ecr.eu-west-1.on.aws/jobs", "eu-west-1"),
    ],
)
def test_the_region_comes_from_the_repository_url(url: str, region: str) -> None:
    found = registry_aws.parse(url)
    assert found is not None
    assert found.region == region


@pytest.mark.parametrize("url", ["us-east1-docker.pkg.dev/project/jobs", "amazonaws.com/jobs", "127.0.0.1:5000/jobs"])
def test_another_registry_is_refused(url: str) -> None:
    with pytest.raises(PluginError, match="is no repository of Amazon ECR"):
        registry_aws.open_repository(url)


def test_images_go_where_ecr_says(aws: SmallAws) -> None:
    ecr(aws, "http://127.0.0.1:5055")
    opened = registry_aws.open_repository(URL)
    assert (opened.user, opened.password) == ("AWS", "a-password")
    assert opened.reference("sha256:0f") == "127.0.0.1:5055/team/jobs@sha256:0f"
    assert opened.reference("tag") == "127.0.0.1:5055/team/jobs:tag"
    assert "a-password" not in repr(opened)


def test_a_refused_token_is_told(aws: SmallAws) -> None:
    def refuse(request: dict[str, Any]) -> dict[str, Any]:
        raise Refusal("AccessDeniedException", "no token for you")

    aws.answers["GetAuthorizationToken"] = refuse
    with pytest.raises(PluginError, match="no token for you"):
        registry_aws.open_repository(URL)


def test_deleting_what_is_gone_is_no_error_but_a_refusal_is(aws: SmallAws) -> None:
    ecr(aws, "http://127.0.0.1:5055")
    opened = registry_aws.open_repository(URL)
    gone = {"imageId": {}, "failureCode": "ImageNotFound", "failureReason": "not there"}
    aws.answers["BatchDeleteImage"] = lambda request: {"imageIds": [], "failures": [gone]}
    opened.remove(["sha256:" + "0" * 64, "tag"])
    _, asked = aws.asked[-1]
    assert asked["imageIds"] == [{"imageDigest": "sha256:" + "0" * 64}, {"imageTag": "tag"}]

    def no_repository(request: dict[str, Any]) -> dict[str, Any]:
        raise Refusal("RepositoryNotFoundException", "no such repository")

    aws.answers["BatchDeleteImage"] = no_repository
    opened.remove(["tag"])
    used = {"imageId": {}, "failureCode": "ImageReferencedByManifestList", "failureReason": "in use"}
    aws.answers["BatchDeleteImage"] = lambda request: {"imageIds": [], "failures": [used]}
    with pytest.raises(PluginError, match="ImageReferencedByManifestList: in use"):
        opened.remove(["tag"])


@pytest.mark.parametrize("endpoint", ["http://registry.example", "http://10.0.0.1:5000", "http://127.0.0.1.example"])
def test_nothing_goes_in_the_clear_to_another_machine(endpoint: str) -> None:
    with pytest.raises(PluginError, match="neither https nor on loopback"):
        repository(endpoint)


def test_the_token_is_lent_in_a_private_folder_beside_the_users_logins(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "config.json").write_text('{"auths": {"other.example": {"auth": "b3RoZXI="}}}')
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path))
    with repository("https://registry.example", "AWS").credentials() as environment:
        lent = Path(environment["DOCKER_CONFIG"], "config.json")
        assert lent.stat().st_mode & 0o077 == 0
        assert lent.parent.stat().st_mode & 0o077 == 0
        assert json.loads(lent.read_text())["auths"] == {
            "other.example": {"auth": "b3RoZXI="},
            "registry.example": {"auth": "QVdTOnNlY3JldA=="},
        }
    assert not lent.exists()


def test_only_the_registrys_word_makes_an_image_missing(registry: str) -> None:
    assert repository(registry).digest("nothing") is None
    with pytest.raises(PluginError, match="does not answer"):
        repository("http://127.0.0.1:1").digest("nothing")
