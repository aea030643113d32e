"""The Platform: all stages of one environment, wired to each other through their contracts only."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, get_args

import pulumi

from components.endpoint import Endpoint, Serving
from components.identity import Identity
from components.images import Images
from components.monitoring import Monitoring
from components.naming import Naming
from components.pipeline import Pipeline
from components.registry import Registry
from components.spec import Model, Spec
from components.stages import JOBS, Role, StepRole, implementation, together
from components.storage import Storage
from components.tracking import Tracking
from components.training import NetworkIds, Training


@dataclass(frozen=True)
class Resolved:
    """What a Spec leaves to be looked up, known before any component is made.

    Attributes:
        machine: the machine type of training jobs.
        processing_machine: that of the pipelines' other jobs.
        endpoint_machines: that of each model's endpoint.
        candidates: the estimators of each use case.
        python_version: minor version of the job image's Python.
    """

    machine: str
    processing_machine: str
    endpoint_machines: Mapping[str, str]
    candidates: Mapping[str, Sequence[str]]
    python_version: str


@dataclass(frozen=True)
class Deployed:
    """What the platform made for one model."""

    registry: Registry
    pipeline: Pipeline
    endpoint: Endpoint
    dashboard: pulumi.Output[str]


class Platform(pulumi.ComponentResource):
    """Everything that one environment needs, on the cloud that its Spec names.

    Attributes:
        storage, images, identity, tracking, monitoring: the stages that all models share.
        models: what was made for each model.
    """

    storage: Storage
    images: Images
    identity: Identity
    tracking: Tracking
    monitoring: Monitoring
    models: Mapping[str, Deployed]

    def __init__(self, spec: Spec, resolved: Resolved, opts: pulumi.ResourceOptions | None = None) -> None:
        self._spec, self._resolved = spec, resolved
        self._naming = Naming(spec.platform.name, spec.environment, spec.platform.owner)
        super().__init__("stile:index:Platform", self._naming.prefix, {}, opts)
        self.storage = self._storage()
        self.images = self._images()
        self.identity = self._identity()
        granted = together(self.identity.grants, self.storage.grants, self.images.grants)
        self._allowed = self.identity.allow("access", granted)
        self.tracking = self._tracking()
        self.identity.allow("tracking", self.tracking.grants)
        self._training: Training = self._new_training()
        self.monitoring = self._monitoring()
        self.models = {name: self._model(name, model) for name, model in spec.platform.models.items()}
        self._budget()
        self.register_outputs({"bucket": self.storage.bucket, "image_uri": self.images.image_uri})

    def _stage(self, stage: str, args: Mapping[str, Any], model: str | None = None) -> Any:
        """Make the stage's component on this cloud; a model's stages carry its name."""
        make = implementation(self._spec.cloud, stage)
        name = self._naming.of(model) if model else self._naming.prefix
        given = {"naming": self._naming, "place": self._spec.place, **args}
        return make(name, given, pulumi.ResourceOptions(parent=self))

    def _storage(self) -> Storage:
        storage = self._spec.platform.storage
        return self._stage("storage", _given(storage.model_dump()))  # type: ignore[no-any-return]

    def _images(self) -> Images:
        images = self._spec.platform.images
        args = {
            "python_version": self._resolved.python_version,
            "base": images.base,
            "repository_url": images.repository,
        }
        return self._stage("images", _given(args))  # type: ignore[no-any-return]

    def _identity(self) -> Identity:
        baked = [name for name, model in self._spec.platform.models.items() if model.rollout.bake_seconds]
        args = {
            "region": self._spec.region,
            "baked": baked,
            "private": self._spec.platform.network.mode == "private",
            "existing": self._existing_roles(),
        }
        return self._stage("identity", args)  # type: ignore[no-any-return]

    def _permissions(self, role: Role) -> list[pulumi.Resource]:
        """Return what must exist before a role may reach data and images."""
        return [*self._allowed.get(role, ())]

    def _existing_roles(self) -> Mapping[Role, str]:
        """Return the roles that are given; one that is given for jobs stands for all of theirs."""
        identity = self._spec.platform.identity
        roles: dict[Role, str | None] = {
            **dict.fromkeys(JOBS, identity.job_role_arn),
            "pipeline": identity.pipeline_role_arn,
            "serving": identity.serving_role_arn,
            "tracking": identity.tracking_role_arn,
        }
        return {role: arn for role, arn in roles.items() if arn is not None}

    def _tracking(self) -> Tracking:
        tracking = self._spec.platform.tracking
        args = {
            "mode": tracking.mode,
            "url": tracking.url,
            "artifacts_uri": pulumi.Output.concat(self.storage.uri, "/mlflow"),
            "role": self.identity.roles["tracking"],
            "depends_on": self._permissions("tracking"),
        }
        return self._stage("tracking", _given(args))  # type: ignore[no-any-return]

    def _new_training(self) -> Training:
        args = {
            "image_uri": self.images.image_uri,
            "role": self.identity.roles["jobs"],
            "key": self.storage.key,
            "machine": self._resolved.machine,
            "processing_machine": self._resolved.processing_machine,
            "max_seconds": math.ceil(self._spec.platform.training.max_hours * 3600),
            "network": self._network(),
            "environment": {
                "STILE_CLOUD": self._spec.cloud,
                "STILE_IMAGE": self.images.image_uri,
                "MLFLOW_TRACKING_URI": self.tracking.uri,
            },
        }
        return self._stage("training", args)  # type: ignore[no-any-return]

    def _monitoring(self) -> Monitoring:
        args = {
            "monitoring": self._spec.platform.monitoring,
            "models": tuple(self._spec.platform.models),
            "region": self._spec.region,
        }
        return self._stage("monitoring", args)  # type: ignore[no-any-return]

    def _model(self, name: str, model: Model) -> Deployed:
        registry: Registry = self._stage("registry", {"model": name}, name)
        self.identity.allow(f"registry-{name}", registry.grants)
        pipeline: Pipeline = self._stage(
            "pipeline",
            {
                "model": name,
                "use_case": model.use_case,
                "candidates": self._resolved.candidates[model.use_case],
                "template": self._training.template,
                "data_uri": self.storage.uri,
                "role": self.identity.roles["pipeline"],
                "roles": {step: self.identity.roles[step] for step in get_args(StepRole)},
                "group": registry.group,
            },
            name,
        )
        watched = self.monitoring.models[name]
        endpoint = self._endpoint(name, model, registry)
        return Deployed(registry, pipeline, endpoint, watched.dashboard)

    def _endpoint(self, name: str, model: Model, registry: Registry) -> Endpoint:
        watched = self.monitoring.models[name]
        machine = self._resolved.endpoint_machines[name]
        args = {
            "serving": Serving(
                name, model.use_case, machine, model.endpoint, model.rollout, model.release, self._network()
            ),
            "role": self.identity.roles["serving"],
            "data_uri": self.storage.uri,
            "key": self.storage.key,
            "version": registry.version(model.release.version) if model.release else None,
            "alarms": [watched.alarms[kind] for kind in model.rollout.alarms],
            "region": self._spec.region,
            "depends_on": [*watched.resources, *self._permissions("serving")],
        }
        return self._stage("endpoint", args, name)  # type: ignore[no-any-return]

    def _budget(self) -> None:
        budget = self._spec.platform.budget
        if budget is not None:
            args = {"topic": self.monitoring.topic, "depends_on": self.monitoring.resources}
            self._stage("budget", {**budget.model_dump(), **args})

    def _network(self) -> NetworkIds | None:
        network = self._spec.platform.network
        return NetworkIds(network.subnet_ids, network.security_group_ids) if network.mode == "private" else None


def _given(args: Mapping[Any, Any]) -> Any:
    """Return what is given; a stage's arguments leave out what is not."""
    return {key: value for key, value in args.items() if value is not None}
