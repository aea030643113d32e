"""The cloud as a container of Vertex AI finds it: the identity that it acts under, and where the services answer."""

import json
import os
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from google.oauth2.credentials import Credentials
from googleapiclient.discovery import build_from_document
from googleapiclient.discovery_cache import get_static_doc

from infra.localcloud.gcp.call import PROJECT_NUMBER, Cloud
from infra.localcloud.gcp.errors import invalid
from infra.localcloud.gcp.store import ACCOUNTS
from infra.localcloud.gcp.vertex.metadata_server import MetadataServer
from infra.localcloud.jobs.container import ContainerHost, Settings
from infra.localcloud.jobs.registry import ImageError

# Whom a container acts as that no service account was named for.
# Source: https://cloud.google.com/vertex-ai/docs/general/custom-service-account
JOB_AGENT = f"service-{PROJECT_NUMBER}@gcp-sa-aiplatform-cc.iam.gserviceaccount.com"
# The account of a project's machines, which a pipeline acts as that names none. Every project has it.
COMPUTE_ACCOUNT = f"{PROJECT_NUMBER}-compute@developer.gserviceaccount.com"
SERVING_AGENT = "custom-online-prediction@caip-tenant.iam.gserviceaccount.com"
# Any token that was not given out is a person's, who may do everything: the platform's own acts.
PLATFORM_TOKEN = "vertex-ai"  # noqa: S105 - it opens nothing


@dataclass
class _Machine:
    host: ContainerHost | None = field(default=None)


@dataclass(frozen=True)
class Session:
    """A service account at work, in one container.

    Attributes:
        account: its e-mail address.
        token: its access token.
        endpoint_url: where the cloud answers.
        metadata: tells the container's programs who they are.
    """

    account: str
    token: str
    endpoint_url: str
    metadata: MetadataServer

    def environment(self) -> dict[str, str]:
        """Return the variables by which Google's clients find the cloud and the identity."""
        return {
            "GCE_METADATA_HOST": self.metadata.address,
            "GCE_METADATA_IP": self.metadata.address,
            "STORAGE_EMULATOR_HOST": self.endpoint_url,
            "STILE_GCP_ENDPOINT": self.endpoint_url,
        }

    def close(self) -> None:
        """Give out no more tokens."""
        self.metadata.close()


def assume(cloud: Cloud, account: str) -> Session:
    """Return a session of a service account, as the service has one for each container."""
    token = cloud.tokens.issue(account)
    metadata = MetadataServer(account, token, partial(cloud.tokens.identify, account))
    return Session(account, token, cloud.endpoint_url, metadata)


def client(endpoint_url: str, service: str, version: str, token: str = PLATFORM_TOKEN) -> Any:
    """Return Google's own client of a service of this cloud; it is for one thread, and to be closed."""
    document = json.loads(get_static_doc(service, version) or "")
    # Not by `client_options`: uploads go to the document's own address, whatever those say.
    document["rootUrl"] = f"{endpoint_url}/"
    credentials = Credentials(token)  # type: ignore[no-untyped-call]
    return build_from_document(document, credentials=credentials)


def container_host(cloud: Cloud) -> ContainerHost:
    """Return this machine as the one host of this cloud's containers."""
    machine = cloud.part(_Machine)
    with cloud.store.locked():
        if machine.host is None:
            own = {"STILE_JOBS_DIR": str(cloud.home / "jobs"), "STILE_REGISTRY_URL": cloud.registry_url}
            machine.host = ContainerHost(Settings.from_environment({**os.environ, **own}))
        return machine.host


def check_account(cloud: Cloud, account: str | None) -> None:
    """Raise the vendor's error for a service account that does not exist; none at all is the platform's own."""
    if not account or account == COMPUTE_ACCOUNT:
        return
    known = [record.body for record in cloud.store.all(ACCOUNTS)]
    if any(body["email"] == account and not body.get("disabled") for body in known):
        return
    raise invalid(f"Service account `{account}` does not exist.", field="serviceAccount")


def check_image(cloud: Cloud, image: str) -> None:
    """Raise the vendor's error for an image that is not in the registry."""
    try:
        container_host(cloud).check(image)
    except ImageError as error:
        raise invalid(f'The image "{image}" cannot be used: {error}.', field="imageUri") from error
