"""What tests ask a demo's cloud about, by the vendor's own clients and with what `stile env` exports; side by side."""

import io
import json
import tarfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import boto3

from tests.localcloud.gcp.serving import google_client

RETRIES = 2  # the demo's clients lie idle between tests, and the server closes their connections
Rows = Sequence[Mapping[str, Any]]


@dataclass(frozen=True)
class Version:
    """One version of the demo's model.

    Attributes:
        run_id: of the MLflow run that trained it.
        uri: where its model lies.
    """

    candidate: str
    approved: bool
    reason: str
    execution: str
    run_id: str
    uri: str


class Vendor(Protocol):
    """One cloud, as its vendor's clients see it."""

    @property
    def client(self) -> Callable[..., Any]:
        """Returns the client of a service, on Google Cloud of a version of its API."""

    def read(self, uri: str) -> bytes:
        """An object's bytes."""

    def versions(self, group: str) -> list[Version]:
        """All versions of a model."""

    def models(self) -> list[str]:
        """All models of the account, by their names."""

    def model_file(self, version: Version) -> bytes:
        """The skops file of a version."""

    def live(self, endpoint: str) -> str:
        """Where the model lies that an endpoint serves."""

    def ask(self, endpoint: str, rows: Rows) -> list[dict[str, Any]]:
        """The predictions of one request."""

    def executions(self, pipeline: str) -> list[str]:
        """The runs of a pipeline."""

    def has_begun(self, execution: str) -> bool:
        """Whether a job of a run was started."""

    def is_stopped(self, execution: str) -> bool:
        """Whether a run was stopped, and has ended."""

    def close(self) -> None:
        """Close the connections."""


class Aws:
    """SageMaker and S3, by boto3."""

    def __init__(self, variables: Mapping[str, str]) -> None:
        self._variables = variables

    def client(self, service: str) -> Any:
        """The client of a service."""
        return boto3.client(
            service,
            endpoint_url=self._variables["AWS_ENDPOINT_URL"],
            region_name=self._variables["AWS_REGION"],
            aws_access_key_id=self._variables["AWS_ACCESS_KEY_ID"],
            aws_secret_access_key=self._variables["AWS_SECRET_ACCESS_KEY"],
        )

    def read(self, uri: str) -> bytes:
        """An object of S3."""
        bucket, _, key = uri.removeprefix("s3://").partition("/")
        body: bytes = self.client("s3").get_object(Bucket=bucket, Key=key)["Body"].read()
        return body

    def versions(self, group: str) -> list[Version]:
        """The packages of a group."""
        sagemaker = self.client("sagemaker")
        listed = sagemaker.list_model_packages(ModelPackageGroupName=group)["ModelPackageSummaryList"]
        return [
            self._version(sagemaker.describe_model_package(ModelPackageName=one["ModelPackageArn"])) for one in listed
        ]

    @staticmethod
    def _version(package: Mapping[str, Any]) -> Version:
        about = package["CustomerMetadataProperties"]
        return Version(
            candidate=about["candidate"],
            approved=package["ModelApprovalStatus"] == "Approved",
            reason=package["ApprovalDescription"],
            execution=about["execution_id"],
            run_id=about["mlflow_run_id"],
            uri=package["InferenceSpecification"]["Containers"][0]["ModelDataUrl"],
        )

    def models(self) -> list[str]:
        """The groups of packages."""
        listed = self.client("sagemaker").list_model_package_groups()["ModelPackageGroupSummaryList"]
        return [group["ModelPackageGroupName"] for group in listed]

    def model_file(self, version: Version) -> bytes:
        """The file in the package's archive."""
        with tarfile.open(fileobj=io.BytesIO(self.read(version.uri))) as files:
            member = files.extractfile(next(name for name in files.getnames() if name.endswith("model.skops")))
            assert member is not None
            return member.read()

    def live(self, endpoint: str) -> str:
        """By the endpoint's configuration, its model and that model's package."""
        sagemaker = self.client("sagemaker")
        config = sagemaker.describe_endpoint(EndpointName=endpoint)["EndpointConfigName"]
        (variant,) = sagemaker.describe_endpoint_config(EndpointConfigName=config)["ProductionVariants"]
        container = sagemaker.describe_model(ModelName=variant["ModelName"])["PrimaryContainer"]
        package = sagemaker.describe_model_package(ModelPackageName=container["ModelPackageName"])
        return str(package["InferenceSpecification"]["Containers"][0]["ModelDataUrl"])

    def ask(self, endpoint: str, rows: Rows) -> list[dict[str, Any]]:
        """Invoke the endpoint."""
        answer = self.client("sagemaker-runtime").invoke_endpoint(
            EndpointName=endpoint, ContentType="application/json", Body=json.dumps({"instances": list(rows)})
        )
        predictions: list[dict[str, Any]] = json.loads(answer["Body"].read())["predictions"]
        return predictions

    def executions(self, pipeline: str) -> list[str]:
        """The pipeline's executions."""
        listed = self.client("sagemaker").list_pipeline_executions(PipelineName=pipeline)
        return [one["PipelineExecutionArn"] for one in listed["PipelineExecutionSummaries"]]

    def has_begun(self, execution: str) -> bool:
        """A step names its job."""
        listed = self.client("sagemaker").list_pipeline_execution_steps(PipelineExecutionArn=execution)
        return any("Metadata" in step for step in listed["PipelineExecutionSteps"])

    def is_stopped(self, execution: str) -> bool:
        """By the execution's status."""
        described = self.client("sagemaker").describe_pipeline_execution(PipelineExecutionArn=execution)
        return bool(described["PipelineExecutionStatus"] == "Stopped")

    def close(self) -> None:
        """Each call's client is its own."""


