"""IAM of Google Cloud: accounts, roles, and a member of each kind of policy."""

from collections.abc import Callable

from tests.conformance.provider_cases import Args, Case
from tests.conformance.provider_cases.google import GoogleWorld

TOKENS = (
    "gcp:serviceaccount/account:Account",
    "gcp:projects/iAMCustomRole:IAMCustomRole",
    "gcp:projects/iAMMember:IAMMember",
    "gcp:serviceaccount/iAMMember:IAMMember",
    "gcp:kms/cryptoKeyIAMMember:CryptoKeyIAMMember",
    "gcp:artifactregistry/repositoryIamMember:RepositoryIamMember",
    "gcp:pubsub/topicIAMMember:TopicIAMMember",
    "gcp:secretmanager/secretIamMember:SecretIamMember",
    "gcp:cloudrunv2/serviceIamMember:ServiceIamMember",
    "gcp:storage/bucketIAMMember:BucketIAMMember",
)
MEMBER, OTHER = "user:somebody@example.com", "user:somebody-else@example.com"


def cases(world: GoogleWorld) -> list[Case]:
    account, role, project, *others, bucket = TOKENS
    services = ("iam.v1", "cloudkms.v1", "artifactregistry.v1", "pubsub.v1", "secretmanager.v1", "run.v2")
    return [
        Case(
            account,
            args={"accountId": "case-account", "displayName": "first", "description": "one"},
            change={"displayName": "second", "disabled": True},
            replace={"accountId": "case-account-2"},
            drift=lambda world, out: world.call(
                "iam.v1",
                "projects.serviceAccounts.patch",
                name=out["name"],
                body={"serviceAccount": {"description": "by hand"}, "updateMask": "description"},
            ),
            drifts="description",
        ),
        Case(
            role,
            args={"roleId": "case_role", "title": "case", "permissions": ["storage.buckets.get"]},
            change={"permissions": ["storage.buckets.list", "storage.buckets.get"], "description": "two"},
            replace={"roleId": "case_role_2"},
            drift=lambda world, out: world.call(
                "iam.v1", "projects.roles.patch", name=out["name"], updateMask="title", body={"title": "by hand"}
            ),
            drifts="title",
            stays="Google keeps a deleted role for a week",
        ),
        _member(project, "projects", {"project": "stile-local"}, "roles/viewer", "cloudresourcemanager.v1"),
        *(_member(*row, services[number]) for number, row in enumerate(_of(world, others))),
        Case(
            bucket,
            args={"bucket": world.bucket("case-members"), "role": "roles/storage.objectViewer", "member": MEMBER},
            change={},
            replace={"member": OTHER},
            drift=_leave_bucket,
            drifts="",
            import_as=_spelt("bucket"),
        ),
    ]


def _of(world: GoogleWorld, tokens: tuple[str, ...] | list[str]) -> list[tuple[str, str, Args, str]]:
    """Return each kind of policy but the project's and the buckets': its methods, the arguments, a role."""
    account, key, repository, topic, secret, service = tokens
    place = "projects.locations"
    return [
        (account, "projects.serviceAccounts", {"serviceAccountId": world.account("case-members")}, "roles/viewer"),
        (key, f"{place}.keyRings.cryptoKeys", {"cryptoKeyId": world.key("case-members")}, "roles/viewer"),
        (repository, f"{place}.repositories", {"repository": world.repository("case-members")}, "roles/viewer"),
        (topic, "projects.topics", {"topic": world.topic("case-members")}, "roles/pubsub.publisher"),
        (secret, "projects.secrets", {"secretId": world.secret("case-members")}, "roles/viewer"),
        (service, f"{place}.services", {"name": world.service("case-members")}, "roles/run.invoker"),
    ]


def _member(token: str, of: str, subject: Args, role: str, api: str) -> Case:
    (named,) = subject
    condition = {"title": "until-then", "expression": 'request.time < timestamp("2100-01-01T00:00:00Z")'}
    return Case(
        token,
        args={**subject, "role": role, "member": MEMBER, "condition": condition},
        change={},
        replace={"member": OTHER},
        drift=lambda world, out: world.leave(api, of, out[named], role),
        drifts="",
        import_as=_spelt(named),
    )


def _spelt(named: str) -> Callable[[str, Args], str]:
    """Return how a member is imported: `<resource> <role> <member> [<title>]`."""

    def spelt(_: str, out: Args) -> str:
        title = (out.get("condition") or {}).get("title")
        return " ".join(filter(None, [out[named], out["role"], out["member"], title]))

    return spelt


def _leave_bucket(world: GoogleWorld, out: Args) -> None:
    world.call("storage.v1", "buckets.setIamPolicy", bucket=out["bucket"].removeprefix("b/"), body={"bindings": []})
