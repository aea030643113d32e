"""What a configuration can ask of a cloud, and what each cloud lacks of it: refused before anything is made.

A feature is a row of the parity matrix. Where a cloud lacks one, it says why, and what to do instead.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from components.errors import Problem
from components.spec import Model, Spec

ROOT = "stile:platform"
GOOGLE_KEEPS_LOGS_DAYS = 30
"""Source: https://cloud.google.com/logging/quotas#logs_retention_periods, the bucket _Default."""


class Feature(StrEnum):
    """What a configuration can ask for; the value is what the matrix shows."""

    PUBLIC_NETWORK = "jobs and endpoints on the provider's network"
    PRIVATE_NETWORK = "jobs and endpoints in a VPC that exists"
    EXISTING_ROLES = "roles that exist"
    EXISTING_BUCKET = "a bucket that exists"
    EXISTING_KEY = "a key that exists"
    EXISTING_REPOSITORY = "an image repository that exists"
    BASE_IMAGE = "a job image on a base of one's own"
    TRACKING_MANAGED = "MLflow that costs nothing while nobody asks, but for what it keeps"
    TRACKING_SERVER = "MLflow on a server that always runs"
    TRACKING_EXTERNAL = "an MLflow that exists"
    MACHINE_BY_NEED = "machines by cpus and memory"
    MACHINE_BY_TYPE = "machines by the cloud's own name"
    REALTIME_ENDPOINT = "realtime endpoints"
    SERVERLESS_ENDPOINT = "serverless endpoints"
    ASYNC_ENDPOINT = "asynchronous endpoints"
    BATCH_ENDPOINT = "batch predictions in place of an endpoint"
    SCALING_ENDPOINT = "endpoints that add instances by themselves"
    CAPTURE = "captured requests and answers"
    CAPTURE_MASK = "captured requests without some features"
    RELEASE = "a release by version and digest"
    WATCHED_ROLLOUT = "a release that alarms roll back"
    CANARY = "a release that takes a share of the requests first"
    CANARY_ON_ONE_INSTANCE = "a canary of an endpoint with one instance"
    SCHEDULE = "pipelines that run by themselves"
    EMAILS = "alarms by e-mail"
    LOG_RETENTION = "logs kept as long as one likes"
    BUDGET = "a monthly budget that tells when it is used up"


@dataclass(frozen=True)
class Asked:
    """One place where a configuration asks for a feature.

    Attributes:
        path: the property path.
        value: what stands there.
        words: what the reason and the fix may name.
    """

    path: str
    value: str
    words: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Lack:
    """That a cloud lacks a feature.

    Attributes:
        reason: why, for the matrix.
        allowed: what may stand there.
        fix: what to do instead.
    """

    reason: str
    allowed: str
    fix: str


def asks(spec: Spec) -> Iterator[tuple[Feature, Asked]]:
    """Yield each feature that a configuration asks for, and where."""
    for feature, ask in _ASKING.items():
        yield from ((feature, one) for one in ask(spec))


def refused(spec: Spec) -> Iterator[Problem]:
    """Yield what a configuration asks of its cloud that it lacks."""
    lacks = LACKS[spec.cloud]
    for feature, asked in asks(spec):
        if feature in lacks:
            lack = lacks[feature]
            yield Problem(asked.path, asked.value, lack.allowed.format(**asked.words), lack.fix.format(**asked.words))


def _network(mode: str) -> Callable[[Spec], Iterator[Asked]]:
    def ask(spec: Spec) -> Iterator[Asked]:
        if spec.platform.network.mode == mode:
            yield Asked(f"{ROOT}.network.mode", mode)

    return ask


def _given(*paths: str) -> Callable[[Spec], Iterator[Asked]]:
    """Ask where something that exists is named."""

    def ask(spec: Spec) -> Iterator[Asked]:
        for path in paths:
            part, key = path.split(".")
            value = getattr(getattr(spec.platform, part), key)
            if value:
                yield Asked(f"{ROOT}.{path}", str(value))

    return ask


def _tracking(mode: str) -> Callable[[Spec], Iterator[Asked]]:
    def ask(spec: Spec) -> Iterator[Asked]:
        if spec.platform.tracking.mode == mode:
            yield Asked(f"{ROOT}.tracking.mode", mode)

    return ask


