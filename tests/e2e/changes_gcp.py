"""For each resource type on Google Cloud, one change behind the engine's back: a property before a label."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from tests.e2e.vendors import RETRIES

Client = Callable[[str, str], Any]
# A resource of the exported state: its id, its inputs and outputs.
Resource = Mapping[str, Any]
Change = Callable[[Client, Resource], None]


def _done(request: Any) -> Any:
    return request.execute(num_retries=RETRIES)


def _settled(operations: Any, request: Any) -> None:
    """Wait for the operation that a request begins, by asking Google's method for it."""
    operation = _done(request)
    while not operation.get("done"):
        time.sleep(0.1)
        operation = _done(operations.get(name=operation["name"]))
    assert "error" not in operation, operation


@dataclass(frozen=True)
class Member:
    """Takes one account out of one role, in the policy of something.

    Attributes:
        collections: where the API has `getIamPolicy`.
        asked: what a policy with conditions is asked for with.
        subject: how the API names what the policy is of.
        named: that name, by the member's id and outputs.
        wrapped: whether the policy is a field of what is sent.
    """

    service: str
    version: str
    collections: str
    asked: Mapping[str, Any] = field(default_factory=lambda: {"options_requestedPolicyVersion": 3})
    subject: str = "resource"
    named: Callable[[Resource], str] = lambda one: str(one["id"].partition("/roles/")[0])
    wrapped: bool = True

    def __call__(self, client: Client, resource: Resource) -> None:
        api, outputs = client(self.service, self.version), resource["outputs"]
        for collection in self.collections.split("."):
            api = getattr(api, collection)()
        subject = {self.subject: self.named(resource)}
        policy = _done(api.getIamPolicy(**subject, **self.asked))
        (binding,) = (one for one in policy["bindings"] if _is_of(one, outputs))
        binding["members"].remove(outputs["member"])
        policy["bindings"] = [one for one in policy["bindings"] if one["members"]]
        _done(api.setIamPolicy(**subject, body={"policy": policy} if self.wrapped else policy))


def _is_of(binding: Resource, outputs: Resource) -> bool:
    theirs, ours = ((one.get("condition") or {}).get("expression") for one in (binding, outputs))
    return bool(binding["role"] == outputs["role"] and theirs == ours)


def _bucket(client: Client, resource: Resource) -> None:
    _done(client("storage", "v1").buckets().patch(bucket=resource["id"], body={"versioning": {"enabled": False}}))


def _object(client: Client, resource: Resource) -> None:
    outputs = resource["outputs"]
    body = {"sourceObjects": [{"name": outputs["name"]}] * 2, "destination": {"contentType": outputs["contentType"]}}
    objects = client("storage", "v1").objects()
    _done(objects.compose(destinationBucket=outputs["bucket"], destinationObject=outputs["name"], body=body))


def _account(client: Client, resource: Resource) -> None:
    body = {"serviceAccount": {"description": "by hand"}, "updateMask": "description"}
    _done(client("iam", "v1").projects().serviceAccounts().patch(name=resource["id"], body=body))


def _role(client: Client, resource: Resource) -> None:
    body = {"includedPermissions": ["storage.buckets.delete"]}
    roles = client("iam", "v1").projects().roles()
    _done(roles.patch(name=resource["id"], updateMask="includedPermissions", body=body))


def _key(client: Client, resource: Resource) -> None:
    keys = client("cloudkms", "v1").projects().locations().keyRings().cryptoKeys()
    body = {"rotationPeriod": "864000s", "nextRotationTime": "2100-01-01T00:00:00Z"}
    _done(keys.patch(name=resource["id"], updateMask="rotationPeriod,nextRotationTime", body=body))


def _repository(client: Client, resource: Resource) -> None:
    repositories = client("artifactregistry", "v1").projects().locations().repositories()
    _done(repositories.patch(name=resource["id"], updateMask="description", body={"description": "by hand"}))


