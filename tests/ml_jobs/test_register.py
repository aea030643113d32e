"""Protects registering by hand: every candidate a version, the losers with their reason, nothing registered twice."""

import shutil
from pathlib import Path
from typing import Any

import pytest

from ml_jobs import artifacts, command
from ml_jobs import register as job
from ml_jobs.errors import JobError, ModelDigestError
from ml_jobs.register import Made, register
from ml_jobs.registry import Entry, FolderRegistry, Version, open_registry
from ml_jobs.settings import read_settings
from ml_jobs.use_cases import UseCase
from tests.ml_jobs.conftest import settings

REASONS = {"hgb": "the best of all", "logistic": "held-out log_loss 0.43 is above 0.42"}


def made_of(models: Path, folder: Path, promoted: str | None = "hgb") -> Made:
    """Write a decision and an evaluation of these models."""
    found = {name: artifacts.read_json(models / name / "lineage.json") for name in REASONS}
    artifacts.write_json(
        folder / "decision" / "decision.json",
        {
            "use_case": "flight_delays",
            "promoted": {"candidate": promoted, "reason": REASONS[promoted]} if promoted else None,
            "rejected": [
                {"candidate": name, "rule": "informs", "reason": reason}
                for name, reason in REASONS.items()
                if name != promoted
            ],
        },
    )
    candidates = {
        name: {
            "sha256": lineage["model"]["sha256"],
            "mlflow_run_id": lineage["mlflow"]["run_id"],
            "metrics": {"heldout": {"auc": 0.69, "precision": None, "n": 1000}},
        }
        for name, lineage in found.items()
    }
    artifacts.write_json(folder / "evaluation" / "evaluation.json", {"candidates": candidates})
    return Made(folder / "decision", models, folder / "evaluation", {})


def statuses(folder: Path) -> dict[str, str]:
    content = artifacts.read_json(folder / "registered.json")["versions"]
    return {name: entry["status"] for name, entry in content.items()}


def test_every_candidate_is_a_version_with_its_reason(models: Path, use_case: UseCase, tmp_path: Path) -> None:
    registry = FolderRegistry(tmp_path / "registry")
    versions = register(use_case, settings(tmp_path), registry, made_of(models, tmp_path), tmp_path / "out")
    content = artifacts.read_json(tmp_path / "out" / "registered.json")
    assert (content["schema"], content["model"]) == ("stile.registered/1", "flights")
    assert statuses(tmp_path / "out") == {"logistic": "Rejected", "hgb": "Approved"}
    for name, entry in content["versions"].items():
        assert entry.keys() == {"version", "arn", "sha256", "status", "reason"}
        assert entry["reason"] == REASONS[name]
        assert entry["version"] == str(versions[name].number)
        assert entry["sha256"] == artifacts.file_sha256(models / name / "model.skops")
    properties = versions["hgb"].properties
    assert properties["heldout_auc"] == "0.69"
    assert "heldout_precision" not in properties
    assert (properties["execution_id"], properties["use_case"]) == ("run-1", "flight_delays")
    assert properties["mlflow_run_id"] == artifacts.read_json(models / "hgb" / "lineage.json")["mlflow"]["run_id"]
    champion = registry.champion()
    assert champion == versions["hgb"]
    assert (registry.fetch(champion, tmp_path) / "model.skops").is_file()


def test_registering_again_makes_no_versions(models: Path, use_case: UseCase, tmp_path: Path) -> None:
    registry = FolderRegistry(tmp_path / "registry")
    made = made_of(models, tmp_path)
    first = register(use_case, settings(tmp_path), registry, made, tmp_path / "out")
    before = (tmp_path / "out" / "registered.json").read_bytes()
    assert register(use_case, settings(tmp_path), registry, made, tmp_path / "out") == first
    assert (tmp_path / "out" / "registered.json").read_bytes() == before
    again = register(use_case, settings(tmp_path, execution_id="run-2"), registry, made, tmp_path / "out")
    assert sorted(version.number for version in again.values()) == [3, 4]
    assert registry.champion() == again["hgb"]


def test_nothing_promoted_rejects_all(models: Path, use_case: UseCase, tmp_path: Path) -> None:
    registry = FolderRegistry(tmp_path / "registry")
    register(use_case, settings(tmp_path), registry, made_of(models, tmp_path, promoted=None), tmp_path / "out")
    assert set(statuses(tmp_path / "out").values()) == {"Rejected"}
    assert registry.champion() is None


def test_two_decisions_of_one_execution_contradict_each_other(models: Path, use_case: UseCase, tmp_path: Path) -> None:
    registry = FolderRegistry(tmp_path / "registry")
    register(use_case, settings(tmp_path), registry, made_of(models, tmp_path), tmp_path / "out")
    with pytest.raises(JobError, match="registered hgb as version 2, Approved; now it is Rejected"):
        register(use_case, settings(tmp_path), registry, made_of(models, tmp_path, "logistic"), tmp_path / "out")


