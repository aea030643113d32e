"""A container registry as this plugin uses it: asked over the registry protocol, written to by crane."""

import json
import os
from base64 import b64encode
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http import HTTPStatus
from ipaddress import ip_address
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final
from urllib.parse import urlsplit

from infra.providers.kit.resource import PluginError

# the kinds of manifest that an image may have
_MANIFESTS: Final = (
    "application/vnd.docker.distribution.manifest.v2+json, application/vnd.oci.image.manifest.v1+json, "
    "application/vnd.docker.distribution.manifest.list.v2+json, application/vnd.oci.image.index.v1+json"
)
_TIMEOUT_SECONDS: Final = 30.0


@dataclass(frozen=True)
class Repository:
    """One repository and how to reach it.

    Attributes:
        endpoint: the registry's address, such as `https://host` or, on loopback only, `http://127.0.0.1:5000`.
        name: the repository's name in that registry.
        remove: deletes images by digest or tag, with the cloud's own call; what is gone already is no error.
        user: for basic authentication.
        password: the registry's token.
    """

    endpoint: str
    name: str
    remove: Callable[[list[str]], None]
    user: str = ""
    password: str = field(default="", repr=False)

    def __post_init__(self) -> None:
        """Refuse to send a token in the clear. Raises PluginError."""
        if urlsplit(self.endpoint).scheme != "https" and not self.is_loopback:
            raise PluginError(f"the registry {self.endpoint} is neither https nor on loopback")

    @property
    def host(self) -> str:
        """Host and port."""
        return urlsplit(self.endpoint).netloc

    @property
    def is_loopback(self) -> bool:
        """Whether the registry is on this machine."""
        name = urlsplit(self.endpoint).hostname or ""
        try:
            return ip_address(name).is_loopback
        except ValueError:
            return name == "localhost"

    def reference(self, tag_or_digest: str) -> str:
        """Return what crane calls an image of this repository."""
        separator = "@" if tag_or_digest.startswith("sha256:") else ":"
        return f"{self.host}/{self.name}{separator}{tag_or_digest}"

    def digest(self, tag_or_digest: str) -> str | None:
        """Return the digest of an image's manifest, None if the registry says that it is not there.

        Raises PluginError if the registry answers anything else.
        """
        import httpx

        url = f"{self.endpoint}/v2/{self.name}/manifests/{tag_or_digest}"
        auth = httpx.BasicAuth(self.user, self.password) if self.user else httpx.Auth()
        try:
            with httpx.Client(trust_env=not self.is_loopback, timeout=_TIMEOUT_SECONDS) as client:
                answer = client.head(url, headers={"Accept": _MANIFESTS}, auth=auth)
        except httpx.HTTPError as error:
            raise PluginError(f"the registry {self.host} does not answer: {error}") from error
        if answer.status_code == HTTPStatus.NOT_FOUND:
            return None
        if answer.status_code != HTTPStatus.OK:
            raise PluginError(f"the registry {self.host} answered {answer.status_code} for {self.name}:{tag_or_digest}")
        return str(answer.headers["Docker-Content-Digest"])

    @contextmanager
    def credentials(self) -> Iterator[dict[str, str]]:
        """Lend crane the token, in a folder that only this user reads and that is gone afterwards.

        The user's own logins stay valid beside it, as a base image may need them.
        """
        if not self.user:
            yield {}
            return
        with TemporaryDirectory(prefix="stile-login-") as folder:
            config = _own_logins()
            token = b64encode(f"{self.user}:{self.password}".encode()).decode()
            config["auths"] = {**config.get("auths", {}), self.host: {"auth": token}}
            target = Path(folder, "config.json")
            target.touch(mode=0o600)
            target.write_text(json.dumps(config))
            yield {"DOCKER_CONFIG": folder}


def _own_logins() -> dict[str, Any]:
    folder = os.environ.get("DOCKER_CONFIG") or Path.home() / ".docker"
    path = Path(folder, "config.json")
    if not path.is_file():
        return {}
    logins: dict[str, Any] = json.loads(path.read_text())
    return logins
