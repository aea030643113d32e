"""Finds in Google Cloud what an interrupted create may have made: by its name, or in a list by what it is called."""

import json
from collections.abc import Collection, Mapping
from typing import Any

from infra.clouds.gcp_calls import Google
from infra.engine.lookups import Inputs, UnknowableError
from infra.engine.session import Session
from infra.providers.gcp import tables
from infra.providers.gcp.calls import placed
from infra.providers.gcp.cloud import ask
from infra.providers.gcp.members import has, named
from infra.providers.kit.reading import Reader, fill, parse_id
from infra.providers.kit.resource import CallFailed, PluginError
from infra.providers.kit.shapes import search

# Types whose ids the cloud makes up: the list that they are in, its rows, and the members that tell ours.
LISTED = {
    "gcp:billing/budget:Budget": ("billingAccounts/{billingAccount}", "budgets", ("displayName",)),
    "gcp:monitoring/alertPolicy:AlertPolicy": ("projects/{project}", "alertPolicies", ("displayName",)),
    "gcp:monitoring/dashboard:Dashboard": ("projects/{project}", "dashboards", ("displayName",)),
    "gcp:monitoring/notificationChannel:NotificationChannel": (
        "projects/{project}",
        "notificationChannels",
        ("displayName", "type", "labels"),
    ),
    "gcp:secretmanager/secretVersion:SecretVersion": ("{secret}", "versions", ()),
    "gcp:vertex/aiTensorboard:AiTensorboard": (
        "projects/{project}/locations/{region}",
        "tensorboards",
        ("displayName",),
    ),
}
ACCOUNT = "gcp:serviceaccount/account:Account"
DEPLOYMENT = "stile:endpoint:EndpointDeployment"
DASHBOARD = "gcp:monitoring/dashboard:Dashboard"
ROLE = "gcp:projects/iAMCustomRole:IAMCustomRole"
# Where the vendor says how a resource is, the states that end by themselves, and those in which it is of no use.
# source: run.v2 GoogleCloudRunV2Condition; sqladmin.v1 DatabaseInstance
STATES = {
    "gcp:cloudrunv2/service:Service": (
        "terminalCondition.state",
        {"CONDITION_PENDING", "CONDITION_RECONCILING"},
        {"CONDITION_FAILED"},
    ),
    "gcp:sql/databaseInstance:DatabaseInstance": ("state", {"PENDING_CREATE", "MAINTENANCE"}, {"FAILED"}),
}


