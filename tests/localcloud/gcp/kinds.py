"""One case per kind of resource with generic behaviour: how Google's client makes it, and what of it changes."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from tests.localcloud.gcp.serving import PLACE, PROJECT

THRESHOLD = {
    "filter": 'metric.type="custom.googleapis.com/errors" AND resource.type="global"',
    "comparison": "COMPARISON_GT",
    "thresholdValue": 5,
    "duration": "60s",
    "aggregations": [{"alignmentPeriod": "60s", "perSeriesAligner": "ALIGN_MEAN"}],
}
POLICY = {
    "displayName": "errors",
    "combiner": "OR",
    "conditions": [{"displayName": "many", "conditionThreshold": THRESHOLD}],
}
CONTAINER = {"image": "us-central1-docker.pkg.dev/stile-local/images/hello:1"}


@dataclass(frozen=True)
class Kind:
    """How one kind is used.

    Attributes:
        service, version: the API.
        path: the client's attributes that lead to the collection.
        parent: the parent's name, and the parameter in which it goes.
        body: a valid resource; `{id}` in texts is replaced by the id.
        id_parameter: the create request's parameter with the id; None where server or body has it.
        change: what an update sends, and its mask.
        name_parameter: the parameter in which the resource's name goes.
        wrapped: the field of requests in which the resource is.
        is_named_by_client: whether a second create with the same request is ALREADY_EXISTS.
        verbs: those that it has.
    """

    service: str
    version: str
    path: str
    parent: tuple[str, str]
    body: Mapping[str, Any]
    id_parameter: str | None = None
    change: Mapping[str, Any] = field(default_factory=dict)
    name_parameter: str = "name"
    wrapped: str | None = None
    is_named_by_client: bool = True
    verbs: frozenset[str] = frozenset({"create", "get", "list", "patch", "delete"})

    @property
    def title(self) -> str:
        """Names the case."""
        return f"{self.service}-{self.path.rpartition('.')[2]}"


LABELS = {"labels": {"tier": "silver"}}
KINDS = (
    Kind("cloudkms", "v1", "projects.locations.keyRings", ("parent", PLACE), {}, "keyRingId",
         verbs=frozenset({"create", "get", "list"})),
    Kind("iam", "v1", "projects.serviceAccounts", ("name", PROJECT), {"displayName": "one"},
         change={"displayName": "two"}, wrapped="serviceAccount"),
    Kind("iam", "v1", "projects.roles", ("parent", PROJECT), {"title": "one", "includedPermissions": ["run.jobs.run"]},
         change={"title": "two"}, wrapped="role", verbs=frozenset({"create", "get", "list", "patch"})),
    Kind("artifactregistry", "v1", "projects.locations.repositories", ("parent", PLACE), {"format": "DOCKER"},
         "repositoryId", LABELS),
    Kind("secretmanager", "v1", "projects.secrets", ("parent", PROJECT), {"replication": {"automatic": {}}}, "secretId",
         LABELS),
    Kind("pubsub", "v1", "projects.topics", ("name", PROJECT + "/topics/{id}"), {}, change=LABELS,
         name_parameter="topic", wrapped="topic"),
    Kind("pubsub", "v1", "projects.subscriptions", ("name", PROJECT + "/subscriptions/{id}"),
         {"topic": f"{PROJECT}/topics/shared"}, change=LABELS, name_parameter="subscription", wrapped="subscription"),
    Kind("cloudscheduler", "v1", "projects.locations.jobs", ("parent", PLACE),
         {"name": PLACE + "/jobs/{id}", "schedule": "0 3 * * *",
          "pubsubTarget": {"topicName": f"{PROJECT}/topics/shared", "data": "aGk="}}, change={"description": "second"}),
    Kind("monitoring", "v3", "projects.notificationChannels", ("name", PROJECT),
         {"type": "email", "labels": {"email_address": "a@example.com"}}, change={"displayName": "second"},
         is_named_by_client=False),
    Kind("monitoring", "v3", "projects.alertPolicies", ("name", PROJECT), POLICY, change={"displayName": "second"},
         is_named_by_client=False),
    Kind("monitoring", "v1", "projects.dashboards", ("parent", PROJECT), {"displayName": "one", "mosaicLayout": {}},
         change={"displayName": "two", "mosaicLayout": {}}, is_named_by_client=False),
    Kind("billingbudgets", "v1", "billingAccounts.budgets", ("parent", "billingAccounts/012345-567890-ABCDEF"),
         {"displayName": "one", "amount": {"specifiedAmount": {"units": "100", "currencyCode": "USD"}}},
         change={"displayName": "two"}, is_named_by_client=False),
    Kind("run", "v2", "projects.locations.services", ("parent", PLACE), {"template": {"containers": [CONTAINER]}},
         "serviceId", {"labels": {"tier": "silver"}, "template": {"containers": [CONTAINER]}}),
    Kind("aiplatform", "v1", "projects.locations.endpoints", ("parent", PLACE), {"displayName": "one"}, "endpointId",
         LABELS),
    Kind("aiplatform", "v1", "projects.locations.metadataStores", ("parent", PLACE), {"description": "one"},
         "metadataStoreId", verbs=frozenset({"create", "get", "list", "delete"})),
    Kind("aiplatform", "v1", "projects.locations.tensorboards", ("parent", PLACE), {"displayName": "one"},
         change=LABELS, is_named_by_client=False),
)  # fmt: skip
