"""Cloud SQL: an instance, a database and a user of a real PostgreSQL, where its programs are installed."""

from infra.localcloud.gcp.sql.postgres import programs
from tests.conformance.provider_cases import Args, Case
from tests.conformance.provider_cases.google import REGION, GoogleWorld

API = "sqladmin.v1"
ALL = ("gcp:sql/databaseInstance:DatabaseInstance", "gcp:sql/database:Database", "gcp:sql/user:User")
# Without PostgreSQL the local cloud does not implement them.
TOKENS = ALL if programs() else ()
SETTINGS: Args = {"tier": "db-g1-small", "edition": "ENTERPRISE", "userLabels": {"stage": "one"}}


def cases(world: GoogleWorld) -> list[Case]:
    if not TOKENS:
        return []
    instance, database, user = TOKENS
    held = {"instance": world.instance("case-holds")}
    return [
        Case(
            instance,
            args={
                "name": "case-instance",
                "databaseVersion": "POSTGRES_17",
                "region": REGION,
                "deletionProtection": False,
                "settings": SETTINGS,
            },
            change={"settings": {**SETTINGS, "userLabels": {"stage": "two"}}},
            replace={"name": "case-instance-2"},
            drift=lambda world, out: world.call(
                API,
                "instances.patch",
                project="stile-local",
                instance=out["name"],
                body={"settings": {"tier": "db-custom-2-7680"}},
            ),
            drifts="settings",
            # Pulumi's own, not Google's; the cloud has another of its own in the settings.
            imported_without=("deletionProtection",),
        ),
        Case(
            database,
            args={"name": "case", **held},
            change={},
            replace={"name": "case-2"},
            drift=lambda world, out: world.call(
                API, "databases.delete", project="stile-local", instance=out["instance"], database=out["name"]
            ),
            drifts="",
        ),
        Case(
            user,
            args={"name": "case", "password": "one", **held},
            change={"password": "two"},
            replace={"name": "case-2"},
            drift=lambda world, out: world.call(
                API, "users.delete", project="stile-local", instance=out["instance"], name=out["name"]
            ),
            drifts="",
            imported_without=("password",),
            import_as=lambda identity, out: f"stile-local/{out['instance']}/{out['name']}",
        ),
    ]
