"""The endpoint on Google Cloud: the endpoint, its containers' settings, and the deployment that keeps it as asked.

Vertex AI fixes a container's variables when a version is uploaded, and hands none to a deployment. So what belongs to a
deployment lies in the bucket: `serving/<AIP_ENDPOINT_ID>/<AIP_DEPLOYED_MODEL_ID>.json` is an object of variables, which
the container reads below its STILE_SERVING_URI when it starts. The id of a deployed model is a digest of its content.
So each release deploys another beside the old one, and going back to an earlier release deploys that one again.
"""

import json
from collections.abc import Sequence
from typing import Any

import pulumi
import pulumi_gcp as gcp

from components.endpoint import EndpointArgs, Serving, endpoint_id, endpoint_name
from components.endpoint.deployment import EndpointDeployment, RolloutArgs, deployed_id
from components.spec import Release
from components.storage import SERVING


class GcpEndpoint(pulumi.ComponentResource):
    """An endpoint of Vertex AI with one model; nothing at all while no release is asked for."""

    name: pulumi.Output[str] | None

    def __init__(self, name: str, args: EndpointArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("stile:index:Endpoint", name, {}, opts)
        self._args = args
        self._child = pulumi.ResourceOptions(parent=self)
        serving = args["serving"]
        self.name = self._released(serving, serving.release) if serving.release else None
        self.register_outputs({"name": self.name})

    def _released(self, serving: Serving, release: Release) -> pulumi.Output[str]:
        endpoint = self._endpoint(serving)
        variables = pulumi.Output.from_input(self._args["data_uri"]).apply(
            lambda uri: serving_environment(serving, release, f"{uri}/capture/{self._called(serving)}")
        )
        deployed = pulumi.Output.all(variables, self._args["role"]).apply(
            lambda known: deployed_id({"variables": known[0], "role": known[1], "machine": serving.machine})
        )
        settings = self._settings(serving, variables, deployed)
        deployment = self._deployment(serving, release, endpoint, deployed, settings)
        # The name is handed on only once the deployment is as asked.
        return pulumi.Output.all(endpoint.id, deployment.live).apply(lambda known: str(known[0]))

    def _called(self, serving: Serving) -> str:
        return endpoint_name(self._args["naming"], serving.model)

    def _endpoint(self, serving: Serving) -> Any:
        name = self._called(serving)
        return gcp.vertex.AiEndpoint(
            name,
            name=endpoint_id(self._args["naming"], serving.model),
            display_name=name,
            description=f"Serves {serving.model}",
            location=self._args["place"].region,
            encryption_spec={"kms_key_name": self._args["key"]},
            labels=self._args["naming"].tags("endpoint", serving.model),
            opts=pulumi.ResourceOptions(parent=self, depends_on=list(self._args.get("depends_on", ()))),
        )

    def _settings(
        self, serving: Serving, variables: pulumi.Output[dict[str, str]], deployed: pulumi.Output[str]
    ) -> Any:
        naming = self._args["naming"]
        folder = f"{SERVING}/{endpoint_id(naming, serving.model)}"
        return gcp.storage.BucketObject(
            naming.of(serving.model, "settings"),
            bucket=pulumi.Output.from_input(self._args["data_uri"]).apply(lambda uri: uri.removeprefix("gs://")),
            name=pulumi.Output.concat(f"{folder}/", deployed, ".json"),
            content=variables.apply(lambda known: json.dumps(known, indent=2, sort_keys=True)),
            content_type="application/json",
            opts=self._child,
        )

    def _deployment(
        self, serving: Serving, release: Release, endpoint: Any, deployed: pulumi.Output[str], settings: Any
    ) -> EndpointDeployment:
        instances = serving.endpoint.instances
        return EndpointDeployment(
            self._args["naming"].of(serving.model, "deployment"),
            endpoint=endpoint.id,
            deployed_models=[
                {
                    "id": deployed,
                    "model": pulumi.Output.from_input(self._args.get("version")).apply(str),
                    "sha256": release.sha256,
                    "machine_type": serving.machine,
                    "min_replicas": instances.min,
                    "max_replicas": instances.min if instances.max is None else instances.max,
                    "service_account": self._args["role"],
                    "environment": {"STILE_SERVING_URI": pulumi.Output.concat(self._args["data_uri"], f"/{SERVING}")},
                    "display_name": f"{self._called(serving)}-v{release.version}",
                }
            ],
            traffic_split=deployed.apply(lambda known: {known: 100}),
            rollout=_rollout(serving, self._args["alarms"]),
            opts=pulumi.ResourceOptions.merge(self._child, pulumi.ResourceOptions(depends_on=[settings])),
        )


def serving_environment(serving: Serving, release: Release, capture_uri: str) -> dict[str, str]:
    """Return the serving container's variables."""
    capture = serving.endpoint.capture
    captured = {
        "STILE_CAPTURE_URI": capture_uri,
        "STILE_CAPTURE_SHARE": f"{capture.share:g}",
        "STILE_CAPTURE_MASK": ",".join(capture.mask),
    }
    return {
        "STILE_CLOUD": "gcp",
        "STILE_MODEL": serving.model,
        "STILE_USE_CASE": serving.use_case,
        "STILE_MODEL_VERSION": release.version,
        "STILE_MODEL_SHA256": release.sha256,
        **(captured if capture.share else {}),
    }


def _rollout(serving: Serving, alarms: Sequence[pulumi.Input[str]]) -> RolloutArgs | None:
    """Return how a release takes over; None for all at once and watched by nobody."""
    rollout = serving.rollout
    if not rollout.bake_seconds:
        return None
    watched: RolloutArgs = {"bake_seconds": rollout.bake_seconds, "alarms": list(alarms)}
    if rollout.canary_percent is not None:
        watched["canary_percent"] = rollout.canary_percent
    return watched
