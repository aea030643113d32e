"""The registry on Vertex AI: each version a version of the model's entry in the Model Registry.

Vertex AI knows no approval. What stands for it is a label of the version, `stile-status`: a label may be on many
versions, an alias on one only. The alias `default`, by which a model without a version is meant, moves to each approved
version. What a version is made of (its digest among it) is its metadata, for a label holds 63 characters and no dots;
the reason is its description. The digest is in the container's variables too, by which a server checks what it loads.

Source: the discovery document of aiplatform v1; UpdateModelRequest in google/cloud/aiplatform/v1/model_service.proto,
by which labels are the version's own.
"""

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ml_jobs.contracts import cloud_storage
from ml_jobs.contracts.google_apis import RETRIES, client, location, project, told
from ml_jobs.errors import JobError
from ml_jobs.registry import APPROVED, REJECTED, Entry, Status, Version, same_status
from ml_jobs.settings import Settings

MAX_DESCRIPTION_CHARACTERS = 1024
SCHEMA = "stile.version/1"
STATUS = "stile-status"
CANDIDATE = "stile-candidate"
LABELS: Mapping[Status, str] = {APPROVED: "approved", REJECTED: "rejected"}
DEFAULT = "default"
PORT = 8080
PREDICT_ROUTE, HEALTH_ROUTE = "/predict", "/health"
WAIT = "30s"


class VertexRegistry:
    """One model of the Model Registry, by its id; it begins with its first version."""

    def __init__(self, group: str, image: str, environment: Mapping[str, str], parent: str) -> None:
        """Take the model's id, the image that serves it, that container's variables, and project and location."""
        self._group = group
        self._image = image
        self._environment = environment
        self._parent = parent
        self._name = f"{parent}/models/{group}"

    @classmethod
    def of(cls, settings: Settings) -> "VertexRegistry":
        """Return the registry of the settings' group.

        Raises:
            JobError: the group, the image, the use case, the project or the region is not set.
        """
        if settings.model_package_group is None or settings.image is None or settings.use_case is None:
            raise JobError("the registry on Vertex AI needs STILE_MODEL_PACKAGE_GROUP, STILE_IMAGE and STILE_USE_CASE")
        environment = {"STILE_CLOUD": "gcp", "STILE_MODEL": settings.model, "STILE_USE_CASE": settings.use_case}
        environment |= {name: os.environ[name] for name in ("STILE_SERVING_URI",) if os.environ.get(name)}
        parent = f"projects/{project(os.environ)}/locations/{location(os.environ)}"
        return cls(settings.model_package_group, settings.image, environment, parent)

    def champion(self) -> Version | None:
        """Return the newest approved version, or None."""
        approved = [version for version in self._versions() if version.status == APPROVED]
        return max(approved, key=lambda version: version.number, default=None)

    def fetch(self, version: Version, folder: Path) -> Path:
        """Download the version's files into `folder`."""
        what = f"version {version.number} of {self._group}"
        with told(what), client("aiplatform", "v1") as vertex:
            models = vertex.projects().locations().models()
            found = models.get(name=version.identifier).execute(num_retries=RETRIES)
        uri = found.get("artifactUri")
        if not uri:
            raise JobError(f"{what} does not say where its files lie")
        folder.mkdir(parents=True, exist_ok=True)
        try:
            cloud_storage.download(uri, folder)
        except JobError as error:
            raise JobError(f"{what}: {error}") from error
        return folder

    def register(self, entry: Entry) -> Version:
        """Upload a version with its status: there is no time in which it has none."""
        versions = self._versions()
        known = next((version for version in versions if entry.is_in(version)), None)
        if known is not None:
            return same_status(entry, known)
        request = self._request(entry) | ({"parentModel": self._name} if versions else {"modelId": self._group})
        with told(f"registering {entry.candidate} in {self._group}"), client("aiplatform", "v1") as vertex:
            locations = vertex.projects().locations()
            started = locations.models().upload(parent=self._parent, body=request).execute(num_retries=RETRIES)
            number = _finished(vertex, started)["modelVersionId"]
            return _version(_get(locations.models(), f"{self._name}@{number}"))

    def _request(self, entry: Entry) -> dict[str, Any]:
        if entry.model_uri is None:
            raise JobError(
                f"nobody said where {entry.candidate}'s model lies in Cloud Storage; run as a job with inputs"
            )
        environment = {**self._environment, "STILE_MODEL_SHA256": entry.sha256}
        about = {"schema": SCHEMA, **entry.all_properties}
        if entry.metrics_uri is not None:
            about["metrics_uri"] = entry.metrics_uri
        model = {
            "displayName": self._group,
            "versionDescription": entry.reason[:MAX_DESCRIPTION_CHARACTERS],
            "labels": {**_labels(), STATUS: LABELS[entry.status], CANDIDATE: entry.candidate},
            # By the key of its endpoint: https://cloud.google.com/vertex-ai/docs/general/cmek
            **({"encryptionSpec": {"kmsKeyName": key}} if (key := os.environ.get("STILE_KMS_KEY")) else {}),
            "metadata": about,
            "artifactUri": entry.model_uri,
            "containerSpec": {
                "imageUri": self._image,
                "args": ["serve"],
                "env": [{"name": name, "value": value} for name, value in sorted(environment.items())],
                "ports": [{"containerPort": PORT}],
                "predictRoute": PREDICT_ROUTE,
                "healthRoute": HEALTH_ROUTE,
            },
            **({"versionAliases": [DEFAULT]} if entry.status == APPROVED else {}),
        }
        return {"model": model}

    def _versions(self) -> list[Version]:
        """Return all versions; none where the model has not begun yet."""
        found: list[Version] = []
        with told(f"the versions of {self._group}"), client("aiplatform", "v1") as vertex:
            models = vertex.projects().locations().models()
            request = models.listVersions(name=self._name)
            while request is not None:
                page = _page(request)
                found += [_version(model) for model in page.get("models", ())]
                request = models.listVersions_next(request, page)
        return found


