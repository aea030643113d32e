"""SageMaker's contract with a container: which files and variables a job finds, and what becomes of those it leaves.

Sources:
https://docs.aws.amazon.com/sagemaker/latest/dg/your-algorithms-training-algo-running-container.html
https://docs.aws.amazon.com/sagemaker/latest/dg/build-your-own-processing-container.html
"""

import json
import tarfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from infra.localcloud.jobs.request import Input, JobRequest, Kind, Machine, Output
from infra.localcloud.jobs.transfer import ObjectStore

HOST = "algo-1"
OPT_ML = "opt/ml"
TRAINING_CHANNELS = "/opt/ml/input/data"
CHECKPOINTS = "/opt/ml/checkpoints"
PROCESSING_ROOT = "/opt/ml/processing"
MESSAGE_CHARACTERS = 1024
DAY_SECONDS = 86_400


def training_request(request: Mapping[str, Any], arn: str) -> JobRequest:
    """Read a CreateTrainingJob request, which was validated."""
    algorithm, resources = request["AlgorithmSpecification"], request["ResourceConfig"]
    name, channels = request["TrainingJobName"], request.get("InputDataConfig") or ()
    target = request["OutputDataConfig"]
    uri, key = f"{target['S3OutputPath'].rstrip('/')}/{name}/output", target.get("KmsKeyId") or None
    return JobRequest(
        kind=Kind.TRAINING,
        name=name,
        identifier=arn,
        image=algorithm["TrainingImage"],
        role=request["RoleArn"],
        machine=Machine(resources["InstanceType"], resources["InstanceCount"], resources["VolumeSizeInGB"]),
        max_runtime_seconds=(request.get("StoppingCondition") or {}).get("MaxRuntimeInSeconds", DAY_SECONDS),
        entrypoint=_words(algorithm.get("ContainerEntrypoint")),
        # The vendor starts the image with the word `train`, unless the request brings words of its own.
        arguments=_words(algorithm.get("ContainerArguments"))
        or (() if algorithm.get("ContainerEntrypoint") else ("train",)),
        environment=dict(request.get("Environment") or {}),
        parameters=dict(request.get("HyperParameters") or {}),
        inputs=tuple(_channel(channel) for channel in channels),
        outputs=(Output("model", uri, "/opt/ml/model", key), Output("output", uri, "/opt/ml/output/data", key)),
        checkpoints=_checkpoints(request.get("CheckpointConfig"), key),
        settings={"channels": {channel["ChannelName"]: _channel_config(channel, algorithm) for channel in channels}},
    )


def processing_request(request: Mapping[str, Any], arn: str) -> JobRequest:
    """Read a CreateProcessingJob request, which was validated."""
    app, cluster = request["AppSpecification"], request["ProcessingResources"]["ClusterConfig"]
    inputs = request.get("ProcessingInputs") or ()
    output_config = request.get("ProcessingOutputConfig") or {}
    outputs, key = output_config.get("Outputs") or (), output_config.get("KmsKeyId") or None
    return JobRequest(
        kind=Kind.PROCESSING,
        name=request["ProcessingJobName"],
        identifier=arn,
        image=app["ImageUri"],
        role=request["RoleArn"],
        machine=Machine(cluster["InstanceType"], cluster["InstanceCount"], cluster["VolumeSizeInGB"]),
        max_runtime_seconds=(request.get("StoppingCondition") or {}).get("MaxRuntimeInSeconds", DAY_SECONDS),
        entrypoint=_words(app.get("ContainerEntrypoint")),
        arguments=_words(app.get("ContainerArguments")),
        environment=dict(request.get("Environment") or {}),
        inputs=tuple(
            Input(item["InputName"], item["S3Input"]["S3Uri"], item["S3Input"]["LocalPath"]) for item in inputs
        ),
        outputs=tuple(
            Output(item["OutputName"], item["S3Output"]["S3Uri"], item["S3Output"]["LocalPath"], key)
            for item in outputs
        ),
        settings={"request": dict(request)},
    )


def environment(job: JobRequest) -> dict[str, str]:
    """Return the variables that the vendor sets, with the request's own over them."""
    label = "TRAINING" if job.kind is Kind.TRAINING else "PROCESSING"
    return {f"{label}_JOB_NAME": job.name, f"{label}_JOB_ARN": job.identifier, **job.environment}


