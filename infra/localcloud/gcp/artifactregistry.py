"""Artifact Registry: repositories, behind which the registry on loopback stands."""

from infra.localcloud.gcp import policies
from infra.localcloud.gcp.call import Call
from infra.localcloud.gcp.service import Service
from infra.localcloud.gcp.store import Record

SERVICE = Service("artifactregistry.v1", section="artifactregistry")
REPOSITORIES = "artifactregistry.projects.locations.repositories"


def _fill(call: Call, record: Record) -> None:
    words = record.name.split("/")
    host = call.cloud.registry_url.removeprefix("http://") or f"{words[3]}-docker.pkg.dev"
    record.body["registryUri"] = f"{host}/{words[1]}/{words[-1]}"


SERVICE.hooks("repositories").filling = _fill
policies.serve(SERVICE, REPOSITORIES)
