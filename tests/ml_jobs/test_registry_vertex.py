"""Protects the registry on Vertex AI: versions approved and rejected with their reason, once each, and the champion."""

from pathlib import Path
from typing import Any

import pytest

from ml_jobs.contracts.registry_vertex import VertexRegistry
from ml_jobs.errors import JobError
from ml_jobs.registry import APPROVED, REJECTED, Entry, Status, Version, open_registry
from ml_jobs.settings import read_settings
from tests.localcloud import cloud as aws_ground
from tests.localcloud.gcp import cloud as gcp_ground
from tests.localcloud.gcp.vertex.ground import Ground, ground
from tests.localcloud.gcp.vertex.test_keys import AGENT, ROLE, new_key

# Fixtures: pytest finds them by their names in this module.
crane = aws_ground.crane
local_gcp = gcp_ground.local_gcp

SHA256 = "ab" * 32
PROGRAM = "print('a model server that nobody starts')"


@pytest.fixture(scope="module")
def vertex(local_gcp: gcp_ground.LocalGcp, crane: str, tmp_path_factory: pytest.TempPathFactory) -> Ground:
    return ground(local_gcp, crane, tmp_path_factory.mktemp("vertex"))


@pytest.fixture(scope="module")
def image(vertex: Ground) -> str:
    return vertex.image(PROGRAM)


@pytest.fixture
def group(vertex: Ground, monkeypatch: pytest.MonkeyPatch) -> str:
    """A model's id, which nobody has used; this process finds the cloud as a job does."""
    for name, value in {**vertex.gcp.environment, "GOOGLE_CLOUD_LOCATION": gcp_ground.REGION}.items():
        monkeypatch.setenv(name, value)
    return vertex.gcp.name("delays")


@pytest.fixture
def registry(group: str, image: str) -> VertexRegistry:
    settings = read_settings(
        {"STILE_CLOUD": "gcp", "STILE_MODEL": "flights", "STILE_MODEL_PACKAGE_GROUP": group, "STILE_IMAGE": image},
        use_case="flight_delays",
    )
    opened = open_registry(settings)
    assert isinstance(opened, VertexRegistry)
    return opened


@pytest.fixture(scope="module")
def model_uri(vertex: Ground) -> str:
    vertex.put("runs/run1/train-hgb/model/model.skops", "a model")
    return f"gs://{vertex.bucket}/runs/run1/train-hgb/model"


def entry(
    model_uri: str | None, candidate: str = "hgb", status: Status = APPROVED, execution: str = "run1", **changes: Any
) -> Entry:
    values = {
        "candidate": candidate,
        "sha256": SHA256,
        "execution_id": execution,
        "status": status,
        "reason": f"{candidate} has held-out auc 0.6946",
        "folder": Path("models") / candidate,
        "model_uri": model_uri,
        "metrics_uri": f"gs://data/runs/{execution}/evaluate/evaluation/candidates/{candidate}/metrics.json",
        "properties": {"heldout_auc": "0.6946229701777724", "mlflow_run_id": "cd" * 16},
        **changes,
    }
    return Entry(**values)


def shown(vertex: Ground, name: str) -> dict[str, Any]:
    models = vertex.gcp.client("aiplatform", "v1").projects().locations().models()
    found: dict[str, Any] = models.get(name=name).execute()
    return found