class Google:
    """Vertex AI and Cloud Storage, by Google's client."""

    def __init__(self, variables: Mapping[str, str]) -> None:
        self._variables = variables
        self._clients: dict[tuple[str, str], Any] = {}
        self._place = f"projects/{variables['GOOGLE_CLOUD_PROJECT']}/locations/{variables['GOOGLE_CLOUD_LOCATION']}"

    def client(self, service: str, version: str = "v1") -> Any:
        """The client of a service."""
        key = (service, version)
        if key not in self._clients:
            variables = self._variables
            token = variables["CLOUDSDK_AUTH_ACCESS_TOKEN"]
            self._clients[key] = google_client(variables["STILE_GCP_ENDPOINT"], service, version, token)
        return self._clients[key]

    def close(self) -> None:
        """Close the connections."""
        for client in self._clients.values():
            client.close()

    @property
    def _vertex(self) -> Any:
        return self.client("aiplatform").projects().locations()

    def read(self, uri: str) -> bytes:
        """An object of Cloud Storage."""
        bucket, _, key = uri.removeprefix("gs://").partition("/")
        body: bytes = self.client("storage").objects().get_media(bucket=bucket, object=key).execute(num_retries=RETRIES)
        return body

    def versions(self, group: str) -> list[Version]:
        """The versions of a model."""
        listed = (
            self._vertex.models()
            .listVersions(name=f"{self._place}/models/{group}")
            .execute(num_retries=RETRIES)["models"]
        )
        return [
            Version(
                candidate=model["labels"]["stile-candidate"],
                approved=model["labels"]["stile-status"] == "approved",
                reason=model["versionDescription"],
                execution=model["metadata"]["execution_id"],
                run_id=model["metadata"]["mlflow_run_id"],
                uri=model["artifactUri"],
            )
            for model in listed
        ]

    def models(self) -> list[str]:
        """The models of Vertex AI's registry."""
        listed = self._vertex.models().list(parent=self._place).execute(num_retries=RETRIES)
        return [model["name"] for model in listed.get("models", ())]

    def model_file(self, version: Version) -> bytes:
        """The file in the version's folder."""
        return self.read(f"{version.uri.rstrip('/')}/model.skops")

    def live(self, endpoint: str) -> str:
        """By the model that the endpoint has deployed."""
        (deployed,) = self._vertex.endpoints().get(name=endpoint).execute(num_retries=RETRIES)["deployedModels"]
        name = f"{deployed['model'].partition('@')[0]}@{deployed['modelVersionId']}"
        return str(self._vertex.models().get(name=name).execute(num_retries=RETRIES)["artifactUri"])

    def ask(self, endpoint: str, rows: Rows) -> list[dict[str, Any]]:
        """Predict."""
        answer = (
            self._vertex.endpoints()
            .predict(endpoint=endpoint, body={"instances": list(rows)})
            .execute(num_retries=RETRIES)
        )
        predictions: list[dict[str, Any]] = answer["predictions"]
        return predictions

    def executions(self, pipeline: str) -> list[str]:
        """The pipeline jobs; the demo has one pipeline."""
        listed = self._vertex.pipelineJobs().list(parent=self._place).execute(num_retries=RETRIES)
        return [job["name"] for job in listed.get("pipelineJobs", ())]

    def has_begun(self, execution: str) -> bool:
        """A task runs."""
        described = self._vertex.pipelineJobs().get(name=execution).execute(num_retries=RETRIES)
        return any(task["state"] == "RUNNING" for task in described.get("jobDetail", {}).get("taskDetails", ()))

    def is_stopped(self, execution: str) -> bool:
        """By the job's state."""
        described = self._vertex.pipelineJobs().get(name=execution).execute(num_retries=RETRIES)
        return bool(described["state"] == "PIPELINE_STATE_CANCELLED")


VENDORS: Mapping[str, Callable[[Mapping[str, str]], Vendor]] = {"aws": Aws, "gcp": Google}
