"""What Google Cloud would answer to a program under mocks: ids, names and addresses, by type."""

from collections.abc import Callable, Mapping
from typing import Any

PROJECT, LOCATION = "our-project", "us-central1"

Inputs = Mapping[str, Any]

# Ids of the properties that are in them, where a program uses them.
IDS = {
    "gcp:artifactregistry/repository:Repository": "projects/{project}/locations/{location}/repositories/{repositoryId}",
    "gcp:cloudrunv2/service:Service": "projects/{project}/locations/{location}/services/{name}",
    "gcp:kms/cryptoKey:CryptoKey": "{keyRing}/cryptoKeys/{name}",
    "gcp:kms/keyRing:KeyRing": "projects/{project}/locations/{location}/keyRings/{name}",
    "gcp:pubsub/topic:Topic": "projects/{project}/topics/{name}",
    "gcp:secretmanager/secret:Secret": "projects/{project}/secrets/{secretId}",
    "gcp:vertex/aiEndpoint:AiEndpoint": "projects/{project}/locations/{location}/endpoints/{name}",
}


def _account(state: Inputs) -> dict[str, Any]:
    email = f"{state['accountId']}@{PROJECT}.iam.gserviceaccount.com"
    return {"email": email, "member": f"serviceAccount:{email}"}


def _deployment(state: Inputs) -> dict[str, Any]:
    models = {each["id"]: each["model"] for each in state["deployedModels"]}
    return {"live": models, "liveSplit": state["trafficSplit"], "reached": "done"}


COMPUTED: Mapping[str, Callable[[Inputs], dict[str, Any]]] = {
    "gcp:artifactregistry/repository:Repository": lambda state: {
        "registryUri": f"{LOCATION}-docker.pkg.dev/{PROJECT}/{state['repositoryId']}"
    },
    "gcp:cloudrunv2/service:Service": lambda state: {"uri": f"https://{state['name']}-abc.a.run.app"},
    "gcp:monitoring/alertPolicy:AlertPolicy": lambda state: {
        "name": f"projects/{PROJECT}/alertPolicies/{state['displayName']}"
    },
    "gcp:monitoring/notificationChannel:NotificationChannel": lambda state: {
        "name": f"projects/{PROJECT}/notificationChannels/{state['displayName']}"
    },
    "gcp:projects/iAMCustomRole:IAMCustomRole": lambda state: {"name": f"projects/{PROJECT}/roles/{state['roleId']}"},
    "gcp:serviceaccount/account:Account": _account,
    "gcp:sql/databaseInstance:DatabaseInstance": lambda state: {
        "connectionName": f"{PROJECT}:{LOCATION}:{state['name']}"
    },
    "stile:endpoint:EndpointDeployment": _deployment,
    "stile:tracking:Password": lambda _state: {"password": "not-a-secret"},
}
