"""Batch predictions by google-cloud-aiplatform's generated client over REST: the container predicts line by line."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from google.api_core import exceptions
from google.cloud import aiplatform_v1 as v1

from tests.localcloud.gcp.cloud import PLACE
from tests.localcloud.gcp.vertex.ground import Ground, eventually

JobState = v1.JobState
ENDED = (JobState.JOB_STATE_SUCCEEDED, JobState.JOB_STATE_FAILED, JobState.JOB_STATE_CANCELLED)


@pytest.fixture(scope="module")
def jobs(vertex: Ground) -> Iterator[v1.JobServiceClient]:
    with vertex.generated(v1.JobServiceClient) as client:
        yield client


@pytest.fixture(scope="module")
def model(vertex: Ground, server_image: str) -> str:
    """The name of a model."""
    with vertex.generated(v1.ModelServiceClient) as models:
        container = v1.ModelContainerSpec(image_uri=server_image)
        body = v1.Model(display_name="batch-words", container_spec=container, artifact_uri=vertex.model("batch"))
        name: str = models.upload_model(parent=PLACE, model=body).result(timeout=60).model
        return name


def job(vertex: Ground, model: str, *lines: Any, **more: Any) -> v1.BatchPredictionJob:
    """A job that predicts for some lines."""
    text = "".join(f"{line if isinstance(line, str) else json.dumps(line)}\n" for line in lines)
    folder = vertex.gcp.name("batch")
    vertex.put(f"{folder}/in/a.jsonl", text)
    source = v1.BatchPredictionJob.InputConfig(
        instances_format="jsonl", gcs_source=v1.GcsSource(uris=[f"gs://{vertex.bucket}/{folder}/in/*.jsonl"])
    )
    target = v1.BatchPredictionJob.OutputConfig(
        predictions_format="jsonl",
        gcs_destination=v1.GcsDestination(output_uri_prefix=f"gs://{vertex.bucket}/{folder}/out"),
    )
    machine = v1.BatchDedicatedResources(machine_spec=v1.MachineSpec(machine_type="n1-standard-2"))
    return v1.BatchPredictionJob(
        display_name="words",
        model=model,
        input_config=source,
        output_config=target,
        dedicated_resources=machine,
        **more,
    )


def ended(jobs: v1.JobServiceClient, name: str) -> v1.BatchPredictionJob:
    """Wait until a job has ended."""

    def look() -> v1.BatchPredictionJob | None:
        found = jobs.get_batch_prediction_job(name=name)
        return found if found.state in ENDED else None

    found: v1.BatchPredictionJob = eventually(look)
    return found


def test_every_line_gets_its_prediction(vertex: Ground, model: str, jobs: v1.JobServiceClient) -> None:
    """Protects: the outputs' folder and names are Vertex's, and each line has the prediction of its own instance."""
    asked = job(vertex, model, *({"number": number} for number in range(150)))
    made = jobs.create_batch_prediction_job(parent=PLACE, batch_prediction_job=asked)
    found = ended(jobs, made.name)
    assert found.state == JobState.JOB_STATE_SUCCEEDED, found.error
    assert (found.completion_stats.successful_count, found.model_version_id) == (150, "1")
    folder = found.output_info.gcs_output_directory
    assert "/out/prediction-batch-words-" in folder
    lines = [json.loads(line) for line in vertex.text(f"{folder}/prediction.results-00000-of-00001").splitlines()]
    assert [line["instance"]["number"] for line in lines] == list(range(150))
    assert all(line["prediction"]["got"] == line["instance"] for line in lines)
    assert {line["prediction"]["word"] for line in lines} == {"batch"}
    assert vertex.text(f"{folder}/prediction.errors_stats-00000-of-00001") == ""
    jobs.delete_batch_prediction_job(name=made.name).result(timeout=30)  # type: ignore[no-untyped-call]
    with pytest.raises(exceptions.NotFound):
        jobs.get_batch_prediction_job(name=made.name)


def test_what_fails_is_in_the_errors(vertex: Ground, model: str, jobs: v1.JobServiceClient) -> None:
    """Protects: a line that is no JSON does not stop the others; a job of which every line fails has failed."""
    made = jobs.create_batch_prediction_job(parent=PLACE, batch_prediction_job=job(vertex, model, 1, "{nonsense", 2))
    found = ended(jobs, made.name)
    assert found.state == JobState.JOB_STATE_SUCCEEDED
    assert (found.completion_stats.successful_count, found.completion_stats.failed_count) == (2, 1)
    errors = vertex.text(f"{found.output_info.gcs_output_directory}/prediction.errors_stats-00000-of-00001")
    assert json.loads(errors)["instance"] == "{nonsense"
    broken = job(vertex, model, {"status": 500})
    failed = ended(jobs, jobs.create_batch_prediction_job(parent=PLACE, batch_prediction_job=broken).name)
    assert failed.state == JobState.JOB_STATE_FAILED
    assert "the model server answered 500" in failed.error.message


def test_a_job_is_cancelled(vertex: Ground, model: str, jobs: v1.JobServiceClient) -> None:
    """Protects: no further instances are sent, and the job is CANCELLED."""
    tuning = v1.ManualBatchTuningParameters(batch_size=1)
    asked = job(vertex, model, *([json.dumps("slow")] * 200), manual_batch_tuning_parameters=tuning)
    made = jobs.create_batch_prediction_job(parent=PLACE, batch_prediction_job=asked)
    eventually(lambda: jobs.get_batch_prediction_job(name=made.name).state == JobState.JOB_STATE_RUNNING)
    jobs.cancel_batch_prediction_job(name=made.name)
    assert ended(jobs, made.name).state == JobState.JOB_STATE_CANCELLED


def test_wrong_jobs_are_refused(vertex: Ground, model: str, jobs: v1.JobServiceClient) -> None:
    """Protects: a format, or a model, that is not there is told at once."""
    wrong = job(vertex, model, 1)
    wrong.input_config.instances_format = "csv"
    with pytest.raises(exceptions.BadRequest, match="jsonl is"):
        jobs.create_batch_prediction_job(parent=PLACE, batch_prediction_job=wrong)
    with pytest.raises(exceptions.NotFound):
        jobs.create_batch_prediction_job(parent=PLACE, batch_prediction_job=job(vertex, f"{model}@9", 1))