def test_a_version_says_what_it_is_and_why(
    vertex: Ground, registry: VertexRegistry, group: str, image: str, model_uri: str
) -> None:
    """And how it is served: Vertex AI fixes image and variables with the version, so its digest is among them."""
    version = registry.register(entry(model_uri))
    assert (version.number, version.status) == (1, "Approved")
    assert version.identifier == f"{gcp_ground.PLACE}/models/{group}@1"
    assert version.reason == "hgb has held-out auc 0.6946"
    assert version.properties == {
        "candidate": "hgb",
        "sha256": SHA256,
        "execution_id": "run1",
        "heldout_auc": "0.6946229701777724",
        "mlflow_run_id": "cd" * 16,
    }
    model = shown(vertex, version.identifier)
    assert model["labels"] == {"stile-status": "approved", "stile-candidate": "hgb"}
    assert model["metadata"]["metrics_uri"].endswith("/candidates/hgb/metrics.json")
    assert model["versionAliases"] == ["default"]
    assert model["artifactUri"] == model_uri
    assert model["containerSpec"] == {
        "imageUri": image,
        "args": ["serve"],
        "env": [
            {"name": "STILE_CLOUD", "value": "gcp"},
            {"name": "STILE_MODEL", "value": "flights"},
            {"name": "STILE_MODEL_SHA256", "value": SHA256},
            {"name": "STILE_USE_CASE", "value": "flight_delays"},
        ],
        "ports": [{"containerPort": 8080}],
        "predictRoute": "/predict",
        "healthRoute": "/health",
    }


