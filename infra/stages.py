"""The stages of a platform as its state has them: what each is in its cloud, and whether it is there."""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from components.stages import STAGES

Status = Literal["there", "none", "missing", "gone"]

# Stage -> what a person looks for there: type and name of the kind; the other types below the stage are its details.
SHOWN: Mapping[str, Mapping[str, str]] = {
    "storage": {
        "aws:s3/bucket:Bucket": "S3 bucket",
        "aws:kms/alias:Alias": "key",
        "gcp:storage/bucket:Bucket": "Cloud Storage bucket",
        "gcp:kms/cryptoKey:CryptoKey": "key",
    },
    "images": {
        "aws:ecr/repository:Repository": "ECR repository",
        "gcp:artifactregistry/repository:Repository": "Artifact Registry repository",
        "stile:images:Image": "image",
    },
    "identity": {"aws:iam/role:Role": "IAM role", "gcp:serviceaccount/account:Account": "service account"},
    "tracking": {
        "aws:sagemaker/mlflowApp:MlflowApp": "MLflow App",
        "aws:sagemaker/mlflowTrackingServer:MlflowTrackingServer": "MLflow tracking server",
        "gcp:cloudrunv2/service:Service": "Cloud Run service",
        "gcp:sql/databaseInstance:DatabaseInstance": "Cloud SQL instance",
    },
    "training": {},
    "registry": {"aws:sagemaker/modelPackageGroup:ModelPackageGroup": "model package group"},
    "pipeline": {
        "aws:sagemaker/pipeline:Pipeline": "SageMaker pipeline",
        "gcp:storage/bucketObject:BucketObject": "Vertex AI pipeline",
    },
    "endpoint": {
        "aws:sagemaker/endpoint:Endpoint": "SageMaker endpoint",
        "gcp:vertex/aiEndpoint:AiEndpoint": "Vertex AI endpoint",
    },
    "monitoring": {
        "aws:cloudwatch/metricAlarm:MetricAlarm": "CloudWatch alarm",
        "aws:cloudwatch/dashboard:Dashboard": "dashboard",
        "aws:sns/topic:Topic": "SNS topic",
        "gcp:monitoring/alertPolicy:AlertPolicy": "alert policy",
        "gcp:monitoring/dashboard:Dashboard": "dashboard",
        "gcp:pubsub/topic:Topic": "Pub/Sub topic",
    },
    "budget": {"aws:budgets/budget:Budget": "AWS budget", "gcp:billing/budget:Budget": "Google Cloud budget"},
}
# What a stage is that has nothing of its own in the state: used as it was given, or of another kind.
OTHERWISE = {
    "storage": "a bucket that exists: {data_bucket}",
    "images": "a repository that exists: {image_uri}",
    "identity": "roles that exist: {job_role_arn}",
    "tracking": "an MLflow that exists: {tracking_uri}",
    "training": "jobs of that image; no resource of its own",
    "registry": "models that begin with their first version; no resource of its own",
}
NOT_YET = {"endpoint": "no endpoint: nothing is released"}
DIGEST = len("sha256:") + 12
COMPONENT = re.compile(r"\bstile:index:([A-Z][A-Za-z]*)\b")
STAGE_OF = {component: stage for stage, component in STAGES.items()}


@dataclass(frozen=True)
class Stage:
    """One stage.

    Attributes:
        what: what it is in this cloud, in words.
        status: `there`; `none` where it rightly has nothing yet; `missing` from the state; `gone` with the local cloud.
        resources: type and id of everything that it has in the cloud.
    """

    name: str
    what: str
    status: Status
    resources: tuple[Mapping[str, str], ...]


def stages(resources: Sequence[Mapping[str, Any]], outputs: Mapping[str, Any], *, is_gone: bool) -> list[Stage]:
    """Return all stages, in the order in which work passes through them.

    Args:
        resources: those of the state.
        outputs: the stack's outputs.
        is_gone: the state speaks of a local cloud that is no more.
    """
    return [_stage(name, resources, outputs, is_gone=is_gone) for name in SHOWN]


def _stage(name: str, resources: Sequence[Mapping[str, Any]], outputs: Mapping[str, Any], *, is_gone: bool) -> Stage:
    own = [one for one in resources if stage_of(one["urn"]) == name]
    held = tuple({"type": one["type"], "id": str(one["id"])} for one in own if one.get("id"))
    shown = _shown(name, [one for one in own if one.get("id")])
    if not own:
        return Stage(name, "", "missing", ())
    if shown:
        return Stage(name, shown, "gone" if is_gone else "there", held)
    if name in NOT_YET:
        return Stage(name, NOT_YET[name], "none", held)
    return Stage(name, OTHERWISE.get(name, "").format_map(_Known(outputs)), "gone" if is_gone else "there", held)


class _Known(dict[str, Any]):
    def __missing__(self, key: str) -> str:
        return "unknown"


def _shown(name: str, resources: Sequence[Mapping[str, Any]]) -> str:
    titles = SHOWN[name]
    found = {
        title: [one for one in resources if titles.get(one["type"]) == title]
        for title in dict.fromkeys(titles.values())
    }
    return ", ".join(_counted(title, ones) for title, ones in found.items() if ones)


def _counted(title: str, ones: Sequence[Mapping[str, Any]]) -> str:
    several = f"{title[:-1]}ies" if title.endswith("y") else f"{title}s"
    return f"{title} {_called(ones[0])}" if len(ones) == 1 else f"{len(ones)} {several}"


def _called(resource: Mapping[str, Any]) -> str:
    """Return the name that a console shows: an id may be an ARN, and an image is known by its digest."""
    outputs = resource.get("outputs", {})
    if "digest" in outputs:
        return str(outputs["digest"])[:DIGEST]
    known = _title(outputs) or outputs.get("displayName") or outputs.get("name") or outputs.get("bucket")
    return str(known or resource["id"])


def _title(outputs: Mapping[str, Any]) -> str:
    """Return the name of a dashboard of Cloud Monitoring: it is in its body, and its id is a number of Google's."""
    try:
        body = json.loads(outputs.get("dashboardJson", "{}"))
    except (TypeError, ValueError):  # encrypted in the state, or still unknown
        return ""
    return str(body.get("displayName", "")) if isinstance(body, dict) else ""


def stage_of(urn: str) -> str:
    """Return the stage in whose component a resource stands, by its URN; empty for one that stands in none."""
    components = COMPONENT.findall(urn.split("::")[2])
    return next((STAGE_OF[name] for name in components if name in STAGE_OF), "")
