"""Cloud Run: a service is a process behind an address that knows who may call; MLflow on it keeps all in PostgreSQL."""

import base64
import itertools
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import psutil
import psycopg2
import pytest

from infra.localcloud import lifecycle
from tests.localcloud.gcp.mlflow_service import MlflowService, mlflow_service
from tests.localcloud.gcp.serving import PLACE, PROJECT, Served

_COUNT = itertools.count()
IMAGE = "us-docker.pkg.dev/stile-local/images/hello:1"


def template(colour: str = "blue", **more: Any) -> dict[str, Any]:
    return {"containers": [{"image": IMAGE, "args": ["a"], "env": [{"name": "COLOUR", "value": colour}], **more}]}


@pytest.fixture
def services(gcp: Served) -> Any:
    return gcp.client("run", "v2").projects().locations().services()


@pytest.fixture
def name() -> str:
    return f"{PLACE}/services/run-{next(_COUNT)}"


def created(gcp: Served, services: Any, name: str, body: dict[str, Any]) -> dict[str, Any]:
    asked = services.create(parent=PLACE, serviceId=name.rpartition("/")[2], body={"template": body})
    return gcp.settled(asked.execute())


def account_of(gcp: Served, given: str) -> str:
    accounts = gcp.client("iam", "v1").projects().serviceAccounts()
    return str(accounts.create(name=PROJECT, body={"accountId": given}).execute()["email"])


def allow(gcp: Served, api: str, of: Any, resource: str, role: str, email: str) -> None:
    """Give an account a role on a resource."""
    policy = {"bindings": [{"role": role, "members": [f"serviceAccount:{email}"]}]}
    of.setIamPolicy(resource=resource, body={"policy": policy}).execute()


def test_a_service_answers_at_its_address(gcp: Served, services: Any, name: str) -> None:
    """Protects: the container gets its variables and $PORT, requests reach it whole, its output is in Cloud Logging."""
    assert "error" not in created(gcp, services, name, template())
    found = services.get(name=name).execute()
    assert found["terminalCondition"]["state"] == "CONDITION_SUCCEEDED"
    assert found["latestReadyRevision"] == found["latestCreatedRevision"]
    assert urlsplit(found["uri"]).hostname == "127.0.0.1"
    told = httpx.post(f"{found['uri']}/some/path?with=words", content=b"x" * 100_000, trust_env=False).json()
    short = name.rpartition("/")[2]
    assert told | {"PORT": ""} == {
        "COLOUR": "blue",
        "K_SERVICE": short,
        "K_REVISION": found["latestReadyRevision"].rpartition("/")[2],
        "PORT": "",
        "path": "/some/path?with=words",
        "args": ["a"],
    }
    wanted = f'resource.type="cloud_run_revision" AND resource.labels.service_name="{short}"'
    logs = gcp.client("logging", "v2").entries().list(body={"resourceNames": [PROJECT], "filter": wanted})
    assert "listening" in [entry["textPayload"] for entry in logs.execute()["entries"]]
    services.delete(name=name).execute()
    with pytest.raises(httpx.TransportError):
        httpx.get(f"http://127.0.0.1:{told['PORT']}/", trust_env=False)
    assert created(gcp, services, name, template())["response"]["terminalCondition"]["state"] == "CONDITION_SUCCEEDED"


def test_a_revision_that_does_not_listen_leaves_the_one_before(gcp: Served, services: Any, name: str) -> None:
    """Protects: a failed revision is told with its reason, and the service answers as before; a good one takes over."""
    made = created(gcp, services, name, template())["response"]
    failed = gcp.settled(services.patch(name=name, body={"template": template("none")}).execute())
    assert failed["error"]["code"] == 9
    assert "failed to start and listen" in failed["error"]["message"]
    found = services.get(name=name).execute()
    assert found["terminalCondition"]["state"] == "CONDITION_FAILED"
    assert found["terminalCondition"]["revisionReason"] == "HEALTH_CHECK_CONTAINER_ERROR"
    assert found["latestReadyRevision"] == made["latestReadyRevision"]
    assert httpx.get(made["uri"], trust_env=False).json()["COLOUR"] == "blue"
    gcp.settled(services.patch(name=name, body={"template": template("red")}).execute())
    assert services.get(name=name).execute()["uri"] == made["uri"]
    assert httpx.get(made["uri"], trust_env=False).json()["COLOUR"] == "red"
    listed = services.revisions().list(parent=name).execute()["revisions"]
    states = [one["conditions"][0]["state"] for one in listed]
    assert states == ["CONDITION_SUCCEEDED", "CONDITION_FAILED", "CONDITION_SUCCEEDED"]


def test_other_labels_do_not_start_it_again(gcp: Served, services: Any, name: str) -> None:
    """Protects: a change that the container does not see leaves it running."""
    made = created(gcp, services, name, template())["response"]
    before = httpx.get(made["uri"], trust_env=False).json()
    body = {"template": made["template"], "labels": {"tier": "gold"}}
    after = gcp.settled(services.patch(name=name, body=body).execute())["response"]
    assert (after["labels"], after["latestReadyRevision"]) == ({"tier": "gold"}, made["latestReadyRevision"])
    assert httpx.get(made["uri"], trust_env=False).json() == before


def test_a_container_that_died_is_started_again(gcp: Served, services: Any, name: str) -> None:
    """Protects: the next request is answered, by another instance."""
    uri = created(gcp, services, name, template())["response"]["uri"]
    before = httpx.get(uri, trust_env=False).json()["PORT"]
    assert httpx.get(f"{uri}/die", trust_env=False).status_code == 503
    assert httpx.get(uri, trust_env=False, timeout=60).json()["PORT"] != before