def _machines(*, named: bool) -> Callable[[Spec], Iterator[Asked]]:
    def ask(spec: Spec) -> Iterator[Asked]:
        wanted = {f"{ROOT}.training.machine": spec.platform.training.machine}
        for name, model in spec.platform.models.items():
            wanted[f"{ROOT}.models.{name}.endpoint.machine"] = model.endpoint.machine
        for path, machine in wanted.items():
            if isinstance(machine, str) == named:
                yield Asked(path, str(machine))

    return ask


def _of_models(ask_model: Callable[[str, Model], Iterator[Asked]]) -> Callable[[Spec], Iterator[Asked]]:
    """Ask of each model, by its path."""

    def ask(spec: Spec) -> Iterator[Asked]:
        for name, model in spec.platform.models.items():
            yield from ask_model(f"{ROOT}.models.{name}", model)

    return ask


def _kind(kind: str) -> Callable[[Spec], Iterator[Asked]]:
    def ask(path: str, model: Model) -> Iterator[Asked]:
        if model.endpoint.kind == kind:
            yield Asked(f"{path}.endpoint.kind", kind, {"kind": kind})

    return _of_models(ask)


def _scaling(path: str, model: Model) -> Iterator[Asked]:
    low, high = model.endpoint.instances.min, model.endpoint.instances.max
    if high is not None and high > low:
        yield Asked(f"{path}.endpoint.instances.max", str(high), {"low": str(low)})


def _capture(path: str, model: Model) -> Iterator[Asked]:
    if model.endpoint.capture.share:
        yield Asked(f"{path}.endpoint.capture.share", f"{model.endpoint.capture.share:g}")


def _mask(path: str, model: Model) -> Iterator[Asked]:
    capture = model.endpoint.capture
    if capture.mask and capture.share:
        yield Asked(f"{path}.endpoint.capture.mask", ", ".join(capture.mask))


def _release(path: str, model: Model) -> Iterator[Asked]:
    if model.release:
        yield Asked(f"{path}.release.version", model.release.version)


def _watched(path: str, model: Model) -> Iterator[Asked]:
    if model.rollout.bake_seconds:
        yield Asked(f"{path}.rollout.bake_seconds", str(model.rollout.bake_seconds))


def _canary(path: str, model: Model) -> Iterator[Asked]:
    if model.rollout.canary_percent is not None:
        yield Asked(f"{path}.rollout.canary_percent", str(model.rollout.canary_percent))


def _canary_on_one(path: str, model: Model) -> Iterator[Asked]:
    if model.endpoint.instances.min < 2:
        for asked in _canary(path, model):
            yield Asked(asked.path, asked.value, {"model": path})


def _schedule(path: str, model: Model) -> Iterator[Asked]:
    if model.schedule is not None:
        yield Asked(f"{path}.schedule", model.schedule.cron)


def _emails(spec: Spec) -> Iterator[Asked]:
    if spec.platform.monitoring.emails:
        yield Asked(f"{ROOT}.monitoring.emails", ", ".join(spec.platform.monitoring.emails))


def _log_retention(spec: Spec) -> Iterator[Asked]:
    days = spec.platform.monitoring.log_retention_days
    if days != GOOGLE_KEEPS_LOGS_DAYS:
        yield Asked(f"{ROOT}.monitoring.log_retention_days", str(days))


def _budget(spec: Spec) -> Iterator[Asked]:
    if spec.platform.budget:
        yield Asked(f"{ROOT}.budget.monthly_usd", f"{spec.platform.budget.monthly_usd:g}")