def test_a_version_is_made_for_its_endpoint(
    vertex: Ground, group: str, image: str, model_uri: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By the key of its endpoint, which takes no other, and with the address below which its settings will lie."""
    key = new_key(vertex)
    keys = vertex.gcp.client("cloudkms", "v1").projects().locations().keyRings().cryptoKeys()
    policy = {"bindings": [{"role": ROLE, "members": [AGENT]}]}
    keys.setIamPolicy(resource=key, body={"policy": policy}).execute()
    monkeypatch.setenv("STILE_KMS_KEY", key)
    monkeypatch.setenv("STILE_SERVING_URI", "gs://ours/serving")
    told = {"STILE_CLOUD": "gcp", "STILE_MODEL": "flights", "STILE_MODEL_PACKAGE_GROUP": group, "STILE_IMAGE": image}
    version = open_registry(read_settings(told, use_case="flight_delays")).register(entry(model_uri))
    model = shown(vertex, version.identifier)
    assert model["encryptionSpec"] == {"kmsKeyName": key}
    assert {"name": "STILE_SERVING_URI", "value": "gs://ours/serving"} in model["containerSpec"]["env"]


def test_a_version_bears_the_labels_of_its_stack(
    vertex: Ground, registry: VertexRegistry, model_uri: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By these alone one finds whose a model is: no resource stands for it."""
    monkeypatch.setenv("STILE_LABELS", '{"stile-stack": "ours-gcp"}')
    model = shown(vertex, registry.register(entry(model_uri)).identifier)
    assert model["labels"] == {"stile-stack": "ours-gcp", "stile-status": "approved", "stile-candidate": "hgb"}


def test_the_same_candidate_of_an_execution_is_registered_once(
    vertex: Ground, registry: VertexRegistry, group: str, model_uri: str
) -> None:
    first = registry.register(entry(model_uri))
    assert registry.register(entry(model_uri)) == first
    assert registry.register(entry(model_uri, "logistic", REJECTED)).number == 2
    assert registry.register(entry(model_uri, execution="run2")).number == 3
    models = vertex.gcp.client("aiplatform", "v1").projects().locations().models()
    assert len(models.listVersions(name=f"{gcp_ground.PLACE}/models/{group}").execute()["models"]) == 3


def test_who_asks_for_no_version_gets_an_approved_one(
    vertex: Ground, registry: VertexRegistry, group: str, model_uri: str
) -> None:
    """The losers are registered first, and Vertex AI takes a model's first version for the default one."""
    name = f"{gcp_ground.PLACE}/models/{group}"
    registry.register(entry(model_uri, "logistic", REJECTED))
    assert shown(vertex, name)["versionId"] == "1"
    registry.register(entry(model_uri))
    assert shown(vertex, name)["versionId"] == "2"
    registry.register(entry(model_uri, "logistic", REJECTED, execution="run2"))
    assert shown(vertex, name)["versionId"] == "2"


def test_a_decision_is_not_turned_round(registry: VertexRegistry, model_uri: str) -> None:
    registry.register(entry(model_uri))
    with pytest.raises(JobError, match="as version 1, Approved; now it is Rejected"):
        registry.register(entry(model_uri, status=REJECTED))


def test_a_version_that_a_person_rejects_is_no_champion(
    vertex: Ground, registry: VertexRegistry, model_uri: str
) -> None:
    """By changing the label, in the console or by any client."""
    first, second = registry.register(entry(model_uri)), registry.register(entry(model_uri, execution="run2"))
    assert registry.champion() == second
    models = vertex.gcp.client("aiplatform", "v1").projects().locations().models()
    models.patch(name=second.identifier, body={"labels": {"stile-status": "rejected"}}, updateMask="labels").execute()
    assert registry.champion() == first


def test_a_reason_is_cut_to_what_the_registry_keeps(registry: VertexRegistry, model_uri: str) -> None:
    version = registry.register(entry(model_uri, reason="x" * 2000))
    assert version.reason == "x" * 1024


def test_the_champion_is_the_newest_approved_version(registry: VertexRegistry, model_uri: str) -> None:
    """By number: 12 is newer than 9."""
    assert registry.champion() is None
    for number in range(1, 13):
        registry.register(entry(model_uri, execution=f"run{number}"))
    registry.register(entry(model_uri, "logistic", REJECTED, execution="run12"))
    champion = registry.champion()
    assert champion is not None
    assert (champion.number, champion.properties["execution_id"]) == (12, "run12")


def test_the_champions_files_are_fetched(vertex: Ground, registry: VertexRegistry, group: str, tmp_path: Path) -> None:
    vertex.put("fetched/model.skops", "the model")
    vertex.put("fetched/sub/lineage.json", "{}")
    version = registry.register(entry(f"gs://{vertex.bucket}/fetched"))
    folder = registry.fetch(version, tmp_path / "new")
    assert {path.relative_to(folder).as_posix() for path in folder.rglob("*.*")} == {"model.skops", "sub/lineage.json"}
    storage = vertex.gcp.client("storage", "v1").objects()
    for name in ("fetched/model.skops", "fetched/sub/lineage.json"):
        storage.delete(bucket=vertex.bucket, object=name).execute()
    with pytest.raises(JobError, match=f"version 1 of {group}: .*/fetched holds nothing"):
        registry.fetch(version, tmp_path)


def test_what_the_registry_refuses_is_told(registry: VertexRegistry, group: str, tmp_path: Path) -> None:
    with pytest.raises(JobError, match="nobody said where hgb's model lies"):
        registry.register(entry(None))
    with pytest.raises(JobError, match=f"registering hgb in {group}: |the upload failed: "):
        registry.register(entry("gs://none-such/model"))
    gone = Version(9, f"{gcp_ground.PLACE}/models/{group}@9", "Approved", "", {})
    with pytest.raises(JobError, match=f"version 9 of {group}: 404"):
        registry.fetch(gone, tmp_path)


def test_a_place_that_nobody_told_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("GOOGLE_CLOUD_PROJECT", "CLOUD_ML_PROJECT_ID", "GOOGLE_CLOUD_LOCATION"):
        monkeypatch.delenv(name, raising=False)
    told = {"STILE_CLOUD": "gcp", "STILE_MODEL_PACKAGE_GROUP": "delays", "STILE_IMAGE": "image"}
    with pytest.raises(JobError, match="GOOGLE_CLOUD_PROJECT is not set"):
        open_registry(read_settings(told, use_case="flight_delays"))
    monkeypatch.setenv("GOOGLE_CLOUD_PROJECT", "stile-local")
    with pytest.raises(JobError, match="GOOGLE_CLOUD_LOCATION is not set"):
        open_registry(read_settings(told, use_case="flight_delays"))