def _image(client: Client, resource: Resource) -> None:
    uri, _, digest = resource["outputs"]["imageUri"].partition("@")
    _, project, repository, package = uri.split("/")
    locations = client("artifactregistry", "v1").projects().locations()
    (place,) = (
        one["name"]
        for one in _done(locations.repositories().list(parent=f"projects/{project}/locations/us-central1"))[
            "repositories"
        ]
        if one["name"].endswith(f"/{repository}")
    )
    versions = locations.repositories().packages().versions()
    name = f"{place}/packages/{package}/versions/{digest}"
    _settled(locations.operations(), versions.delete(name=name, force=True))


def _api(client: Client, resource: Resource) -> None:
    services = client("serviceusage", "v1").services()
    name = f"projects/{resource['outputs']['project']}/services/{resource['outputs']['service']}"
    _settled(client("serviceusage", "v1").operations(), services.disable(name=name, body={}))


def _channel(client: Client, resource: Resource) -> None:
    channels = client("monitoring", "v3").projects().notificationChannels()
    _done(channels.patch(name=resource["id"], updateMask="displayName", body={"displayName": "by hand"}))


def _alarm(client: Client, resource: Resource) -> None:
    policies = client("monitoring", "v3").projects().alertPolicies()
    conditions = _done(policies.get(name=resource["id"]))["conditions"]
    conditions[0]["conditionThreshold"]["thresholdValue"] += 41
    _done(policies.patch(name=resource["id"], updateMask="conditions", body={"conditions": conditions}))


def _dashboard(client: Client, resource: Resource) -> None:
    boards = client("monitoring", "v1").projects().dashboards()
    live = _done(boards.get(name=resource["id"]))
    _done(boards.patch(name=resource["id"], body={**live, "mosaicLayout": {"columns": 48}}))


def _topic(client: Client, resource: Resource) -> None:
    body = {"topic": {"messageRetentionDuration": "86400s"}, "updateMask": "messageRetentionDuration"}
    _done(client("pubsub", "v1").projects().topics().patch(name=resource["id"], body=body))


def _budget(client: Client, resource: Resource) -> None:
    budgets = client("billingbudgets", "v1").billingAccounts().budgets()
    body = {"amount": {"specifiedAmount": {"currencyCode": "USD", "units": "4141"}}}
    _done(budgets.patch(name=resource["id"], updateMask="amount", body=body))


def _secret(client: Client, resource: Resource) -> None:
    secrets = client("secretmanager", "v1").projects().secrets()
    _done(secrets.patch(name=resource["id"], updateMask="versionDestroyTtl", body={"versionDestroyTtl": "864000s"}))


def _secret_version(client: Client, resource: Resource) -> None:
    _done(client("secretmanager", "v1").projects().secrets().versions().disable(name=resource["id"], body={}))


def _instance(client: Client, resource: Resource) -> None:
    outputs = resource["outputs"]
    body = {"settings": {"tier": "db-custom-2-7680"}}
    _sql(
        client,
        client("sqladmin", "v1").instances().patch(project=outputs["project"], instance=outputs["name"], body=body),
    )


def _database(client: Client, resource: Resource) -> None:
    # PostgreSQL's databases have nothing that Google would change; they can be gone.
    outputs = resource["outputs"]
    databases = client("sqladmin", "v1").databases()
    place = {"project": outputs["project"], "instance": outputs["instance"]}
    _sql(client, databases.delete(**place, database=outputs["name"]))


def _user(client: Client, resource: Resource) -> None:
    # A password is not told: a user can be gone, once it owns nothing.
    outputs = resource["outputs"]
    users = client("sqladmin", "v1").users()
    place = {"project": outputs["project"], "instance": outputs["instance"]}
    _sql(client, users.delete(**place, name=outputs["name"]))


def _sql(client: Client, request: Any) -> None:
    operation = _done(request)
    operations = client("sqladmin", "v1").operations()
    while operation["status"] != "DONE":
        time.sleep(0.1)
        operation = _done(operations.get(project=operation["targetProject"], operation=operation["name"]))
    assert "error" not in operation, operation


