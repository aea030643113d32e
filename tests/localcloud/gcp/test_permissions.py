"""The gate: a service account may do what the policies of a resource, of what it is in, or of the project allow it."""

import itertools
import json
from dataclasses import dataclass
from typing import Any

import pytest

from infra.localcloud.gcp.permissions.audit import FILE
from infra.localcloud.gcp.permissions.conditions import Asked, ConditionError, met
from infra.localcloud.gcp.permissions.demands import permission_of
from infra.localcloud.gcp.permissions.gate import holders
from infra.localcloud.gcp.routes import Routes
from tests.localcloud.gcp.cloud import google_refusal
from tests.localcloud.gcp.serving import PLACE, PROJECT, Served

_COUNT = itertools.count()
OBJECT = Asked("projects/_/buckets/b/objects/runs/7/train/model", "storage.googleapis.com/Object")
LISTING = Asked("projects/_/buckets/b", attributes={"storage.googleapis.com/objectListPrefix": "runs/7/"})
PREFIX = 'api.getAttribute("storage.googleapis.com/objectListPrefix", "")'


@dataclass
class Account:
    """A service account with a token of its own.

    Attributes:
        member: as policies name it.
        token: what it sends.
    """

    gcp: Served
    email: str
    token: str

    @property
    def member(self) -> str:
        """As policies name it."""
        return f"serviceAccount:{self.email}"

    def client(self, service: str, version: str = "v1") -> Any:
        """Return a client that acts as the account."""
        return self.gcp.client(service, version, self.token)


@pytest.fixture
def account(gcp: Served) -> Account:
    body = {"accountId": f"account-{next(_COUNT)}", "serviceAccount": {}}
    accounts = gcp.client("iam", "v1").projects().serviceAccounts()
    email = accounts.create(name=PROJECT, body=body).execute()["email"]
    return Account(gcp, email, gcp.cloud.tokens.issue(email))


def allow(gcp: Served, account: Account, role: str, expression: str | None = None) -> None:
    """Give an account a role in the whole project, beside those that were given before."""
    projects = gcp.client("cloudresourcemanager", "v1").projects()
    policy = projects.getIamPolicy(resource="stile-local", body={}).execute()
    limits = {"condition": {"title": "t", "expression": expression}} if expression else {}
    binding = {"role": role, "members": [account.member], **limits}
    body = {"policy": {**policy, "version": 3, "bindings": [*policy.get("bindings", []), binding]}}
    projects.setIamPolicy(resource="stile-local", body=body).execute()


def test_without_a_role_nothing_is_allowed_and_the_refusal_names_what_lacks(gcp: Served, account: Account) -> None:
    """Protects: a missing permission is PERMISSION_DENIED with its name, and is recorded; people may do all."""
    topics = account.client("pubsub").projects().topics()
    name = f"{PROJECT}/topics/guarded"
    with google_refusal(403, "PERMISSION_DENIED", "pubsub.topics.create", name):
        topics.create(name=name, body={}).execute()
    gcp.client("pubsub", "v1").projects().topics().create(name=name, body={}).execute()
    with google_refusal(403, "PERMISSION_DENIED", "pubsub.topics.get"):
        topics.get(topic=name).execute()
    lines = [json.loads(line) for line in (gcp.cloud.home / FILE).read_text().splitlines()]
    assert [(line["action"], line["allowed"]) for line in lines if line["role"] == account.email] == [
        ("pubsub.topics.create", False),
        ("pubsub.topics.get", False),
    ]


def test_a_role_on_one_resource_covers_it_alone(gcp: Served, account: Account) -> None:
    """Protects: least privilege: publishing to one topic is neither reading it nor publishing to another."""
    mine, topics = gcp.client("pubsub", "v1").projects().topics(), account.client("pubsub").projects().topics()
    names = [f"{PROJECT}/topics/{kind}-{next(_COUNT)}" for kind in ("granted", "other")]
    for name in names:
        mine.create(name=name, body={}).execute()
    policy = {"bindings": [{"role": "roles/pubsub.publisher", "members": [account.member]}]}
    mine.setIamPolicy(resource=names[0], body={"policy": policy}).execute()
    body = {"messages": [{"data": "aGk="}]}
    assert topics.publish(topic=names[0], body=body).execute()["messageIds"]
    for call in (topics.publish(topic=names[1], body=body), topics.get(topic=names[0])):
        with google_refusal(403, "PERMISSION_DENIED"):
            call.execute()
    asked = {"permissions": ["pubsub.topics.publish", "pubsub.topics.get"]}
    assert topics.testIamPermissions(resource=names[0], body=asked).execute() == {
        "permissions": asked["permissions"][:1]
    }
    assert mine.testIamPermissions(resource=names[0], body=asked).execute() == asked


