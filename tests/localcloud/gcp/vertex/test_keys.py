"""Customer-managed keys: Vertex AI uses one only while its service agent may, as Google refuses it otherwise."""

from typing import Any

from tests.localcloud.gcp.cloud import PLACE
from tests.localcloud.gcp.vertex.ground import Ground
from tests.localcloud.gcp.vertex.test_endpoint_rules import Api

AGENT = "serviceAccount:service-100000000000@gcp-sa-aiplatform.iam.gserviceaccount.com"
ROLE = "roles/cloudkms.cryptoKeyEncrypterDecrypter"


def new_key(vertex: Ground) -> str:
    """Make a key and return its name."""
    rings = vertex.gcp.client("cloudkms", "v1").projects().locations().keyRings()
    ring = rings.create(parent=PLACE, keyRingId=vertex.gcp.name("ring"), body={}).execute()["name"]
    body = {"purpose": "ENCRYPT_DECRYPT"}
    name: str = rings.cryptoKeys().create(parent=ring, cryptoKeyId="key", body=body).execute()["name"]
    return name


def test_a_key_needs_a_grant_to_the_service_agent(vertex: Ground, server_image: str) -> None:
    """Protects: without the grant nothing is made, with it an endpoint and a model of the same key serve."""
    api, key = Api(vertex, server_image), new_key(vertex)
    spec: dict[str, Any] = {"encryptionSpec": {"kmsKeyName": key}}
    pool = {"machineSpec": {"machineType": "n1-standard-4"}, "containerSpec": {"imageUri": server_image}}
    job: dict[str, Any] = {"jobSpec": {"workerPoolSpecs": [pool]}}
    with api.http:
        for kind, body in (("endpoints", {}), ("customJobs", job), ("tensorboards", {})):
            error = api.ask("POST", f"{PLACE}/{kind}", {"displayName": "x", **body, **spec}, refused=403)
            assert (error["status"], AGENT.partition(":")[2] in error["message"]) == ("PERMISSION_DENIED", True)
        policy = {"bindings": [{"role": ROLE, "members": [AGENT]}]}
        api.ask("POST", f"{key}:setIamPolicy", {"policy": policy})
        endpoint = api.ask("POST", f"{PLACE}/endpoints", {"displayName": "x", **spec})["response"]["name"]
        plain = api.model("plain")
        assert "must have the same key" in api.deploy(endpoint, plain, "1", {"0": 100}, refused=400)["message"]
        container = {"imageUri": server_image}
        model = {"displayName": "x", "containerSpec": container, "artifactUri": vertex.model("keyed"), **spec}
        keyed = api.ask("POST", f"{PLACE}/models:upload", {"model": model})["response"]["model"]
        api.deploy(endpoint, keyed, "1", {"0": 100})
        assert api.predict(endpoint, 1)["predictions"][0]["word"] == "keyed"
        api.remove(endpoint, "1")


def test_a_key_must_exist_where_the_resource_is(vertex: Ground) -> None:
    """Protects: a key that is not there, or in another region, is told with its name."""
    api, key = Api(vertex, ""), new_key(vertex)
    with api.http:
        for wrong in (f"{key}-none", key):
            place = PLACE if wrong != key else PLACE.replace("us-central1", "europe-west4")
            body = {"displayName": "x", "encryptionSpec": {"kmsKeyName": wrong}}
            assert wrong in api.ask("POST", f"{place}/endpoints", body, refused=400)["message"]