def test_a_copy_that_was_interrupted_is_no_version(models: Path, use_case: UseCase, tmp_path: Path) -> None:
    """Its number is not given again."""
    (tmp_path / "registry" / "7" / "model").mkdir(parents=True)
    registry = FolderRegistry(tmp_path / "registry")
    assert registry.champion() is None
    versions = register(use_case, settings(tmp_path), registry, made_of(models, tmp_path), tmp_path / "out")
    assert sorted(version.number for version in versions.values()) == [8, 9]


def test_the_newest_version_counts_by_number_not_by_text(models: Path, use_case: UseCase, tmp_path: Path) -> None:
    """Version 10 is newer than version 9."""
    registry = FolderRegistry(tmp_path / "registry")
    (tmp_path / "registry" / "7").mkdir(parents=True)
    made = made_of(models, tmp_path)
    register(use_case, settings(tmp_path), registry, made, tmp_path / "out")
    newest = register(use_case, settings(tmp_path, execution_id="run-2"), registry, made, tmp_path / "out")
    assert newest["hgb"].number == 11
    assert registry.champion() == newest["hgb"]


def test_a_model_that_was_not_evaluated_is_not_registered(models: Path, use_case: UseCase, tmp_path: Path) -> None:
    shutil.copytree(models, tmp_path / "own")
    made = made_of(tmp_path / "own", tmp_path)
    shutil.copy(models / "logistic" / "model.skops", tmp_path / "own" / "hgb" / "model.skops")
    registry = FolderRegistry(tmp_path / "registry")
    with pytest.raises(ModelDigestError):
        register(use_case, settings(tmp_path), registry, made, tmp_path / "out")
    assert not (tmp_path / "registry").exists()


def test_parts_that_do_not_fit_are_told(models: Path, use_case: UseCase, tmp_path: Path) -> None:
    shutil.copytree(models / "hgb", tmp_path / "own" / "hgb")
    made = made_of(models, tmp_path)
    short = Made(made.decision, tmp_path / "own", made.evaluation, {})
    with pytest.raises(JobError, match="name different candidates"):
        register(use_case, settings(tmp_path), FolderRegistry(tmp_path / "registry"), short, tmp_path / "out")


def test_the_command_line_registers_in_the_working_directory(models: Path, tmp_path: Path) -> None:
    made = made_of(models, tmp_path)
    folders = {"decision": made.decision, "models": models, "evaluation": made.evaluation, "registered": tmp_path}
    options = [part for option, folder in folders.items() for part in (f"--{option}", str(folder))]
    assert command.run(job.main, ["--use-case", "flight_delays", *options]) == 0
    assert (tmp_path / "registry" / "flight_delays" / "2" / "version.json").is_file()


def test_in_a_processing_job_versions_point_at_what_the_inputs_came_from(
    models: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The registry must name the model in the cloud, not a folder of a job that is gone."""
    home = tmp_path / "opt" / "ml"
    made = made_of(models, home / "processing" / "input")
    shutil.copytree(models, home / "processing" / "input" / "models")
    uris = {
        "evaluation": "s3://data/runs/r/evaluate/evaluation",
        **{f"models/{name}": f"s3://data/runs/r/train-{name}/job/output/model.tar.gz" for name in REASONS},
    }
    inputs = [
        {"InputName": name, "S3Input": {"S3Uri": uri, "LocalPath": f"/opt/ml/processing/input/{name}"}}
        for name, uri in uris.items()
    ]
    artifacts.write_json(home / "config" / "processingjobconfig.json", {"ProcessingInputs": inputs})
    entries: list[Entry] = []

    class Recording(FolderRegistry):
        def register(self, entry: Entry) -> Version:
            entries.append(entry)
            return super().register(entry)

    monkeypatch.setenv("STILE_CONTAINER_ROOT", str(tmp_path))
    monkeypatch.setattr(job, "open_registry", lambda _: Recording(tmp_path / "registry"))
    options = [
        part
        for name in ("decision", "models", "evaluation")
        for part in (f"--{name}", f"/opt/ml/processing/input/{name}")
    ]
    job.main(["--use-case", "flight_delays", *options, "--registered", "/opt/ml/processing/output/registered"])
    assert made.evaluation.is_dir()
    assert {entry.candidate: entry.model_uri for entry in entries} == {name: uris[f"models/{name}"] for name in REASONS}
    assert {entry.metrics_uri for entry in entries} == {
        f"{uris['evaluation']}/candidates/{name}/metrics.json" for name in REASONS
    }
    assert (home / "processing" / "output" / "registered" / "registered.json").is_file()


@pytest.mark.parametrize(
    ("environment", "told"),
    [
        ({"STILE_CLOUD": "gcp"}, "needs STILE_MODEL_PACKAGE_GROUP, STILE_IMAGE and STILE_USE_CASE"),
        ({"STILE_CLOUD": "aws"}, "needs STILE_MODEL_PACKAGE_GROUP and STILE_IMAGE"),
    ],
)
def test_a_registry_that_cannot_be_opened_is_told(environment: dict[str, Any], told: str) -> None:
    with pytest.raises(JobError, match=told):
        open_registry(read_settings({"STILE_EXECUTION_ID": "run-1", **environment}, use_case="flight_delays"))
