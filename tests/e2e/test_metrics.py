"""What MLflow says about a candidate is what its artifact and the data say; and nothing leaks."""

import io
import json

import boto3
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest
from mlflow.tracking import MlflowClient
from sklearn.metrics import roc_auc_score

from ml_jobs import matrix, use_cases
from tests.e2e.conftest import Demo, both_clouds
from tests.e2e.vendors import Version

pytestmark = [pytest.mark.e2e, pytest.mark.slow, both_clouds]

USE_CASE = use_cases.load("flight_delays")
# With a feature that is known only after departure the AUC is 0.93, without one it is about 0.7.
LEAK = 0.80


def held_out_auc(demo: Demo, version: Version) -> float:
    """The AUC recomputed from a version's file and its run's features, with no module of the evaluation."""
    features = demo.vendor.read(f"{demo.bucket_uri}/runs/{version.execution}/ingest/features/features.parquet")
    table = pq.read_table(io.BytesIO(features), filters=pc.field("part") == "heldout").to_pandas()
    probabilities = demo.model(version).predict_proba(matrix.from_table(table, USE_CASE))[:, 1]
    return float(roc_auc_score(table[USE_CASE.label], probabilities))


@pytest.fixture
def tracking(demo: Demo, monkeypatch: pytest.MonkeyPatch) -> MlflowClient:
    """MLflow's own client, with what `stile env` exports: on AWS the App's ARN is the tracking URI."""
    for name, value in demo.variables.items():
        if name.startswith(("MLFLOW_", "SAGEMAKER_MLFLOW_", "AWS_", "GOOGLE_", "CLOUDSDK_")):
            monkeypatch.setenv(name, value)
    monkeypatch.setattr(boto3, "DEFAULT_SESSION", None)
    return MlflowClient(demo.variables["MLFLOW_TRACKING_URI"])


def test_the_held_out_auc_in_mlflow_equals_a_recomputation(demo: Demo, tracking: MlflowClient) -> None:
    """For every candidate, to 1e-9; and below what a leak would give."""
    versions = demo.vendor.versions(demo.group)
    assert len(versions) >= 2
    for version in versions:
        logged = tracking.get_run(version.run_id).data.metrics["heldout_auc"]
        assert logged == pytest.approx(held_out_auc(demo, version), abs=1e-9)
        assert 0.5 < logged < LEAK, f"{version.candidate}: {logged} looks like a leak"


def test_every_run_archives_metrics_and_plots_of_training_and_test(demo: Demo, tracking: MlflowClient) -> None:
    """Tracking of training performance stands in the middle of everything."""
    for version in demo.vendor.versions(demo.group):
        run = tracking.get_run(version.run_id)
        assert {"train_auc", "test_auc", "heldout_auc"} <= run.data.metrics.keys()
        assert run.data.params["candidate"] == version.candidate
        plots = {item.path.rpartition("/")[2] for item in tracking.list_artifacts(version.run_id, "plots")}
        assert {"roc_train.png", "roc_test.png", "calibration_train.png", "calibration_test.png"} <= plots


@pytest.mark.changes_the_demo
def test_shuffled_labels_teach_nothing_and_nothing_is_promoted(demo: Demo) -> None:
    """Exit code 5, every candidate rejected, and a held-out AUC of a coin's."""
    done = demo.project.stile("run", demo.environment, "--shuffle-labels", "--json")
    assert done.code == 5, done.stderr
    report = json.loads(done.stdout)
    assert report["decision"]["promoted"] is None
    assert all(item["reason"] for item in report["decision"]["rejected"])
    execution = report["pipeline"]["execution"]
    shuffled = [one for one in demo.vendor.versions(demo.group) if one.execution == execution]
    assert len(shuffled) == len(report["decision"]["rejected"])
    for version in shuffled:
        assert not version.approved
        assert held_out_auc(demo, version) == pytest.approx(0.5, abs=0.02)
