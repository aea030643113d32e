"""Where images go on Google Cloud: the registry of the URL, with a token of the account at work, and never locally."""

import subprocess
from pathlib import Path

import google.auth
import pytest
from google.auth.exceptions import DefaultCredentialsError

from infra.providers.kit.resource import PluginError
from infra.providers.stile import programs, registry_gcp

URL = "us-central1-docker.pkg.dev/our-project/ours/jobs"


@pytest.fixture(autouse=True)
def no_token(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("GOOGLE_OAUTH_ACCESS_TOKEN", "CLOUDSDK_AUTH_ACCESS_TOKEN"):
        monkeypatch.delenv(name, raising=False)


@pytest.mark.parametrize("url", [URL, "europe-docker.pkg.dev/p/r/jobs/deeper", "127.0.0.1:5000/p/r/jobs"])
def test_images_of_artifact_registry_are_known(url: str) -> None:
    assert registry_gcp.is_one(url)


@pytest.mark.parametrize(
    "url",
    [
        "123456789012.dkr.ecr.us-east-1.amazonaws.com/jobs",
        "us-central1-docker.pkg.dev/our-project/ours",
        "us-central1-docker.pkg.dev.example.com/p/r/jobs",
        "10.0.0.1:5000/p/r/jobs",
        "127.0.0.1.example.com:5000/p/r/jobs",
    ],
)
def test_another_registry_is_refused(url: str) -> None:
    assert not registry_gcp.is_one(url)
    with pytest.raises(PluginError, match="is no image of a repository in Artifact Registry"):
        registry_gcp.open_repository(url)


def test_a_token_that_is_told_is_shown_to_google(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CLOUDSDK_AUTH_ACCESS_TOKEN", "a-token")
    opened = registry_gcp.open_repository(URL)
    assert (opened.endpoint, opened.name) == ("https://us-central1-docker.pkg.dev", "our-project/ours/jobs")
    assert (opened.user, opened.password) == ("oauth2accesstoken", "a-token")
    assert "a-token" not in repr(opened)


def test_what_an_earlier_boot_held_is_asked_of_the_registry_that_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its port is gone with it: a refresh would fail where it is to find that the image is gone."""
    monkeypatch.setenv("STILE_LOCAL_REGISTRY", "http://127.0.0.1:6066")
    opened = registry_gcp.open_repository("127.0.0.1:5055/stile-local/ours/jobs")
    assert (opened.endpoint, opened.name) == ("http://127.0.0.1:6066", "stile-local/ours/jobs")


def test_the_local_registry_gets_no_token(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("STILE_LOCAL_REGISTRY", raising=False)
    monkeypatch.setenv("CLOUDSDK_AUTH_ACCESS_TOKEN", "a-token")
    opened = registry_gcp.open_repository("127.0.0.1:5055/stile-local/ours/jobs")
    assert (opened.endpoint, opened.user, opened.password) == ("http://127.0.0.1:5055", "", "")


def test_without_an_account_it_says_what_to_run(monkeypatch: pytest.MonkeyPatch) -> None:
    def none(**_given: object) -> None:
        raise DefaultCredentialsError("none were found")  # type: ignore[no-untyped-call]

    monkeypatch.setattr(google.auth, "default", none)
    with pytest.raises(PluginError, match="none were found; run `gcloud auth application-default login`"):
        registry_gcp.open_repository(URL)


def test_images_are_deleted_with_their_tags_and_what_is_gone_is_no_error(registry: str, tmp_path: Path) -> None:
    """In a real registry: a tag goes before its image, and both are gone."""
    opened = registry_gcp.open_repository(f"{registry.removeprefix('http://')}/p/r/jobs")
    layer = tmp_path / "layer.tar"
    subprocess.run(["tar", "-cf", layer, "-C", tmp_path, "--files-from", "/dev/null"], check=True)
    crane = [str(programs.crane()), "append", "--new_layer", str(layer), "--new_tag", opened.reference("tag")]
    subprocess.run(crane, check=True, capture_output=True)
    digest = opened.digest("tag")
    assert digest
    opened.remove(["tag"])
    assert (opened.digest("tag"), opened.digest(digest)) == (None, None)
    opened.remove(["tag", digest])


def test_a_registry_that_does_not_answer_is_told() -> None:
    with pytest.raises(PluginError, match=r"127\.0\.0\.1:1 does not answer"):
        registry_gcp.open_repository("127.0.0.1:1/p/r/jobs").remove(["sha256:" + "0" * 64])
