"""Vertex AI's model registry: versions are uploaded, aliases name them, and none is deleted while it is deployed."""

import re
import secrets
from pathlib import Path

from infra.localcloud.gcp import moments, states
from infra.localcloud.gcp.call import Call, Cloud
from infra.localcloud.gcp.errors import Json, invalid, precondition, stale
from infra.localcloud.gcp.masks import paths, updated
from infra.localcloud.gcp.operations import Operation, Outcome
from infra.localcloud.gcp.paging import page
from infra.localcloud.gcp.service import Service
from infra.localcloud.gcp.store import Record
from infra.localcloud.gcp.vertex import artifacts
from infra.localcloud.gcp.vertex.job_cloud import check_account, check_image
from infra.localcloud.gcp.vertex.keys import check_key
from infra.localcloud.gcp.vertex.model_records import (
    DEFAULT,
    MODELS,
    OF_MODEL,
    VERSIONS,
    deployments,
    give_aliases,
    named_version,
    parts,
    shown,
    stamp,
    version_record,
    versions_of,
)

SERVICE = Service("aiplatform.v1", table=Path(__file__).with_name("collections.toml"))
SCHEMA = "GoogleCloudAiplatformV1Model"
# What a request may not set: it is the server's.
OUTPUTS = ("name", "etag", "versionId", "createTime", "updateTime", "versionCreateTime", "versionUpdateTime")
MODEL_ID = re.compile(r"[a-z_][a-z0-9_-]{0,62}")
MOST_DISPLAY_NAME = 128
JSONL = ["jsonl"]


@SERVICE.method(f"{MODELS}.upload")
def upload(call: Call) -> Json:
    """Make a model, or a new version of one; its files are copied, so that later changes of them change nothing."""
    sent = {name: value for name, value in call.body.get("model", {}).items() if name not in OUTPUTS}
    parent = parts(call.body["parentModel"], "parentModel")[0] if call.body.get("parentModel") else None
    _check(call, sent)
    name = parent or f"{call.name}/models/{_new_id(call)}"
    outcome = Outcome("GoogleCloudAiplatformV1UploadModelResponse", SCHEMA)

    def work(_: Operation) -> Json:
        staged = artifacts.stage(call.cloud, sent.get("artifactUri"))
        with call.cloud.store.locked():
            version = _keep(call.cloud, name, sent, is_new=parent is None)
            call.cloud.store.change(VERSIONS, version.name, lambda record: record.hidden.update(storage_uri=staged))
        return {"model": name, "modelVersionId": version.body["versionId"]}

    transition = states.transition("model", "upload", name)
    return call.cloud.operations.run(call.method, name, outcome, work, transition)


@SERVICE.method(f"{MODELS}.get")
def get(call: Call) -> Json:
    """Answer the version that the name means."""
    return shown(call.cloud, named_version(call))


@SERVICE.method(f"{MODELS}.list")
def list_(call: Call) -> Json:
    """Answer a page of the models, each in its default version."""
    below = f"{call.name}/models/"
    found = [
        Record(model.name, shown(call.cloud, version_record(call.cloud, model.name)), number=model.number)
        for model in call.cloud.store.all(MODELS, below)
    ]
    return _page(call, found)


@SERVICE.method(f"{MODELS}.listVersions")
def list_versions(call: Call) -> Json:
    """Answer a page of the versions of a model, whose names have the version's number."""
    model, _ = parts(call.name)
    call.cloud.store.get(MODELS, model)
    return _page(
        call,
        [
            Record(one.name, shown(call.cloud, one, versioned=True), number=one.number)
            for one in versions_of(call.cloud, model)
        ],
    )


@SERVICE.method(f"{MODELS}.patch")
def patch(call: Call) -> Json:
    """Change a model, or a version where the name has one after an @ (but for `@-`, which means the model)."""
    model, wanted = parts(call.name)
    masked = paths(call.method.document, SCHEMA, str(call.query.get("updateMask") or ",".join(call.body)))
    of_version = wanted not in ("", "-")
    allowed = {"labels", "versionDescription"} if of_version else {"labels", *OF_MODEL}
    for path in masked:
        if path[0] not in allowed | set(OUTPUTS):
            raise invalid(f"Field '{path[0]}' cannot be updated of {call.name}.", field=f"updateMask.{path[0]}")
    name = call.name.removesuffix("@-")

    def change(record: Record) -> None:
        if call.body.get("etag") not in (None, shown(call.cloud, version_record(call.cloud, name))["etag"]):
            raise stale(record.name)
        record.body = updated(record.body, call.body, [path for path in masked if path[0] in allowed])
        if not of_version:
            _check_name(record.body)
        stamp(record)

    kept = version_record(call.cloud, name)
    call.cloud.store.change(VERSIONS if of_version else MODELS, kept.name if of_version else model, change)
    return shown(call.cloud, call.cloud.store.get(VERSIONS, kept.name))


@SERVICE.method(f"{MODELS}.mergeVersionAliases")
def merge_version_aliases(call: Call) -> Json:
    """Give a version aliases; those with a minus before them are taken from it."""
    asked = call.body.get("versionAliases", [])
    if not asked:
        raise invalid("The request has no version aliases.", field="versionAliases")
    added = [alias for alias in asked if not alias.startswith("-")]
    removed = [alias[1:] for alias in asked if alias.startswith("-")]
    both = set(added) & set(removed)
    with call.cloud.store.locked():
        version = named_version(call)
        give_aliases(
            call.cloud,
            version,
            [one for one in added if one not in both],
            [one for one in removed if one not in both],
        )
    return shown(call.cloud, call.cloud.store.get(VERSIONS, version.name))