class GoogleLookups:
    """Asks the project of an environment; methods raise PluginError when it refuses or does not answer."""

    def __init__(self, session: Session) -> None:
        self._google = Google(session.own_variables())

    def find(self, token: str, inputs: Inputs, taken: Collection[str] = ()) -> str | None:
        """Return the id of the resource that was to be made of these inputs; None if the cloud has none.

        Args:
            token: the resource's type.
            inputs: as the plugin checked them, with the name that it made.
            taken: ids that are other resources'.

        Raises:
            UnknowableError: nothing gives its id.
        """
        if token == DEPLOYMENT and "endpoint" in inputs:
            return self._deployment(str(inputs["endpoint"]))
        try:
            table = tables.find(token)
        except PluginError as error:
            raise UnknowableError(token) from error
        try:
            known = self._known(table, inputs)
        except KeyError as error:
            raise UnknowableError(token) from error
        if token in LISTED:
            return self._listed(table, known, taken)
        document = _ProjectReader(table, self).read(known, first_only=True)
        return str(known["id"]) if document is not None and _is_there(table, document, known) else None

    def _known(self, table: tables.Type, inputs: Inputs) -> dict[str, Any]:
        """Return what the inputs say of a resource, with its id if they give it. Raises KeyError if they do not."""
        place = {"project": self._google.project, "location": self._google.region, "region": self._google.region}
        known = {**{name: value for name, value in place.items() if name in table.fields}, **inputs}
        if table.token == ACCOUNT:
            known["email"] = f"{inputs['accountId']}@{known['project']}.iam.gserviceaccount.com"
        if table.token == DASHBOARD:
            known["displayName"] = json.loads(inputs["dashboardJson"]).get("displayName")
        if table.subject:
            return named(table, known)
        return known if table.token in LISTED else {**known, "id": fill(table.id, known)}

    def passing(self, token: str, identity: str) -> str:
        """Return the state in which a resource is for the time being; empty if it is settled."""
        if token == DEPLOYMENT:
            return "Deploying" if self._is_deploying(identity) else ""
        state, (passing, _) = self._state(token, identity)
        return state if state in passing else ""

    def failed(self, token: str, identity: str) -> str:
        """Return the state in which a settled resource is of no use; empty if it is well."""
        state, (_, failed) = self._state(token, identity)
        return state if state in failed else ""

    def ask(self, service: str, operation: str, args: Mapping[str, Any]) -> Any:
        """Call a method by the vendor's name."""
        given, body = placed(service, operation, args)
        name, _, version = service.partition(".")
        return ask(self._google.client(name, version), operation, given if body is None else {**given, "body": body})

    def _deployment(self, endpoint: str) -> str | None:
        """Find the deployment to an endpoint: it has a model, or gets one; its id is the endpoint's."""
        serves = self._found("projects.locations.endpoints.get", endpoint)
        is_used = bool(serves.get("deployedModels")) or self._is_deploying(endpoint)
        return endpoint if is_used else None

    def _is_deploying(self, endpoint: str) -> bool:
        found = self._found("projects.locations.endpoints.operations.list", endpoint)
        return any(not operation.get("done") for operation in found.get("operations", ()))

    def _found(self, operation: str, endpoint: str) -> Mapping[str, Any]:
        """Return what Vertex AI says of an endpoint; nothing where there is none."""
        try:
            found: Mapping[str, Any] = self.ask("aiplatform.v1", operation, {"name": endpoint})
        except CallFailed as error:
            if not error.means(("404",)):
                raise
            return {}
        return found

    def _listed(self, table: tables.Type, known: Inputs, taken: Collection[str]) -> str | None:
        """Find the newest that is called so and is nobody's."""
        place, rows, told = LISTED[table.token]
        method = table.reads[0].operation.rpartition(".")[0] + ".list"
        holder = "name" if table.service == "monitoring.v3" else "parent"
        found = self.ask(table.service, method, {holder: place.format_map(known)}).get(rows, ())
        ours = [
            row for row in found if row["name"] not in taken and all(row.get(key) == known.get(key) for key in told)
        ]
        ours = [row for row in ours if _is_there(table, row, known)]
        return max(ours, key=lambda row: str(row.get("createTime", "")))["name"] if ours else None

    def _state(self, token: str, identity: str) -> tuple[str, tuple[set[str], set[str]]]:
        if token not in STATES:
            return "", (set(), set())
        path, passing, failed = STATES[token]
        table = tables.find(token)
        document = _ProjectReader(table, self).read({"id": identity, **parse_id(table.id, identity)}, first_only=True)
        return str(search(path, document) or "") if document else "", (passing, failed)


def _is_there(table: tables.Type, document: Mapping[str, Any], known: Inputs) -> bool:
    if table.subject:
        return has(document, dict(known))
    if table.token == ROLE and document.get("deleted"):
        return False
    return not (table.gone_when and search(table.gone_when, document))


class _ProjectReader(Reader):
    """Reads from the environment's project."""

    type: tables.Type

    def __init__(self, table: tables.Type, lookups: GoogleLookups) -> None:
        super().__init__(table)
        self._lookups = lookups

    def __call__(self, operation: str, service: str | None = None, **args: Any) -> Any:
        """Call a method of the type's service."""
        return self._lookups.ask(service or self.type.service, operation, args)
