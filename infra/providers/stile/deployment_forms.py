"""What an endpoint serves, in two forms: the resource's inputs, and Vertex AI's own words.

Source of the shapes: aiplatform v1, GoogleCloudAiplatformV1Endpoint and GoogleCloudAiplatformV1DeployedModel.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from infra.providers.kit.values import Properties

ENDPOINT: Final = re.compile(r"projects/(?P<project>[^/]+)/locations/(?P<location>[^/]+)/endpoints/(?P<id>[^/]+)")
VERSION: Final = re.compile(
    r"projects/(?P<project>[^/]+)/locations/(?P<location>[^/]+)/models/(?P<id>[^/@]+)@(?P<version>[0-9]+)"
)
POLICY: Final = re.compile(r"projects/(?P<project>[^/]+)/alertPolicies/(?P<id>[^/]+)")


@dataclass(frozen=True)
class Deployed:
    """One deployed model, as it is asked for or as it is.

    Attributes:
        service_account, display_name: None where nothing is said.
    """

    id: str
    model: str
    machine_type: str
    min_replicas: int
    max_replicas: int
    service_account: str | None = None
    display_name: str | None = None

    @property
    def replicas(self) -> tuple[int, int]:
        """The least and the most of them."""
        return self.min_replicas, self.max_replicas

    def conflicts(self, live: "Deployed") -> list[tuple[str, object, object]]:
        """Return what a deployed model would have to change and cannot: property, what is live, what is asked."""
        pairs = [
            ("model", live.model, self.model),
            ("machineType", live.machine_type, self.machine_type),
            ("serviceAccount", live.service_account, self.service_account),
        ]
        if self.display_name is not None:
            pairs.append(("displayName", live.display_name, self.display_name))
        return [pair for pair in pairs if pair[1] != pair[2]]

    def body(self) -> dict[str, Any]:
        """Return it as Vertex AI deploys it."""
        optional = {"serviceAccount": self.service_account, "displayName": self.display_name}
        return {
            "id": self.id,
            "model": self.model,
            "dedicatedResources": {
                "machineSpec": {"machineType": self.machine_type},
                **replicas_body(self.replicas),
            },
            **{key: value for key, value in optional.items() if value is not None},
        }


def replicas_body(replicas: tuple[int, int]) -> dict[str, int]:
    """Return numbers of replicas as Vertex AI writes them."""
    return {"minReplicaCount": replicas[0], "maxReplicaCount": replicas[1]}


@dataclass(frozen=True)
class Endpoint:
    """An endpoint as it is.

    Attributes:
        models: deployed models by their ids, in Vertex AI's order.
        split: ids with a share of the traffic, and the share in percent.
    """

    name: str
    etag: str
    models: Mapping[str, Deployed]
    split: Mapping[str, int]


@dataclass(frozen=True)
class RolloutInputs:
    """How a changed split takes over; see `RolloutArgs` in components/endpoint/deployment.py."""

    canary_percent: int | None = None
    bake_seconds: int = 0
    alarms: Sequence[str] = ()


@dataclass(frozen=True)
class Expected:
    """What the version of a model must have been registered with."""

    sha256: str
    environment: Mapping[str, str]


@dataclass(frozen=True)
class Asked:
    """What the resource's inputs ask for, all of it known.

    Attributes:
        models: by id, in the program's order.
        expected: by id, what each model's version must be.
    """

    endpoint: str
    models: Mapping[str, Deployed]
    expected: Mapping[str, Expected]
    split: Mapping[str, int]
    rollout: RolloutInputs


def asked_of(inputs: Properties) -> Asked:
    """Return what checked inputs ask for."""
    described = inputs["deployedModels"]
    rollout = inputs.get("rollout", {})
    return Asked(
        endpoint=inputs["endpoint"],
        models={one["id"]: _deployed(one) for one in described},
        expected={one["id"]: Expected(one["sha256"], one.get("environment", {})) for one in described},
        split=inputs["trafficSplit"],
        rollout=RolloutInputs(rollout.get("canaryPercent"), rollout.get("bakeSeconds", 0), rollout.get("alarms", ())),
    )


def _deployed(one: Properties) -> Deployed:
    return Deployed(
        id=one["id"],
        model=one["model"],
        machine_type=one["machineType"],
        min_replicas=one["minReplicas"],
        max_replicas=one["maxReplicas"],
        service_account=one.get("serviceAccount"),
        display_name=one.get("displayName"),
    )


def endpoint_of(name: str, body: Mapping[str, Any]) -> Endpoint:
    """Return an endpoint from Vertex AI's answer; `name` is as the program writes it.

    Vertex AI may answer with the project's number where its id was asked for; models of the endpoint's own project are
    written as `name` writes it.
    """
    answered, written = body.get("name", name).split("/")[1], name.split("/")[1]
    models = [_live(one, answered, written) for one in body.get("deployedModels", [])]
    split = {id_: int(share) for id_, share in body.get("trafficSplit", {}).items() if share}
    return Endpoint(name, body.get("etag", ""), {one.id: one for one in models}, split)


def _live(body: Mapping[str, Any], answered: str, written: str) -> Deployed:
    resources = body.get("dedicatedResources", {})
    least = int(resources.get("minReplicaCount", 0))
    name, _, version = body["model"].partition("@")
    words = name.split("/")
    if words[1] == answered:
        words[1] = written
    return Deployed(
        id=body["id"],
        model=f"{'/'.join(words)}@{body.get('modelVersionId') or version}",
        machine_type=resources.get("machineSpec", {}).get("machineType", ""),
        min_replicas=least,
        max_replicas=int(resources.get("maxReplicaCount", least)),
        service_account=body.get("serviceAccount") or None,
        display_name=body.get("displayName") or None,
    )


def described(live: Deployed, known: Properties | None, sha256: str) -> Properties:
    """Return a live model as an input would describe it.

    Args:
        live: the model.
        known: what the state says of it; None if nothing, or if it is another's description.
        sha256: the digest that its version says.
    """
    found: Properties = {
        "id": live.id,
        "model": live.model,
        "sha256": sha256,
        "machineType": live.machine_type,
        "minReplicas": live.min_replicas,
        "maxReplicas": live.max_replicas,
    }
    if live.service_account:
        found["serviceAccount"] = live.service_account
    # Vertex AI names what the program did not; only the program's own name is its input.
    if live.display_name and (known is None or "displayName" in known):
        found["displayName"] = live.display_name
    if known and "environment" in known:
        found["environment"] = known["environment"]
    return found