def _labels() -> dict[str, str]:
    """Return the labels of the stack whose model it is; none by hand."""
    labels: dict[str, str] = json.loads(os.environ.get("STILE_LABELS") or "{}")
    return labels


def _page(request: Any) -> dict[str, Any]:
    from googleapiclient.errors import HttpError

    try:
        page: dict[str, Any] = request.execute(num_retries=RETRIES)
    except HttpError as error:
        if error.resp.status != 404:
            raise
        return {}
    return page


def _get(models: Any, name: str) -> dict[str, Any]:
    found: dict[str, Any] = models.get(name=name).execute(num_retries=RETRIES)
    return found


def _finished(vertex: Any, operation: dict[str, Any]) -> dict[str, Any]:
    """Wait for an operation's end and return its response. Raises JobError where it failed."""
    locations = vertex.projects().locations()
    # Vertex AI names an operation below the model that it makes, or below the location.
    below_model = "/models/" in operation["name"]
    operations = locations.models().operations() if below_model else locations.operations()
    while not operation.get("done"):
        operation = operations.wait(name=operation["name"], timeout=WAIT).execute(num_retries=RETRIES)
    if "error" in operation:
        raise JobError(f"the upload failed: {operation['error'].get('message', operation['error'])}")
    response: dict[str, Any] = operation["response"]
    return response


def _version(model: Mapping[str, Any]) -> Version:
    labels = model.get("labels", {})
    statuses = {label: status for status, label in LABELS.items()}
    number = model["versionId"]
    about = {str(name): str(value) for name, value in (model.get("metadata") or {}).items() if name != "schema"}
    return Version(
        number=int(number),
        identifier=f"{str(model['name']).partition('@')[0]}@{number}",
        status=statuses.get(labels.get(STATUS, ""), labels.get(STATUS, "")),
        reason=str(model.get("versionDescription", "")),
        properties={name: value for name, value in about.items() if name != "metrics_uri"},
    )