@SERVICE.method(f"{MODELS}.deleteVersion")
def delete_version(call: Call) -> Json:
    """Delete a version; neither the default one, nor the only one, nor one that is deployed."""
    version = named_version(call)

    def work(_: Operation) -> Json:
        with call.cloud.store.locked():
            kept = named_version(call)
            if len(versions_of(call.cloud, parts(kept.name)[0])) == 1:
                raise precondition(f"{kept.name} is the only version of the Model; delete the Model instead.")
            if DEFAULT in kept.body.get("versionAliases", ()):
                raise precondition(
                    f"{kept.name} is the default version of the Model; give the alias 'default' to another one first."
                )
            _refuse_deployed(call.cloud, kept)
            call.cloud.store.remove(VERSIONS, kept.name)
        artifacts.drop(call.cloud, kept.hidden.get("storage_uri"))
        return {}

    transition = states.transition("model", "delete", version.name)
    return call.cloud.operations.run(call.method, call.name, Outcome(None, SCHEMA), work, transition)


@SERVICE.method(f"{MODELS}.delete")
def delete(call: Call) -> Json:
    """Delete a model with all its versions, of which none may be deployed."""
    model, wanted = parts(call.name)
    if wanted:
        raise invalid(f"Invalid Model name '{call.name}': a version is deleted by deleteVersion.", field="name")
    call.cloud.store.get(MODELS, model)

    def work(_: Operation) -> Json:
        with call.cloud.store.locked():
            call.cloud.store.get(MODELS, model)
            versions = versions_of(call.cloud, model)
            for version in versions:
                _refuse_deployed(call.cloud, version)
            for version in versions:
                call.cloud.store.remove(VERSIONS, version.name)
            call.cloud.store.remove(MODELS, model)
        for version in versions:
            artifacts.drop(call.cloud, version.hidden.get("storage_uri"))
        return {}

    transition = states.transition("model", "delete", model)
    return call.cloud.operations.run(call.method, model, Outcome(None, SCHEMA), work, transition)


def _check(call: Call, sent: Json) -> None:
    _check_name(sent)
    container = sent.get("containerSpec") or {}
    if not container.get("imageUri"):
        raise invalid("Field 'containerSpec.imageUri' is required.", field="model.containerSpec.imageUri")
    check_key(call, sent)
    check_image(call.cloud, container["imageUri"])
    check_account(call.cloud, call.body.get("serviceAccount"))
    if container.get("grpcPorts") or container.get("invokeRoutePrefix"):
        raise invalid("The local cloud serves models by HTTP, at one predict route.", field="model.containerSpec")


def _check_name(body: Json) -> None:
    name = body.get("displayName", "")
    if not name:
        raise invalid("Field 'displayName' is required.", field="model.displayName")
    if len(name) > MOST_DISPLAY_NAME:
        raise invalid(f"Display name must have at most {MOST_DISPLAY_NAME} characters.", field="model.displayName")


def _new_id(call: Call) -> str:
    given = str(call.body.get("modelId", ""))
    if not given:
        return str(secrets.randbelow(9 * 10**18) + 10**18)
    if not MODEL_ID.fullmatch(given):
        raise invalid(f"Invalid modelId '{given}': it must match {MODEL_ID.pattern}.", field="modelId")
    return given


def _keep(cloud: Cloud, name: str, sent: Json, *, is_new: bool) -> Record:
    """Keep a version, and with the first one the model. The lock must be held."""
    now = moments.now()
    aliases = list(sent.get("versionAliases", []))
    if is_new:
        own = {key: sent[key] for key in OF_MODEL if key in sent}
        model = Record(name, {"name": name, **own, "createTime": now}, {"last": 0})
        stamp(model)
        cloud.store.add(MODELS, model)
        aliases = [*aliases, *([DEFAULT] if DEFAULT not in aliases else [])]
    number = cloud.store.get(MODELS, name).hidden["last"] + 1
    cloud.store.change(MODELS, name, lambda record: record.hidden.update(last=number))
    body = {
        **{key: value for key, value in sent.items() if key not in (*OF_MODEL, "versionAliases")},
        "versionId": str(number),
        "versionCreateTime": now,
        "supportedDeploymentResourcesTypes": ["DEDICATED_RESOURCES"],
        "supportedInputStorageFormats": JSONL,
        "supportedOutputStorageFormats": JSONL,
        "modelSourceInfo": {"sourceType": "CUSTOM"},
    }
    version = Record(f"{name}@{number}", body)
    stamp(version)
    made = cloud.store.add(VERSIONS, version)
    try:
        give_aliases(cloud, made, aliases, [])
    except BaseException:
        cloud.store.remove(VERSIONS, made.name)
        if is_new:
            cloud.store.remove(MODELS, name)
        raise
    return cloud.store.get(VERSIONS, made.name)


def _page(call: Call, found: list[Record]) -> Json:
    chosen, token = page(found, call.query)
    answer: Json = {"models": [record.body for record in chosen]} if chosen else {}
    return {**answer, "nextPageToken": token} if token else answer


def _refuse_deployed(cloud: Cloud, version: Record) -> None:
    refs = deployments(cloud, version)
    if refs:
        named = ", ".join(f"{ref['endpoint']} (DeployedModel {ref['deployedModelId']})" for ref in refs)
        raise precondition(f"The Model {version.name} is deployed at the following Endpoint(s): {named}. Undeploy it.")
