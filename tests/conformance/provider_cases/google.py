"""What the cases of Google Cloud need besides their own resources, made with Google's client when first asked for."""

from contextlib import closing
from typing import Any

from google_auth_httplib2 import AuthorizedHttp

from tests.localcloud.gcp.serving import PLACE, PROJECT, Person, Served

REGION = "us-central1"
NUMBER = "100000000000"


class GoogleWorld:
    """The cloud that the cases run in, and what they share there."""

    def __init__(self, gcp: Served) -> None:
        self.gcp = gcp
        self.environment = {
            "STILE_GCP_ENDPOINT": gcp.cloud.endpoint_url,
            "GOOGLE_CLOUD_PROJECT": PROJECT.partition("/")[2],
            "GOOGLE_CLOUD_LOCATION": REGION,
        }
        self._clients: dict[str, Any] = {}

    def call(self, api: str, method: str, **arguments: Any) -> Any:
        """Call a method of Google's client, such as `projects.topics.create` of `pubsub.v1`, and return its answer."""
        if api not in self._clients:
            service, _, version = api.partition(".")
            self._clients[api] = self.gcp.client(service, version)
        *collections, last = method.split(".")
        resource = self._clients[api]
        for collection in collections:
            resource = getattr(resource, collection)()
        # A connection of its own: the server closes those that nobody used for a while.
        connection = AuthorizedHttp(Person())
        request = getattr(resource, last)(**arguments)
        with closing(connection):
            return request.execute(http=connection)

    def bucket(self, name: str) -> str:
        """A new bucket."""
        self.call("storage.v1", "buckets.insert", project="stile-local", body={"name": name, "location": REGION})
        return name

    def account(self, name: str) -> str:
        """A new service account; its full name."""
        body = {"accountId": name}
        made = self.call("iam.v1", "projects.serviceAccounts.create", name=PROJECT, body=body)
        return str(made["name"])

    def ring(self, name: str) -> str:
        """A new key ring; its full name."""
        rings = "projects.locations.keyRings.create"
        return str(self.call("cloudkms.v1", rings, parent=PLACE, keyRingId=name, body={})["name"])

    def key(self, name: str) -> str:
        """A new key in a new ring; its full name."""
        body = {"purpose": "ENCRYPT_DECRYPT"}
        create = "projects.locations.keyRings.cryptoKeys.create"
        return str(self.call("cloudkms.v1", create, parent=self.ring(name), cryptoKeyId=name, body=body)["name"])

    def repository(self, name: str) -> str:
        """A new repository; its full name."""
        create = "projects.locations.repositories.create"
        body = {"format": "DOCKER"}
        self.call("artifactregistry.v1", create, parent=PLACE, repositoryId=name, body=body)
        return f"{PLACE}/repositories/{name}"

    def topic(self, name: str) -> str:
        """A new topic; its full name."""
        return str(self.call("pubsub.v1", "projects.topics.create", name=f"{PROJECT}/topics/{name}", body={})["name"])

    def secret(self, name: str) -> str:
        """A new secret; its full name."""
        body: dict[str, Any] = {"replication": {"automatic": {}}}
        create = "projects.secrets.create"
        return str(self.call("secretmanager.v1", create, parent=PROJECT, secretId=name, body=body)["name"])

    def service(self, name: str) -> str:
        """A new service of Cloud Run; its full name."""
        body = {"template": {"containers": [{"image": "us-docker.pkg.dev/stile-local/images/hello:1"}]}}
        create = "projects.locations.services.create"
        self.gcp.settled(self.call("run.v2", create, parent=PLACE, serviceId=name, body=body))
        return f"{PLACE}/services/{name}"

    def instance(self, name: str) -> str:
        """A new instance of Cloud SQL; its short name."""
        body = {"name": name, "databaseVersion": "POSTGRES_17", "settings": {"tier": "db-g1-small"}}
        self.call("sqladmin.v1", "instances.insert", project="stile-local", body=body)
        return name

    def leave(self, api: str, of: str, resource: str, role: str, **told: Any) -> None:
        """Take everybody out of a role, in the policy of something."""
        policy = self.call(api, f"{of}.getIamPolicy", resource=resource, **told)
        policy["bindings"] = [each for each in policy.get("bindings", ()) if each["role"] != role]
        self.call(api, f"{of}.setIamPolicy", resource=resource, body={"policy": policy})