def test_who_may_call_it(gcp: Served, services: Any, name: str) -> None:
    """Protects: a service account needs run.invoker and an identity token made out to the service."""
    uri = created(gcp, services, name, template())["response"]["uri"]
    email = account_of(gcp, f"caller-{next(_COUNT)}")

    def asked(token: str) -> int:
        return httpx.get(uri, headers={"Authorization": f"Bearer {token}"}, trust_env=False).status_code

    mine = gcp.cloud.tokens.identify(email, uri)
    assert asked(mine) == 403
    allow(gcp, "run.v2", services, name, "roles/run.invoker", email)
    assert asked(mine) == 200
    assert asked(gcp.cloud.tokens.identify(email, "http://127.0.0.1:1")) == 401
    assert asked(gcp.cloud.tokens.issue(email)) == 401
    shown = {"Authorization": f"Bearer {mine}"}
    assert gcp.http.get(f"/v2/{PLACE}/services", headers=shown).status_code == 401


def test_a_secret_needs_the_accounts_permission(gcp: Served, services: Any, name: str) -> None:
    """Protects: a value of Secret Manager is read as the service's own account, or not at all."""
    email, given = account_of(gcp, f"reader-{next(_COUNT)}"), f"colour-{next(_COUNT)}"
    secrets = gcp.client("secretmanager", "v1").projects().secrets()
    secrets.create(parent=PROJECT, secretId=given, body={"replication": {"automatic": {}}}).execute()
    data = base64.b64encode(b"green").decode()
    secrets.addVersion(parent=f"{PROJECT}/secrets/{given}", body={"payload": {"data": data}}).execute()
    source = {"secretKeyRef": {"secret": given, "version": "latest"}}
    wanted = {**template(env=[{"name": "COLOUR", "valueSource": source}]), "serviceAccount": email}
    refused = created(gcp, services, name, wanted)
    assert "Permission denied on secret" in refused["error"]["message"]
    assert services.get(name=name).execute()["terminalCondition"]["reason"] == "SECRETS_ACCESS_CHECK_FAILED"
    allow(gcp, "secretmanager.v1", secrets, f"{PROJECT}/secrets/{given}", "roles/secretmanager.secretAccessor", email)
    uri = gcp.settled(services.patch(name=name, body={"template": wanted}).execute())["response"]["uri"]
    assert httpx.get(uri, trust_env=False).json()["COLOUR"] == "green"


def test_an_image_that_is_not_there(gcp: Served, services: Any, name: str) -> None:
    """Protects: the operation fails and names the image; the service is there to be changed or deleted."""
    wanted = {"containers": [{"image": "us-docker.pkg.dev/stile-local/images/none:1"}]}
    assert "images/none:1' not found" in created(gcp, services, name, wanted)["error"]["message"]
    found = services.get(name=name).execute()
    assert found["terminalCondition"]["reason"] == "CONTAINER_MISSING"
    assert httpx.get(found["uri"], trust_env=False).status_code == 503
    services.delete(name=name).execute()


# What a job does: it knows the address, and shows who it is.
JOB = """
import mlflow
mlflow.set_experiment("flights")
with mlflow.start_run() as run:
    mlflow.log_metric("auc", 0.75)
    mlflow.log_text("kept", "notes/note.txt")
print(run.info.run_id, mlflow.artifacts.load_text(f"{run.info.artifact_uri}/notes/note.txt"))
"""


@pytest.mark.slow
def test_mlflow_keeps_runs_in_postgresql_and_artifacts_in_the_bucket(crane: str, tmp_path: Path) -> None:
    """Protects: managed tracking, with the database's address from a secret and each right that the stack grants.

    And that kill -9 of the local cloud leaves neither MLflow nor PostgreSQL.
    """
    cloud = lifecycle.start("gcp", tmp_path, lambda line: None)
    try:
        made = mlflow_service(cloud.endpoint_url)
        run_id = _logged(made, tmp_path)
        listed = httpx.get(f"{cloud.endpoint_url}/storage/v1/b/{made.bucket}/o", trust_env=False).json()["items"]
        assert [one["name"] for one in listed] == [f"mlflow/1/{run_id}/artifacts/notes/note.txt"]
        assert _rows(cloud) == [("auc", 0.75)]
        made.delete()
        assert [one.name() for one in _running(cloud, "python", "mlflow")] == []
        made.create()
        assert httpx.get(f"{made.url}/api/2.0/mlflow/runs/get?run_id={run_id}", trust_env=False).status_code == 200
        left = [*_running(cloud, "python", "mlflow"), *_running(cloud, "postgres", "")]
        assert len(left) > 5
        os.kill(cloud.pid, signal.SIGKILL)
        assert psutil.wait_procs(left, timeout=20)[1] == []
    finally:
        lifecycle.stop("gcp", tmp_path, lambda line: None)


def _logged(made: MlflowService, folder: Path) -> str:
    environment = {**os.environ, "MLFLOW_TRACKING_URI": made.url}
    done = subprocess.run(
        [sys.executable, "-c", JOB], env=environment, cwd=folder, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    run_id, kept = done.stdout.splitlines()[-1].split()
    assert kept == "kept"
    return run_id


def _running(cloud: lifecycle.LocalCloud, name: str, word: str) -> list[psutil.Process]:
    children = psutil.Process(cloud.pid).children(recursive=True)
    return [one for one in children if one.name().startswith(name) and word in " ".join(one.cmdline())]


def _rows(cloud: lifecycle.LocalCloud) -> Any:
    (socket,) = Path(cloud.state_dir, "local", "gcp", "sql").glob("*/.s.PGSQL.5432")
    with psycopg2.connect(host=str(socket.parent), dbname="mlflow", user="mlflow", password="secret") as connection:
        cursor = connection.cursor()
        cursor.execute("SELECT key, value FROM metrics")
        return cursor.fetchall()