def test_a_custom_role_holds_what_it_names_until_it_is_deleted(gcp: Served, account: Account) -> None:
    """Protects: roles of one's own, as pipelines have them, with no more than they name."""
    roles = gcp.client("iam", "v1").projects().roles()
    role = {"title": "logs", "includedPermissions": ["logging.logEntries.create"]}
    name = roles.create(parent=PROJECT, body={"roleId": f"own_{next(_COUNT)}", "role": role}).execute()["name"]
    allow(gcp, account, name)
    entries = account.client("logging", "v2").entries()
    body = {"logName": f"{PROJECT}/logs/own", "resource": {"type": "global"}, "entries": [{"textPayload": "hi"}]}
    entries.write(body=body).execute()
    with google_refusal(403, "PERMISSION_DENIED", "logging.logEntries.list"):
        entries.list(body={"resourceNames": [PROJECT]}).execute()
    roles.delete(name=name).execute()
    with google_refusal(403, "PERMISSION_DENIED", "logging.logEntries.create"):
        entries.write(body=body).execute()


def test_handing_an_account_to_a_service_needs_that_it_may_be_handed(gcp: Served, account: Account) -> None:
    """Protects: iam.serviceAccounts.actAs on the very account that a service is to run as."""
    allow(gcp, account, "roles/run.developer")
    services = account.client("run", "v2").projects().locations().services()
    template = {"serviceAccount": account.email, "containers": [{"image": "somewhere/image"}]}
    asked = {"parent": PLACE, "serviceId": f"service-{next(_COUNT)}", "body": {"template": template}}
    with google_refusal(403, "PERMISSION_DENIED", "iam.serviceAccounts.actAs", account.email):
        services.create(**asked).execute()
    accounts = gcp.client("iam", "v1").projects().serviceAccounts()
    policy = {"bindings": [{"role": "roles/iam.serviceAccountUser", "members": [account.member]}]}
    accounts.setIamPolicy(resource=f"projects/-/serviceAccounts/{account.email}", body={"policy": policy}).execute()
    assert "/operations/" in services.create(**asked).execute()["name"]


def test_objects_are_covered_by_the_conditions_of_their_buckets_policy(gcp: Served, account: Account) -> None:
    """Protects: each role reads and lists its own folders only, as the storage stage grants it."""
    mine, storage = gcp.client("storage", "v1"), account.client("storage")
    bucket = f"conditions-{next(_COUNT)}"
    uniform = {"uniformBucketLevelAccess": {"enabled": True}}
    mine.buckets().insert(project="stile-local", body={"name": bucket, "iamConfiguration": uniform}).execute()
    for name in ("raw/a", "runs/b"):
        gcp.http.post(f"/upload/storage/v1/b/{bucket}/o", params={"uploadType": "media", "name": name}, content=b"x")
    begins = f'resource.name.startsWith("projects/_/buckets/{bucket}/objects/raw/")'
    expression = f'{begins} || {PREFIX}.startsWith("raw/")'
    binding = {
        "role": "roles/storage.objectViewer",
        "members": [account.member],
        "condition": {"title": "raw", "expression": expression},
    }
    policy = mine.buckets().getIamPolicy(bucket=bucket).execute()
    body = {**policy, "version": 3, "bindings": [*policy["bindings"], binding]}
    mine.buckets().setIamPolicy(bucket=bucket, body=body).execute()
    assert storage.objects().get(bucket=bucket, object="raw/a").execute()["name"] == "raw/a"
    assert len(storage.objects().list(bucket=bucket, prefix="raw/").execute()["items"]) == 1
    for call in (
        storage.objects().get(bucket=bucket, object="runs/b"),
        storage.objects().list(bucket=bucket),
        storage.objects().list(bucket=bucket, prefix="runs/"),
        storage.objects().delete(bucket=bucket, object="raw/a"),
    ):
        with pytest.raises(Exception, match="403"):
            call.execute()


