"""Models and their versions as they are kept: what belongs to the model, what to each version, and what names mean.

A model holds name, display name, description and labels; a version holds the rest. What is answered is both in one.
Source: the discovery document's Model, and UpdateModelRequest in google/cloud/aiplatform/v1/model_service.proto.
"""

import base64
import re
import secrets

from infra.localcloud.gcp import moments
from infra.localcloud.gcp.call import PROJECT, PROJECT_NUMBER, Call, Cloud
from infra.localcloud.gcp.errors import Json, Refusal, invalid
from infra.localcloud.gcp.store import Record

MODELS = "aiplatform.projects.locations.models"
VERSIONS = f"{MODELS}.versions"
ENDPOINTS = "aiplatform.projects.locations.endpoints"
DEFAULT = "default"
# What a model has for all its versions; labels are merged.
OF_MODEL = ("displayName", "description")
ALIAS = re.compile(r"[a-z][a-zA-Z0-9-]{0,126}[a-z0-9]")
_NAME = re.compile(r"(?P<model>projects/[^/]+/locations/[^/]+/models/[^/@]+)(@(?P<version>[^/@]+))?")


def plain_name(name: str) -> str:
    """Return a name with the project's id, where it came with the project's number."""
    return re.sub(rf"^projects/{PROJECT_NUMBER}/", f"projects/{PROJECT}/", name)


def parts(name: str, field: str = "name") -> tuple[str, str]:
    """Take a name apart into the model's and what stands after the @; raises INVALID_ARGUMENT."""
    found = _NAME.fullmatch(plain_name(name))
    if found is None:
        raise invalid(f"Invalid Model name '{name}': it must be projects/*/locations/*/models/*[@*].", field=field)
    return found["model"], found["version"] or ""


def versions_of(cloud: Cloud, model: str) -> list[Record]:
    """Return the versions of a model, the oldest first."""
    return cloud.store.all(VERSIONS, f"{model}@")


def version_record(cloud: Cloud, name: str) -> Record:
    """Return the version that a name means by its number or alias; without one the default version.

    Raises:
        Refusal: NOT_FOUND.
    """
    model, wanted = parts(name)
    cloud.store.get(MODELS, model)
    for record in versions_of(cloud, model):
        is_alias = (wanted or DEFAULT) in record.body.get("versionAliases", ())
        if record.body["versionId"] == wanted or is_alias:
            return record
    raise Refusal("NOT_FOUND", f"The Model version or alias '{wanted}' of {model} is not found.")


def shown(cloud: Cloud, version: Record, *, versioned: bool = False) -> Json:
    """Return a version as Google shows it; `versioned` puts its number into the name, as lists of versions do."""
    model = cloud.store.get(MODELS, version.name.partition("@")[0])
    # A version changes with its model.
    body = {**version.body, **model.body, "etag": model.body["etag"] + version.body["etag"]}
    labels = {**model.body.get("labels", {}), **version.body.get("labels", {})}
    if labels:
        body["labels"] = labels
    if refs := deployments(cloud, version):
        body["deployedModels"] = refs
    body["updateTime"] = max(model.body["updateTime"], version.body["versionUpdateTime"])
    return {**body, "name": version.name if versioned else model.name}


def deployments(cloud: Cloud, version: Record) -> list[Json]:
    """Return where a version is deployed, as references."""
    return [
        {"endpoint": endpoint.name, "deployedModelId": deployed["id"]}
        for endpoint in cloud.store.all(ENDPOINTS)
        for deployed in [*endpoint.body.get("deployedModels", ()), *endpoint.hidden.get("deploying", {}).values()]
        if deployed["model"] == version.name
    ]


def give_aliases(cloud: Cloud, version: Record, added: list[str], removed: list[str]) -> None:
    """Let a version have aliases, which others of the model lose, and no longer have others. The lock must be held.

    Raises:
        Refusal: INVALID_ARGUMENT for a malformed alias, or one that is to go and the version does not have.
    """
    current = version.body.get("versionAliases", [])
    for alias in [*added, *removed]:
        if not ALIAS.fullmatch(alias):
            raise invalid(f"Invalid version alias '{alias}': it must match {ALIAS.pattern}.", field="versionAliases")
    if DEFAULT in removed:
        raise invalid("The 'default' alias cannot be removed; give it to another version.", field="versionAliases")
    for alias in removed:
        if alias not in current:
            raise invalid(f"The version has no alias '{alias}'.", field="versionAliases")
    for other in versions_of(cloud, version.name.partition("@")[0]):
        if other.name != version.name:
            _set_aliases(cloud, other, [one for one in other.body.get("versionAliases", []) if one not in added])
    kept = [one for one in current if one not in removed]
    _set_aliases(cloud, version, [*kept, *(one for one in added if one not in kept)])


def _set_aliases(cloud: Cloud, version: Record, aliases: list[str]) -> None:
    def change(record: Record) -> None:
        if record.body.get("versionAliases", []) == aliases:
            return
        record.body["versionAliases"] = aliases
        stamp(record)

    cloud.store.change(VERSIONS, version.name, change)


def stamp(record: Record) -> None:
    """Note that a model or version was changed now."""
    is_version = "versionId" in record.body
    record.body["versionUpdateTime" if is_version else "updateTime"] = moments.now()
    record.body["etag"] = base64.b64encode(secrets.token_bytes(8)).decode()


def named_version(call: Call) -> Record:
    """Return the version that a request's path names."""
    return version_record(call.cloud, call.name)
