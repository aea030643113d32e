"""MLflow on a local Google Cloud as the stack makes it: a database, a secret, a remote image, a service, an account."""

import base64
import time
from collections.abc import Callable
from contextlib import ExitStack, closing
from dataclasses import dataclass
from typing import Any

from tests.localcloud.gcp.cloud import PLACE, PROJECT
from tests.localcloud.gcp.serving import google_client

PROJECT_NAME = f"projects/{PROJECT}"
CONNECTION = f"{PROJECT}:us-central1:tracked"
ADDRESS = f"postgresql+psycopg2://mlflow:secret@/mlflow?host=/cloudsql/{CONNECTION}"
ARGUMENTS = ("server", "--host", "0.0.0.0", "--port", "8080", "--workers", "1", "--allowed-hosts", "*")


@dataclass
class MlflowService:
    """A service that can be deleted and made again over the same records."""

    endpoint_url: str
    template: dict[str, Any]
    bucket: str = "tracked-artifacts"
    url: str = ""

    def create(self) -> None:
        """Make the service and wait until it is ready."""
        asked = {"parent": PLACE, "serviceId": "tracked", "body": {"template": self.template}}
        with closing(google_client(self.endpoint_url, "run", "v2")) as run:
            places = run.projects().locations()
            made = places.services().create(**asked).execute()
            while not made["done"]:
                time.sleep(0.05)
                made = places.operations().get(name=made["name"]).execute()
        assert "error" not in made, made
        self.url = made["response"]["uri"]

    def delete(self) -> None:
        """Delete the service."""
        with closing(google_client(self.endpoint_url, "run", "v2")) as run:
            run.projects().locations().services().delete(name=f"{PLACE}/services/tracked").execute()


def mlflow_service(endpoint_url: str) -> MlflowService:
    """Make all that it needs, and the service; it acts as an account that has only what the stack grants."""
    with ExitStack() as clients:

        def client(service: str, version: str) -> Any:
            return clients.enter_context(closing(google_client(endpoint_url, service, version)))

        template = _around(client)
    made = MlflowService(endpoint_url, template)
    made.create()
    return made


def _around(client: Callable[[str, str], Any]) -> dict[str, Any]:
    """Make all that stands around the service, and return its template."""
    account = {"accountId": "tracking", "serviceAccount": {}}
    email = client("iam", "v1").projects().serviceAccounts().create(name=PROJECT_NAME, body=account).execute()["email"]
    _database(client("sqladmin", "v1beta4"))
    _secret(client("secretmanager", "v1").projects().secrets(), email)
    client("storage", "v1").buckets().insert(project=PROJECT, body={"name": "tracked-artifacts"}).execute()
    only = f'resource.type == "sqladmin.googleapis.com/Instance" && resource.name == "{PROJECT_NAME}/instances/tracked"'
    condition = {"title": "only", "expression": only}
    bindings = [
        {**_bound("roles/cloudsql.client", email), "condition": condition},
        _bound("roles/storage.objectUser", email),
    ]
    policy = {"version": 3, "bindings": bindings}
    client("cloudresourcemanager", "v1").projects().setIamPolicy(resource=PROJECT, body={"policy": policy}).execute()
    repositories = client("artifactregistry", "v1").projects().locations().repositories()
    body = {"format": "DOCKER", "mode": "REMOTE_REPOSITORY"}
    repositories.create(parent=PLACE, repositoryId="tracked", body=body).execute()
    registry = repositories.get(name=f"{PLACE}/repositories/tracked").execute()["registryUri"]
    return _template(f"{registry}/mlflow/mlflow:v3.17.2-full", email)


def _database(client: Any) -> None:
    body = {"name": "tracked", "databaseVersion": "POSTGRES_17", "settings": {"tier": "db-g1-small"}}
    assert client.instances().insert(project=PROJECT, body=body).execute()["status"] == "DONE"
    at = {"project": PROJECT, "instance": "tracked"}
    client.databases().insert(**at, body={"name": "mlflow"}).execute()
    client.users().insert(**at, body={"name": "mlflow", "password": "secret"}).execute()


def _secret(client: Any, email: str) -> None:
    name = f"{PROJECT_NAME}/secrets/tracked"
    client.create(parent=PROJECT_NAME, secretId="tracked", body={"replication": {"automatic": {}}}).execute()
    data = base64.b64encode(ADDRESS.encode()).decode()
    client.addVersion(parent=name, body={"payload": {"data": data}}).execute()
    policy = {"bindings": [_bound("roles/secretmanager.secretAccessor", email)]}
    client.setIamPolicy(resource=name, body={"policy": policy}).execute()


def _bound(role: str, email: str) -> dict[str, Any]:
    return {"role": role, "members": [f"serviceAccount:{email}"]}


def _template(image: str, email: str) -> dict[str, Any]:
    source = {"secretKeyRef": {"secret": "tracked", "version": "latest"}}
    container = {
        "image": image,
        "command": ["mlflow"],
        "args": [*ARGUMENTS, "--artifacts-destination", "gs://tracked-artifacts/mlflow"],
        "ports": [{"containerPort": 8080}],
        "env": [{"name": "MLFLOW_BACKEND_STORE_URI", "valueSource": source}],
        "volumeMounts": [{"name": "cloudsql", "mountPath": "/cloudsql"}],
    }
    volumes = [{"name": "cloudsql", "cloudSqlInstance": {"instances": [CONNECTION]}}]
    return {"serviceAccount": email, "containers": [container], "volumes": volumes}