def lay_out(job: JobRequest, files: Path) -> None:
    """Make the folders and configuration files that the container finds; inputs are fetched by `fetch`."""
    kept = [job.checkpoints.path] if job.checkpoints else []
    named = [*(item.path for item in job.inputs), *(item.path for item in job.outputs), *kept]
    for folder in (*named, "/opt/ml/output"):
        _at(files, folder).mkdir(parents=True, exist_ok=True)
    resources = {"current_host": HOST, "hosts": [HOST]}
    if job.kind is Kind.PROCESSING:
        config = files / OPT_ML / "config"
        _write(config / "processingjobconfig.json", _processing_config(job))
        _write(config / "resourceconfig.json", resources)
        return
    config = files / OPT_ML / "input" / "config"
    group = {"instance_group_name": "homogeneousCluster", "instance_type": job.machine.type, "hosts": [HOST]}
    _write(config / "hyperparameters.json", dict(job.parameters))
    _write(config / "inputdataconfig.json", job.settings["channels"])
    _write(
        config / "resourceconfig.json",
        {
            **resources,
            "current_instance_type": job.machine.type,
            "current_group_name": group["instance_group_name"],
            "instance_groups": [group],
            "network_interface_name": "eth0",
        },
    )


def fetch(job: JobRequest, files: Path, store: ObjectStore) -> None:
    """Bring the job's inputs, and the checkpoints of jobs before it, to where it finds them. Raises TransferError."""
    for item in job.inputs:
        store.download(item.uri, _at(files, item.path))
    if job.checkpoints is not None:
        store.download(job.checkpoints.uri, _at(files, job.checkpoints.path), may_be_empty=True)


def collect(job: JobRequest, files: Path, store: ObjectStore, *, succeeded: bool, stopped: bool) -> None:
    """Bring what the job left to where it was asked for. Raises TransferError.

    A training job that fails leaves no model, but its other output; one that is stopped leaves what it had saved.
    Its checkpoints are left in any case (the vendor uploads them all the time, we at the end). A processing job that
    does not succeed leaves nothing.
    """
    if job.checkpoints is not None:
        store.upload_folder(_at(files, job.checkpoints.path), job.checkpoints.uri, job.checkpoints.key)
    if job.kind is Kind.PROCESSING:
        for item in job.outputs if succeeded else ():
            store.upload_folder(_at(files, item.path), item.uri, item.key)
        return
    for item in job.outputs:
        folder = _at(files, item.path)
        filled = any(folder.iterdir())
        wanted = (succeeded or (stopped and filled)) if item.name == "model" else filled
        if wanted:
            archive = folder.with_name(f"{item.name}.tar.gz.stile")
            _pack(folder, archive)
            store.upload_file(archive, f"{item.uri}/{item.name}.tar.gz", item.key)


def message(job: JobRequest, files: Path) -> str:
    """Return what the job itself said of its end: its failure file or exit message, cut to the vendor's length."""
    path = files / OPT_ML / "output" / ("failure" if job.kind is Kind.TRAINING else "message")
    if not path.is_file() or path.is_symlink():
        return ""
    return path.read_text("utf-8", "replace")[:MESSAGE_CHARACTERS]


def model_uri(job: JobRequest) -> str:
    """Return where a training job's model goes."""
    return f"{job.outputs[0].uri}/model.tar.gz"


def _checkpoints(config: Mapping[str, Any] | None, key: str | None) -> Output | None:
    if not config:
        return None
    return Output("checkpoints", config["S3Uri"], config.get("LocalPath") or CHECKPOINTS, key)


def _words(value: Any) -> tuple[str, ...] | None:
    return tuple(value) if value else None


def _channel(channel: Mapping[str, Any]) -> Input:
    uri = channel["DataSource"]["S3DataSource"]["S3Uri"]
    return Input(channel["ChannelName"], uri, f"{TRAINING_CHANNELS}/{channel['ChannelName']}")


def _channel_config(channel: Mapping[str, Any], algorithm: Mapping[str, Any]) -> dict[str, str]:
    source = channel["DataSource"]["S3DataSource"]
    config = {
        # FastFile shows the same files; here they are copied first.
        "TrainingInputMode": channel.get("InputMode") or algorithm["TrainingInputMode"],
        "S3DistributionType": source.get("S3DataDistributionType") or "FullyReplicated",
        "RecordWrapperType": channel.get("RecordWrapperType") or "None",
    }
    if channel.get("ContentType"):
        config["ContentType"] = channel["ContentType"]
    return config


def _processing_config(job: JobRequest) -> dict[str, Any]:
    request = job.settings["request"]
    assert isinstance(request, dict)  # noqa: S101 - made by processing_request
    keys = ("ProcessingInputs", "ProcessingOutputConfig", "ProcessingResources", "RoleArn", "StoppingCondition")
    return {
        "ProcessingJobArn": job.identifier,
        "ProcessingJobName": job.name,
        "AppSpecification": request["AppSpecification"],
        "Environment": dict(job.environment),
        **{key: request[key] for key in keys if request.get(key) is not None},
    }


def _at(files: Path, path: str) -> Path:
    return files / path.lstrip("/")


def _write(path: Path, content: Any) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content, indent=1))


def _pack(folder: Path, archive: Path) -> None:
    with tarfile.open(archive, "w:gz", compresslevel=6) as tar:
        for entry in sorted(folder.iterdir()):
            tar.add(entry, arcname=entry.name)
