"""The endpoint on AWS: model, endpoint configuration, endpoint, and the check that it is live.

A model and a configuration carry a digest of their content in their logical name, and the engine adds random digits
to the physical one. So each release makes a new pair beside the old one, going back to an earlier release makes one
again, and neither ever asks SageMaker for a name that it has already.
"""

import hashlib
import json
from collections.abc import Sequence
from typing import Any

import pulumi
import pulumi_aws as aws

from components.endpoint import VARIANT, EndpointArgs, Serving, endpoint_name
from components.endpoint.live import Live
from components.naming import CONTENT_DIGITS
from components.spec import Release


class AwsEndpoint(pulumi.ComponentResource):
    """A realtime endpoint of SageMaker; nothing at all while no release is asked for.

    Models and configurations stay in SageMaker when they are replaced or taken out of the program: the live
    endpoint may still use them, and they cost nothing.
    """

    name: pulumi.Output[str] | None

    def __init__(self, name: str, args: EndpointArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("stile:index:Endpoint", name, {}, opts)
        self._args = args
        self._retained = pulumi.ResourceOptions(parent=self, retain_on_delete=True)
        serving = args["serving"]
        self.name = self._released(serving, serving.release) if serving.release else None
        self.register_outputs({"name": self.name})

    def _released(self, serving: Serving, release: Release) -> pulumi.Output[str]:
        model = self._model(serving, release)
        configuration = self._configuration(serving, release, model)
        endpoint = self._endpoint(serving, configuration)
        naming = self._args["naming"]
        live = Live(
            naming.of(serving.model, "live"),
            cloud="aws",
            endpoint_name=endpoint.name,
            asked=configuration.name,
            model_version=release.version,
            region=self._args.get("region"),
            opts=pulumi.ResourceOptions(parent=self, depends_on=[endpoint]),
        )
        # The name is handed on only once the check has passed.
        return pulumi.Output.all(endpoint.name, live.live).apply(lambda known: str(known[0]))

    def _named(self, serving: Serving, release: Release, content: dict[str, Any]) -> str:
        text = json.dumps(content, sort_keys=True)
        digest = hashlib.sha256(text.encode()).hexdigest()[:CONTENT_DIGITS]
        return self._args["naming"].of(serving.model, f"v{release.version}", digest)

    def _model(self, serving: Serving, release: Release) -> Any:
        environment, vpc = serving_environment(serving, release), _vpc(serving)
        return aws.sagemaker.Model(
            self._named(serving, release, {"environment": environment, "vpc": vpc}),
            execution_role_arn=self._args["role"],
            primary_container={"model_package_name": self._args.get("version"), "environment": environment},
            vpc_config=vpc,
            tags=self._args["naming"].tags("endpoint", serving.model),
            opts=pulumi.ResourceOptions.merge(
                self._retained, pulumi.ResourceOptions(depends_on=list(self._args.get("depends_on", ())))
            ),
        )

    def _configuration(self, serving: Serving, release: Release, model: Any) -> Any:
        variant = {
            "variant_name": VARIANT,
            "instance_type": serving.machine,
            "initial_instance_count": serving.endpoint.instances.min,
            "initial_variant_weight": 1,
        }
        content = {
            "environment": serving_environment(serving, release),
            "vpc": _vpc(serving),
            "variant": variant,
            "capture": serving.endpoint.capture.share,
        }
        return aws.sagemaker.EndpointConfiguration(
            self._named(serving, release, content),
            production_variants=[{**variant, "model_name": model.name}],
            data_capture_config=self._capture(serving),
            kms_key_arn=self._args["key"],
            tags=self._args["naming"].tags("endpoint", serving.model),
            opts=self._retained,
        )

    def _capture(self, serving: Serving) -> dict[str, Any] | None:
        share = serving.endpoint.capture.share
        if not share:
            return None
        return {
            "enable_capture": True,
            "initial_sampling_percentage": max(1, round(share * 100)),
            "destination_s3_uri": pulumi.Output.concat(
                self._args["data_uri"], "/capture"
            ),  # the vendor adds the endpoint
            "kms_key_id": self._args["key"],
            "capture_options": [{"capture_mode": "Input"}, {"capture_mode": "Output"}],
            "capture_content_type_header": {"json_content_types": ["application/json"]},
        }

    def _endpoint(self, serving: Serving, configuration: Any) -> Any:
        name = endpoint_name(self._args["naming"], serving.model)
        return aws.sagemaker.Endpoint(
            name,
            name=name,
            endpoint_config_name=configuration.name,
            deployment_config=_deployment(serving, self._args["alarms"]),
            tags=self._args["naming"].tags("endpoint", serving.model),
            opts=pulumi.ResourceOptions(parent=self, depends_on=list(self._args.get("depends_on", ()))),
        )


def serving_environment(serving: Serving, release: Release) -> dict[str, str]:
    """Return the serving container's variables."""
    return {
        "STILE_CLOUD": "aws",
        "STILE_MODEL": serving.model,
        "STILE_USE_CASE": serving.use_case,
        "STILE_MODEL_VERSION": release.version,
        "STILE_MODEL_SHA256": release.sha256,
    }


def _deployment(serving: Serving, alarms: Sequence[pulumi.Input[str]]) -> dict[str, Any] | None:
    """Return how a release takes over; None for SageMaker's own way, all at once and watched by nobody."""
    if not serving.rollout.bake_seconds:
        return None
    return {
        "blue_green_update_policy": {"traffic_routing_configuration": _traffic(serving)},
        "auto_rollback_configuration": {"alarms": [{"alarm_name": alarm} for alarm in alarms]},
    }


def _traffic(serving: Serving) -> dict[str, Any]:
    rollout = serving.rollout
    if rollout.canary_percent is None:
        return {"type": "ALL_AT_ONCE", "wait_interval_in_seconds": rollout.bake_seconds}
    size = {"type": "CAPACITY_PERCENT", "value": rollout.canary_percent}
    return {"type": "CANARY", "wait_interval_in_seconds": rollout.bake_seconds, "canary_size": size}


def _vpc(serving: Serving) -> dict[str, list[str]] | None:
    if serving.network is None:
        return None
    return {
        "subnets": list(serving.network.subnet_ids),
        "security_group_ids": list(serving.network.security_group_ids),
    }