def test_googles_agents_need_to_be_given_keys(gcp: Served) -> None:
    """Protects: a bucket under a key that Cloud Storage itself may not use is refused, as with Google."""
    name = f"ring-{next(_COUNT)}"
    keys = gcp.client("cloudkms", "v1").projects().locations().keyRings()
    keys.create(parent=PLACE, keyRingId=name, body={}).execute()
    key = f"{PLACE}/keyRings/{name}/cryptoKeys/key"
    keys.cryptoKeys().create(
        parent=f"{PLACE}/keyRings/{name}", cryptoKeyId="key", body={"purpose": "ENCRYPT_DECRYPT"}
    ).execute()
    buckets = gcp.client("storage", "v1").buckets()
    body = {"name": f"encrypted-{next(_COUNT)}", "encryption": {"defaultKmsKeyName": key}}
    with pytest.raises(Exception, match="403"):
        buckets.insert(project="stile-local", body=body).execute()
    agent = "serviceAccount:service-100000000000@gs-project-accounts.iam.gserviceaccount.com"
    policy = {"bindings": [{"role": "roles/cloudkms.cryptoKeyEncrypterDecrypter", "members": [agent]}]}
    keys.cryptoKeys().setIamPolicy(resource=key, body={"policy": policy}).execute()
    assert buckets.insert(project="stile-local", body=body).execute()["name"] == body["name"]


@pytest.mark.parametrize(
    ("expression", "asked", "holds"),
    [
        ("true", OBJECT, True),
        ('resource.name.startsWith("projects/_/buckets/b/objects/runs/")', OBJECT, True),
        ('resource.name.startsWith("projects/_/buckets/b/objects/raw/")', OBJECT, False),
        ('resource.name.extract("/objects/runs/{any}/train/") != ""', OBJECT, True),
        ('resource.name.extract("/objects/runs/{any}/govern/") != ""', OBJECT, False),
        ('resource.name.extract("/objects/{rest}") == "runs/7/train/model"', OBJECT, True),
        (f'{PREFIX}.startsWith("runs/")', LISTING, True),
        (f'{PREFIX}.startsWith("runs/")', OBJECT, False),
        ('resource.type == "storage.googleapis.com/Object" && !resource.name.endsWith("x")', OBJECT, True),
        ('resource.type != "storage.googleapis.com/Object" || (false || true)', OBJECT, True),
        ("resource.name.contains('/train/')", OBJECT, True),
        ('resource.name.matches("objects/runs/[0-9]+/")', OBJECT, True),
    ],
)
def test_conditions_are_judged(expression: str, asked: Asked, holds: bool) -> None:
    """Protects: the forms of conditions that the stack's policies have, and their opposites."""
    assert met(expression, asked) is holds


@pytest.mark.parametrize(
    "expression",
    [
        "",
        "request.time < timestamp('2026-01-01T00:00:00Z')",
        'resource.name.size("x")',
        "true &&",
        "true true",
        'resource.name.startsWith("a", "b")',
        'resource.name.extract("no place")',
        "request.path",
    ],
)
def test_a_condition_that_is_not_understood_is_an_error(expression: str) -> None:
    """Protects: what cannot be judged is never taken as met."""
    with pytest.raises(ConditionError):
        met(expression, OBJECT)


def test_what_methods_need() -> None:
    """Protects: permissions have Google's names."""
    routes = Routes()
    wanted = {
        "aiplatform.projects.locations.customJobs.create": "aiplatform.customJobs.create",
        "aiplatform.projects.locations.models.patch": "aiplatform.models.update",
        "aiplatform.projects.locations.endpoints.deployModel": "aiplatform.endpoints.deploy",
        "secretmanager.projects.secrets.versions.access": "secretmanager.versions.access",
        "cloudkms.projects.locations.keyRings.cryptoKeys.encrypt": "cloudkms.cryptoKeyVersions.useToEncrypt",
        "logging.entries.write": "logging.logEntries.create",
        "iamcredentials.projects.serviceAccounts.generateAccessToken": "iam.serviceAccounts.getAccessToken",
        "pubsub.projects.topics.publish": "pubsub.topics.publish",
        "aiplatform.projects.locations.operations.get": "",
    }
    assert {method: permission_of(routes.method(method)) for method in wanted} == wanted
    project = routes.method("cloudresourcemanager.projects.getIamPolicy", "cloudresourcemanager.v3")
    assert permission_of(project) == "resourcemanager.projects.getIamPolicy"
    key = "//cloudkms.googleapis.com/projects/p/locations/l/keyRings/r/cryptoKeys/k"
    assert list(holders(key)) == [key, key.rpartition("/cryptoKeys")[0], key.partition("/keyRings")[0]]
