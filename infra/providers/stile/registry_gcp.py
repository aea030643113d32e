"""Artifact Registry: where images of a repository are pushed, with which token, and how they are deleted."""

import os
import re
from dataclasses import replace
from http import HTTPStatus
from typing import Final

from infra.providers.kit.resource import PluginError
from infra.providers.stile.registry import Repository

# source: https://cloud.google.com/artifact-registry/docs/docker/names
_URL: Final = re.compile(r"(?P<host>[a-z0-9-]+-docker\.pkg\.dev)/(?P<name>[^/]+/[^/]+/.+)")
# The local Google Cloud's registry is on this machine, and needs no token.
_LOCAL: Final = re.compile(r"(?P<host>(127\.0\.0\.1|localhost):\d+)/(?P<name>[^/]+/[^/]+/.+)")
# source: https://cloud.google.com/artifact-registry/docs/docker/authentication#token
_USER: Final = "oauth2accesstoken"
_SCOPE: Final = "https://www.googleapis.com/auth/cloud-platform"
_TOKENS: Final = ("GOOGLE_OAUTH_ACCESS_TOKEN", "CLOUDSDK_AUTH_ACCESS_TOKEN")
_TIMEOUT_SECONDS: Final = 30.0


def is_one(repository_url: str) -> bool:
    """Say whether a URL is that of an image in Artifact Registry, or in the local Google Cloud's registry."""
    return bool(_URL.fullmatch(repository_url) or _LOCAL.fullmatch(repository_url))


def open_repository(repository_url: str) -> Repository:
    """Return where to push, with a token. Raises PluginError for another URL, or if there are no credentials."""
    if found := _LOCAL.fullmatch(repository_url):
        # A URL of an earlier boot has that boot's port; what it held is asked of the registry that runs.
        endpoint = os.environ.get("STILE_LOCAL_REGISTRY") or f"http://{found['host']}"
        return _deleting(Repository(endpoint, found["name"], _nothing))
    found = _URL.fullmatch(repository_url)
    if found is None:
        raise PluginError(f"{repository_url} is no image of a repository in Artifact Registry")
    return _deleting(Repository(f"https://{found['host']}", found["name"], _nothing, _USER, _token()))


def _nothing(images: list[str]) -> None:
    """Stand for the deletion until the repository that it needs is there."""


def _deleting(repository: Repository) -> Repository:
    return replace(repository, remove=lambda images: _remove(repository, images))


def _token() -> str:
    told = next((os.environ[name] for name in _TOKENS if os.environ.get(name)), None)
    return told or _own_token()


def _own_token() -> str:
    """Return a token of the account that is set up on this machine. Raises PluginError if there is none."""
    import google.auth
    import google_auth_httplib2
    import httplib2  # type: ignore[import-untyped]  # it ships no types
    from google.auth.exceptions import GoogleAuthError

    try:
        credentials, _ = google.auth.default(scopes=[_SCOPE])
        credentials.refresh(google_auth_httplib2.Request(httplib2.Http()))  # type: ignore[no-untyped-call]
    except GoogleAuthError as error:
        raise PluginError(f"Google gives no token: {error}; run `gcloud auth application-default login`") from error
    return str(credentials.token)


def _remove(repository: Repository, images: list[str]) -> None:
    """Delete images by digest or tag, a tag before its image; one that is gone needs no deleting."""
    tags = [image for image in images if not image.startswith("sha256:")]
    digests = [digest for tag in tags if (digest := repository.digest(tag))]
    for reference in (*tags, *digests, *(image for image in images if image not in tags)):
        _delete(repository, reference)


def _delete(repository: Repository, reference: str) -> None:
    import httpx

    url = f"{repository.endpoint}/v2/{repository.name}/manifests/{reference}"
    auth = httpx.BasicAuth(repository.user, repository.password) if repository.user else httpx.Auth()
    try:
        with httpx.Client(trust_env=not repository.is_loopback, timeout=_TIMEOUT_SECONDS) as client:
            answer = client.delete(url, auth=auth)
    except httpx.HTTPError as error:
        raise PluginError(f"the registry {repository.host} does not answer: {error}") from error
    if not answer.is_success and answer.status_code != HTTPStatus.NOT_FOUND:
        where = f"{repository.host}/{repository.name}"
        raise PluginError(f"{reference} cannot be deleted from {where}: the registry answered {answer.status_code}")
