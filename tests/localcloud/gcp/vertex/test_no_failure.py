"""Whatever is sent to Vertex AI's methods, they answer, and never with a failure of their own."""

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from infra.localcloud.gcp.routes import Method
from infra.localcloud.gcp.store import Record
from tests.localcloud.gcp.serving import PLACE, Served, served
from tests.localcloud.gcp.test_fuzz import values
from tests.localcloud.gcp.test_sweep import DEPTH, HANDLED, ROUTES, everything, full, required
from tests.localcloud.gcp.vertex.test_pipelines import spec

API = "aiplatform.v1"
PREFIX = "GoogleCloudAiplatformV1"
SCHEMAS = ROUTES.documents[API].schemas
METHODS = [method for method in ROUTES.documents[API].methods() if (API, method.id) in HANDLED]
MODELS = "aiplatform.projects.locations.models"
MODEL = f"{PLACE}/models/known"
MACHINE = {"machineSpec": {"machineType": "n1-standard-4"}}
POOL = {**MACHINE, "containerSpec": {"imageUri": "image"}}
JOB = {"displayName": "known", "jobSpec": {"workerPoolSpecs": [POOL]}}
PIPELINE = {
    "pipelineSpec": spec("image", one=("x",)),
    "runtimeConfig": {"gcsOutputDirectory": "gs://bucket/root"},
}
SCHEDULE = {
    "displayName": "known",
    "cron": "0 0 * * *",
    "maxConcurrentRunCount": "1",
    "createPipelineJobRequest": {"pipelineJob": PIPELINE},
}
BATCH = {
    "displayName": "known",
    "model": MODEL,
    "dedicatedResources": MACHINE,
    "inputConfig": {"instancesFormat": "jsonl", "gcsSource": {"uris": ["gs://bucket/x"]}},
    "outputConfig": {"predictionsFormat": "jsonl", "gcsDestination": {"outputUriPrefix": "gs://bucket/out"}},
}
DEPLOYED = {"deployedModel": {"model": MODEL, "dedicatedResources": {**MACHINE, "minReplicaCount": 1}}}
# Method, path, schema, and what is sent beside what is drawn.
REQUESTS: tuple[tuple[str, str, str, dict[str, Any]], ...] = (
    ("POST", "models:upload", "UploadModelRequest", {}),
    ("PATCH", "models/known@1?updateMask=labels,versionDescription", "Model", {}),
    ("POST", "models/known:mergeVersionAliases", "MergeVersionAliasesRequest", {}),
    ("POST", "endpoints", "Endpoint", {"displayName": "known"}),
    ("PATCH", "endpoints/known?updateMask=trafficSplit,labels", "Endpoint", {}),
    ("POST", "endpoints/known:deployModel", "DeployModelRequest", DEPLOYED),
    ("POST", "endpoints/known:undeployModel", "UndeployModelRequest", {}),
    ("POST", "endpoints/known:mutateDeployedModel", "MutateDeployedModelRequest", {}),
    ("POST", "endpoints/known:predict", "PredictRequest", {}),
    ("POST", "customJobs", "CustomJob", JOB),
    ("POST", "batchPredictionJobs", "BatchPredictionJob", BATCH),
    ("POST", "pipelineJobs", "PipelineJob", PIPELINE),
    ("POST", "schedules", "Schedule", SCHEDULE),
)


@pytest.fixture(scope="module")
def own(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """A cloud with one of each kind, whose registry does not answer."""
    with served(tmp_path_factory.mktemp("own")) as found:
        found.cloud.registry_url = "http://127.0.0.1:9"
        _furnish(found)
        yield found


def _furnish(gcp: Served) -> None:
    for kind, query, body in (
        ("endpoints", "endpointId=known", {"displayName": "known"}),
        ("customJobs", "", JOB),
        ("pipelineJobs", "pipelineJobId=known", PIPELINE),
        ("schedules", "", SCHEDULE),
    ):
        answer = gcp.http.post(f"/v1/{PLACE}/{kind}?{query}", json=body)
        assert answer.is_success, answer.text
    # No image can be had here, without which no model is uploaded.
    time = "2026-01-01T00:00:00Z"
    own = {"name": MODEL, "displayName": "known", "createTime": time, "updateTime": time, "etag": "a"}
    gcp.cloud.store.add(MODELS, Record(MODEL, own, {"last": 1}))
    version = {"versionId": "1", "versionUpdateTime": time, "etag": "b", "versionAliases": ["default"]}
    container = {"containerSpec": {"imageUri": "image"}}
    gcp.cloud.store.add(f"{MODELS}.versions", Record(f"{MODEL}@1", {**version, **container}))


def path(gcp: Served, method: Method) -> str:
    """Return a path that the method serves; it names what is there, if there is one of that kind."""
    filled = re.sub(r"\{projectsId\}", "stile-local", method.flat_path).replace("{locationsId}", "us-central1")
    for kind in ("endpoints", "customJobs", "pipelineJobs", "schedules"):
        collection = f"aiplatform.projects.locations.{kind}"
        known = [one.name.rpartition("/")[2] for one in gcp.cloud.store.all(collection)]
        filled = filled.replace(f"{{{kind}Id}}", known[0] if known else "known")
    return "/" + re.sub(r"\{[^}]*\}", "known", filled)


def test_no_method_fails_with_nothing_or_everything_in_its_body(own: Served) -> None:
    """Protects: an answer that fits its schema, a refusal, or 501, for each method on what is there and what is not."""
    wrong = []
    last = ("delete", "cancel", "deleteVersion")
    for method in sorted(METHODS, key=lambda one: one.verb_name in last):
        bodies = (
            [full(SCHEMAS, {"$ref": method.request}, depth) for depth in range(DEPTH + 1)] if method.request else []
        )
        for body, query in ((None, required(method)), *((one, everything(method)) for one in bodies)):
            answer = own.http.request(method.verb, path(own, method), params=query, json=body)
            if answer.status_code >= 500 and answer.status_code != 501:
                wrong.append(f"{method.id}: {answer.status_code} {answer.text[:300]}")
    assert wrong == []
    assert len(METHODS) > 40


@pytest.mark.slow
@pytest.mark.parametrize(("verb", "at", "schema", "given_"), REQUESTS, ids=[row[2] + row[0] for row in REQUESTS])
@settings(max_examples=60)
@given(data=st.data())
def test_no_body_makes_it_fail(
    own: Served, verb: str, at: str, schema: str, given_: dict[str, Any], data: st.DataObject
) -> None:
    """Protects: values at the edges, and fields in any mixture beside sound ones."""
    drawn = data.draw(values(SCHEMAS, {"$ref": PREFIX + schema}))
    for body in (drawn, {**drawn, **given_}, {**given_, **drawn}):
        answer = own.http.request(verb, f"/v1/{PLACE}/{at}", content=json.dumps(body).encode("utf-8", "replace"))
        assert answer.status_code < 500 or answer.status_code == 501, answer.text
