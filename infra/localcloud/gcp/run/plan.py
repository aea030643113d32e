"""What one revision of a service is to run: its template with secrets read and the sockets of Cloud SQL found."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from infra.localcloud.gcp.call import PROJECT, Cloud
from infra.localcloud.gcp.errors import Json
from infra.localcloud.gcp.permissions.gate import permits
from infra.localcloud.gcp.secretmanager import payload
from infra.localcloud.gcp.sql.service import Servers

REPOSITORIES = "artifactregistry.projects.locations.repositories"
REMOTE = "REMOTE_REPOSITORY"
_CONNECTION = re.compile(r"[^:]+:[^:]+:[^:]+")
_SECRET = re.compile(r"(?:projects/[^/]+/secrets/)?(?P<id>[^/]+)")


class RevisionError(Exception):
    """A revision cannot serve; `reason` is a condition's reason or its reason of a revision, by their enumerations."""

    def __init__(self, message: str, **reason: str) -> None:
        super().__init__(message)
        self.reason = reason


@dataclass(frozen=True)
class Plan:
    """What a container of a revision is.

    Attributes:
        service: the full name of the service.
        revision: the last part of the revision's name.
        account: the service account that it acts as.
        container: the container as in the template.
        port: where its image listens, unless it goes by $PORT.
        environment: its variables, secrets and all.
        sockets: what it finds at `/cloudsql/<connection>`, by that path.
        is_remote: whether its image is in a remote repository, which only a network could fetch.
    """

    service: str
    revision: str
    account: str
    container: Json
    port: int
    environment: Mapping[str, str]
    sockets: Mapping[str, Path]
    is_remote: bool

    @property
    def location(self) -> str:
        """The region."""
        return self.service.split("/")[3]

    @property
    def name(self) -> str:
        """The service's own name."""
        return self.service.rpartition("/")[2]


def plan_of(cloud: Cloud, service: Json) -> Plan:
    """Return what the newest revision of a service is to run.

    Raises:
        RevisionError: its account may not read a secret or connect to an instance, or there is no such thing.
    """
    template, revision = service["template"], service["latestCreatedRevision"].rpartition("/")[2]
    container, account = template["containers"][0], template["serviceAccount"]
    if len(template["containers"]) > 1:
        raise RevisionError("The local cloud runs one container per service.", reason="CONTAINER_MISSING")
    name, port = service["name"].rpartition("/")[2], container["ports"][0].get("containerPort", 8080)
    # Source: https://cloud.google.com/run/docs/container-contract#services-env-vars
    own = {"K_SERVICE": name, "K_REVISION": revision, "K_CONFIGURATION": name}
    return Plan(
        service=service["name"],
        revision=revision,
        account=account,
        container=container,
        port=port,
        environment={**dict(_variables(cloud, container, account)), **own},
        sockets=dict(_sockets(cloud, template, container, account)),
        is_remote=_is_remote(cloud, container["image"]),
    )


def _is_remote(cloud: Cloud, image: str) -> bool:
    remote = [one.body for one in cloud.store.all(REPOSITORIES) if one.body.get("mode") == REMOTE]
    return any(image.startswith(f"{one['registryUri']}/") for one in remote)


def _variables(cloud: Cloud, container: Json, account: str) -> Iterator[tuple[str, str]]:
    for variable in container.get("env", ()):
        source = variable.get("valueSource", {}).get("secretKeyRef")
        yield variable.get("name", ""), _secret(cloud, source, account) if source else variable.get("value", "")


def _secret(cloud: Cloud, source: Json, account: str) -> str:
    matched = _SECRET.fullmatch(source.get("secret", ""))
    name = f"projects/{PROJECT}/secrets/{matched['id'] if matched else ''}/versions/{source.get('version') or 'latest'}"
    if not permits(cloud, account, "secretmanager.versions.access", f"//secretmanager.googleapis.com/{name}", {}):
        raise RevisionError(
            f"Permission denied on secret: {name} for Revision service account {account}. The service account used "
            "must be granted the 'Secret Manager Secret Accessor' role (roles/secretmanager.secretAccessor) at the "
            "secret, project or higher level.",
            reason="SECRETS_ACCESS_CHECK_FAILED",
        )
    data = payload(cloud, name)
    if data is None:
        raise RevisionError(f"Secret {name} was not found", reason="SECRETS_ACCESS_CHECK_FAILED")
    return data.decode()


def _sockets(cloud: Cloud, template: Json, container: Json, account: str) -> Iterator[tuple[str, Path]]:
    volumes = {one.get("name"): one for one in template.get("volumes", ())}
    for mount in container.get("volumeMounts", ()):
        volume = volumes.get(mount.get("name"), {})
        if "cloudSqlInstance" not in volume:
            text = f"The local cloud has no volumes but of Cloud SQL, not '{mount.get('name')}'."
            raise RevisionError(text, reason="CONTAINER_MISSING")
        for connection in volume["cloudSqlInstance"].get("instances", ()):
            yield f"{mount.get('mountPath', '')}/{connection}", _socket(cloud, connection, account)


def _socket(cloud: Cloud, connection: str, account: str) -> Path:
    """Find the folder of an instance's socket. On Google a container starts without, and cannot connect."""
    if not _CONNECTION.fullmatch(connection):
        raise RevisionError(f"'{connection}' is not PROJECT:REGION:INSTANCE.", reason="REVISION_FAILED")
    project, _, instance = connection.split(":")
    resource = f"//cloudsql.googleapis.com/projects/{project}/instances/{instance}"
    if not permits(cloud, account, "cloudsql.instances.connect", resource, {}):
        text = (
            f"Cloud SQL connection failed: {account} is missing cloudsql.instances.connect on {connection}. Please "
            "ensure that the account has the Cloud SQL Client role."
        )
        raise RevisionError(text, reason="CONTAINER_PERMISSION_DENIED")
    folder = cloud.part(Servers).socket_folder(connection)
    if folder is None:
        raise RevisionError(f"Cloud SQL connection failed: there is no instance {connection}.", reason="UNKNOWN")
    return folder