_ROLES = (
    "identity.job_role_arn",
    "identity.pipeline_role_arn",
    "identity.serving_role_arn",
    "identity.tracking_role_arn",
)
_ASKING: Mapping[Feature, Callable[[Spec], Iterator[Asked]]] = {
    Feature.PUBLIC_NETWORK: _network("public"),
    Feature.PRIVATE_NETWORK: _network("private"),
    Feature.EXISTING_ROLES: _given(*_ROLES),
    Feature.EXISTING_BUCKET: _given("storage.bucket"),
    Feature.EXISTING_KEY: _given("storage.kms_key_arn"),
    Feature.EXISTING_REPOSITORY: _given("images.repository"),
    Feature.BASE_IMAGE: _given("images.base"),
    Feature.TRACKING_MANAGED: _tracking("managed"),
    Feature.TRACKING_SERVER: _tracking("server"),
    Feature.TRACKING_EXTERNAL: _tracking("external"),
    Feature.MACHINE_BY_NEED: _machines(named=False),
    Feature.MACHINE_BY_TYPE: _machines(named=True),
    Feature.REALTIME_ENDPOINT: _kind("realtime"),
    Feature.SERVERLESS_ENDPOINT: _kind("serverless"),
    Feature.ASYNC_ENDPOINT: _kind("async"),
    Feature.BATCH_ENDPOINT: _kind("batch"),
    Feature.SCALING_ENDPOINT: _of_models(_scaling),
    Feature.CAPTURE: _of_models(_capture),
    Feature.CAPTURE_MASK: _of_models(_mask),
    Feature.RELEASE: _of_models(_release),
    Feature.WATCHED_ROLLOUT: _of_models(_watched),
    Feature.CANARY: _of_models(_canary),
    Feature.CANARY_ON_ONE_INSTANCE: _of_models(_canary_on_one),
    Feature.SCHEDULE: _of_models(_schedule),
    Feature.EMAILS: _emails,
    Feature.LOG_RETENTION: _log_retention,
    Feature.BUDGET: _budget,
}

_NOT_BUILT = "not built yet"
_OTHER_KIND = Lack(_NOT_BUILT, "realtime", "set kind to realtime: {kind} endpoints are not built yet")
_NO_SERVERLESS = Lack(
    "Vertex AI's API (v1) keeps at least one instance of each deployed model", "realtime", "set kind to realtime"
)
_NO_ASYNC = Lack("Vertex AI answers online, or in batches", "realtime", "set kind to realtime")
_NO_SCHEDULE = Lack(
    _NOT_BUILT,
    "nothing yet",
    "remove `schedule`, and start runs with `stile run`: schedules are not built yet",
)

LACKS: Mapping[str, Mapping[Feature, Lack]] = {
    "aws": {
        Feature.SERVERLESS_ENDPOINT: _OTHER_KIND,
        Feature.ASYNC_ENDPOINT: _OTHER_KIND,
        Feature.BATCH_ENDPOINT: _OTHER_KIND,
        Feature.SCALING_ENDPOINT: Lack(
            _NOT_BUILT,
            "as many as min, which is {low}",
            "set max to {low}: endpoints do not scale by themselves on aws yet",
        ),
        Feature.CAPTURE_MASK: Lack(
            "SageMaker captures a request as it is, or not at all",
            "nothing on aws: SageMaker captures a request as it is, or not at all",
            "set share to 0, or remove `mask`",
        ),
        Feature.CANARY_ON_ONE_INSTANCE: Lack(
            "SageMaker's canary is a share of the instances",
            "a canary with at least 2 instances only",
            "set {model}.endpoint.instances.min to 2, or remove canary_percent",
        ),
        Feature.SCHEDULE: _NO_SCHEDULE,
    },
    "gcp": {
        Feature.PRIVATE_NETWORK: Lack(
            "Vertex AI reaches a VPC by peering or a network attachment, which are not built yet",
            "public on gcp: a VPC is reached by peering or a network attachment, which are not built yet",
            "set network.mode to public, and remove the ids of the VPC",
        ),
        Feature.SERVERLESS_ENDPOINT: _NO_SERVERLESS,
        Feature.ASYNC_ENDPOINT: _NO_ASYNC,
        Feature.BATCH_ENDPOINT: _OTHER_KIND,
        Feature.SCHEDULE: _NO_SCHEDULE,
        Feature.LOG_RETENTION: Lack(
            "Vertex AI's logs go to the project's own bucket of logs, whose settings are for all of the project",
            f"{GOOGLE_KEEPS_LOGS_DAYS} on gcp: logs go to the project's bucket _Default",
            f"set it to {GOOGLE_KEEPS_LOGS_DAYS}, and change _Default by `gcloud logging buckets update` if you must",
        ),
    },
}