def _service(client: Client, resource: Resource) -> None:
    locations = client("run", "v2").projects().locations()
    template = _done(locations.services().get(name=resource["id"]))["template"]
    template["scaling"] = {"maxInstanceCount": 4}
    request = locations.services().patch(name=resource["id"], updateMask="template", body={"template": template})
    _settled(locations.operations(), request)


def _endpoint(client: Client, resource: Resource) -> None:
    endpoints = client("aiplatform", "v1").projects().locations().endpoints()
    _done(endpoints.patch(name=resource["id"], updateMask="description", body={"description": "by hand"}))


def _deployment(client: Client, resource: Resource) -> None:
    locations = client("aiplatform", "v1").projects().locations()
    endpoints = locations.endpoints()
    (deployed,) = _done(endpoints.get(name=resource["id"]))["deployedModels"]
    request = endpoints.undeployModel(endpoint=resource["id"], body={"deployedModelId": deployed["id"]})
    _settled(locations.operations(), request)


# In this order: a service needs its secret to start again, and a user owns nothing once its database is gone.
CHANGES: dict[str, Change] = {
    "gcp:cloudrunv2/service:Service": _service,
    "gcp:storage/bucket:Bucket": _bucket,
    "gcp:storage/bucketObject:BucketObject": _object,
    "gcp:storage/bucketIAMMember:BucketIAMMember": Member(
        "storage",
        "v1",
        "buckets",
        {"optionsRequestedPolicyVersion": 3},
        subject="bucket",
        named=lambda one: str(one["outputs"]["bucket"].removeprefix("b/")),
        wrapped=False,
    ),
    "gcp:serviceaccount/account:Account": _account,
    "gcp:serviceaccount/iAMMember:IAMMember": Member("iam", "v1", "projects.serviceAccounts"),
    "gcp:projects/iAMCustomRole:IAMCustomRole": _role,
    "gcp:projects/iAMMember:IAMMember": Member(
        "cloudresourcemanager",
        "v1",
        "projects",
        {"body": {"options": {"requestedPolicyVersion": 3}}},
        named=lambda one: str(one["outputs"]["project"]),
    ),
    "gcp:projects/service:Service": _api,
    "gcp:kms/cryptoKey:CryptoKey": _key,
    "gcp:kms/cryptoKeyIAMMember:CryptoKeyIAMMember": Member("cloudkms", "v1", "projects.locations.keyRings.cryptoKeys"),
    "gcp:artifactregistry/repository:Repository": _repository,
    "gcp:artifactregistry/repositoryIamMember:RepositoryIamMember": Member(
        "artifactregistry", "v1", "projects.locations.repositories"
    ),
    "gcp:monitoring/alertPolicy:AlertPolicy": _alarm,
    "gcp:monitoring/dashboard:Dashboard": _dashboard,
    "gcp:monitoring/notificationChannel:NotificationChannel": _channel,
    "gcp:pubsub/topic:Topic": _topic,
    "gcp:pubsub/topicIAMMember:TopicIAMMember": Member("pubsub", "v1", "projects.topics"),
    "gcp:billing/budget:Budget": _budget,
    "gcp:secretmanager/secret:Secret": _secret,
    "gcp:secretmanager/secretIamMember:SecretIamMember": Member("secretmanager", "v1", "projects.secrets"),
    "gcp:secretmanager/secretVersion:SecretVersion": _secret_version,
    "gcp:cloudrunv2/serviceIamMember:ServiceIamMember": Member("run", "v2", "projects.locations.services"),
    "gcp:sql/databaseInstance:DatabaseInstance": _instance,
    "gcp:sql/database:Database": _database,
    "gcp:sql/user:User": _user,
    "gcp:vertex/aiEndpoint:AiEndpoint": _endpoint,
    "stile:endpoint:EndpointDeployment": _deployment,
    "stile:images:Image": _image,
}
# No change of another resource is one of these.
FOLLOWS: dict[str, str] = {}
# Others need it to come back.
ALONE = {"stile:images:Image"}
# Nothing that anybody could change.
FIXED = {
    "gcp:kms/keyRing:KeyRing": "a key ring has no field to change, and stays as long as it holds a key",
    "stile:tracking:Password": "it is in the state alone",
}
