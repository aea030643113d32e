"""Protects the registry on SageMaker: versions approved and rejected with their reason, once each, and the champion."""

import io
import tarfile
from pathlib import Path
from typing import Any

import pytest

from ml_jobs.contracts.registry_sagemaker import SageMakerRegistry
from ml_jobs.errors import JobError
from ml_jobs.registry import APPROVED, REJECTED, Entry, Status, Version
from tests.localcloud import cloud as ground

# Fixtures: pytest finds them by their names in this module.
crane = ground.crane
local_aws = ground.local_aws

IMAGE = f"000000000000.dkr.ecr.us-east-1.amazonaws.com/stile/jobs@sha256:{'0' * 64}"
SHA256 = "ab" * 32


@pytest.fixture
def group(local_aws: ground.LocalAws, monkeypatch: pytest.MonkeyPatch) -> str:
    for name, value in local_aws.environment.items():
        monkeypatch.setenv(name, value)
    name = local_aws.name("delays")
    local_aws.client("sagemaker").create_model_package_group(ModelPackageGroupName=name)
    return name


def entry(candidate: str = "hgb", status: Status = APPROVED, execution: str = "run1", **changes: Any) -> Entry:
    values = {
        "candidate": candidate,
        "sha256": SHA256,
        "execution_id": execution,
        "status": status,
        "reason": f"{candidate} has held-out auc 0.6946",
        "folder": Path("models") / candidate,
        "model_uri": f"s3://data/runs/{execution}/train-{candidate}/job/output/model.tar.gz",
        "metrics_uri": f"s3://data/runs/{execution}/evaluate/evaluation/candidates/{candidate}/metrics.json",
        "properties": {"heldout_auc": "0.6946229701777724", "mlflow_run_id": "cd" * 16},
        **changes,
    }
    return Entry(**values)


def test_a_version_says_what_it_is_and_why(local_aws: ground.LocalAws, group: str) -> None:
    version = SageMakerRegistry(group, IMAGE).register(entry())
    package = local_aws.client("sagemaker").describe_model_package(ModelPackageName=version.identifier)
    assert (version.number, version.status) == (1, "Approved")
    assert package["ModelApprovalStatus"] == "Approved"
    assert package["ApprovalDescription"] == "hgb has held-out auc 0.6946"
    assert package["CustomerMetadataProperties"] == {
        "candidate": "hgb",
        "sha256": SHA256,
        "execution_id": "run1",
        "heldout_auc": "0.6946229701777724",
        "mlflow_run_id": "cd" * 16,
    }
    specification = package["InferenceSpecification"]
    (container,) = specification["Containers"]
    assert container["Image"] == IMAGE
    assert container["ModelDataUrl"] == "s3://data/runs/run1/train-hgb/job/output/model.tar.gz"
    assert specification["SupportedContentTypes"] == specification["SupportedResponseMIMETypes"] == ["application/json"]
    metrics = package["ModelMetrics"]["ModelQuality"]["Statistics"]
    assert metrics["S3Uri"].endswith("/candidates/hgb/metrics.json")


def test_the_same_candidate_of_an_execution_is_registered_once(local_aws: ground.LocalAws, group: str) -> None:
    registry = SageMakerRegistry(group, IMAGE)
    first = registry.register(entry())
    assert registry.register(entry()) == first
    assert registry.register(entry("logistic", REJECTED)).number == 2
    assert registry.register(entry(execution="run2")).number == 3
    listed = local_aws.client("sagemaker").list_model_packages(ModelPackageGroupName=group)
    assert len(listed["ModelPackageSummaryList"]) == 3


def test_a_registration_that_was_interrupted_is_taken_up(local_aws: ground.LocalAws, group: str) -> None:
    """A job that dies between creating and approving leaves a pending version; the next one decides it."""
    registry = SageMakerRegistry(group, IMAGE)
    version = registry.register(entry())
    sagemaker = local_aws.client("sagemaker")
    sagemaker.update_model_package(ModelPackageArn=version.identifier, ModelApprovalStatus="PendingManualApproval")
    assert registry.champion() is None
    assert registry.register(entry()) == version


def test_a_decision_is_not_turned_round(group: str) -> None:
    registry = SageMakerRegistry(group, IMAGE)
    registry.register(entry())
    with pytest.raises(JobError, match="as version 1, Approved; now it is Rejected"):
        registry.register(entry(status=REJECTED))


def test_a_reason_is_cut_to_what_the_registry_keeps(group: str) -> None:
    version = SageMakerRegistry(group, IMAGE).register(entry(reason="x" * 2000))
    assert version.reason == "x" * 1024


def test_the_champion_is_the_newest_approved_version(group: str) -> None:
    """Over more versions than one page lists, and by number: 12 is newer than 9."""
    registry = SageMakerRegistry(group, IMAGE)
    assert registry.champion() is None
    for number in range(1, 13):
        registry.register(entry(execution=f"run{number}"))
    registry.register(entry("logistic", REJECTED, execution="run12"))
    champion = registry.champion()
    assert champion is not None
    assert (champion.number, champion.properties["execution_id"]) == (12, "run12")


def test_the_champions_files_are_fetched(local_aws: ground.LocalAws, group: str, tmp_path: Path) -> None:
    content = io.BytesIO()
    with tarfile.open(fileobj=content, mode="w:gz"):
        pass
    s3, bucket = local_aws.client("s3"), local_aws.name("models")
    s3.create_bucket(Bucket=bucket)
    s3.put_object(Bucket=bucket, Key="runs/a/model.tar.gz", Body=content.getvalue())
    registry = SageMakerRegistry(group, IMAGE)
    version = registry.register(entry(model_uri=f"s3://{bucket}/runs/a/model.tar.gz"))
    assert (registry.fetch(version, tmp_path / "new") / "model.tar.gz").read_bytes() == content.getvalue()
    s3.delete_object(Bucket=bucket, Key="runs/a/model.tar.gz")
    with pytest.raises(JobError, match=f"version 1 of {group}: .*404"):
        registry.fetch(version, tmp_path)


def test_what_the_registry_refuses_is_told(group: str) -> None:
    with pytest.raises(JobError, match="nobody said where hgb's model lies"):
        SageMakerRegistry(group, IMAGE).register(entry(model_uri=None))
    with pytest.raises(JobError, match="the versions of none-such: "):
        SageMakerRegistry("none-such", IMAGE).register(entry())
    gone = Version(9, f"arn:aws:sagemaker:us-east-1:000000000000:model-package/{group}/9", "Approved", "", {})
    with pytest.raises(JobError, match=f"version 9 of {group}"):
        SageMakerRegistry(group, IMAGE).fetch(gone, Path("nowhere"))
