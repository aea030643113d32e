"""The model servers behind an endpoint: one process per variant, started together, retired without losing requests."""

import itertools
import os
import random
import shutil
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import Any

from botocore.exceptions import ClientError

from infra.localcloud.aws.containers import container_host
from infra.localcloud.aws.records import now
from infra.localcloud.aws.sagemaker import job_cloud
from infra.localcloud.aws.sagemaker.job_logs import JobLog
from infra.localcloud.aws.sagemaker.job_permissions import check_pull
from infra.localcloud.aws.sagemaker.machine_metrics import MachineMetrics
from infra.localcloud.aws.sagemaker.models import Serving
from infra.localcloud.aws.sagemaker.tracking_environment import tracking_environment
from infra.localcloud.aws.states import limit
from infra.localcloud.jobs.live_server import LiveServer, StartError
from infra.localcloud.jobs.registry import ImageError
from infra.localcloud.jobs.variants import Variant, VariantError, VariantRequest, choose, start_variant

# How long the vendor lets a model take over an answer; a retiring variant gets as long.
MODEL_TIMEOUT_SECONDS = 60.0
STOP_GRACE_SECONDS = 10.0
METRICS = "/aws/sagemaker/Endpoints"
_INSTANCES = itertools.count(1)


class FleetError(StartError):
    """A variant cannot be started; its text is the endpoint's failure reason, in the vendor's words."""


@dataclass(frozen=True)
class VariantPlan:
    """What one variant is to run.

    Attributes:
        settings: the variant as it stands in the endpoint configuration.
        serving: the image, artifact and environment of its model.
        role: the role that it runs under.
    """

    settings: Mapping[str, Any]
    serving: Serving
    role: str

    @property
    def name(self) -> str:
        """The variant's name."""
        return str(self.settings["VariantName"])


@dataclass(kw_only=True)
class LiveVariant(LiveServer):
    """A variant's running model server."""

    plan: VariantPlan
    session: job_cloud.Session
    weight: float
    instances: int
    started: datetime = field(default_factory=now)


class Fleet:
    """The live variants of one endpoint under one endpoint configuration."""

    def __init__(self, variants: list[LiveVariant]) -> None:
        self.variants = variants
        self._random = random.Random()  # noqa: S311 - it spreads load

    def pick(self, name: str | None) -> LiveVariant | None:
        """Return the variant of a name, or without one any by weight; None for a name that it does not have."""
        if name is None:
            return choose([(variant, variant.weight) for variant in self.variants], self._random)
        return next((variant for variant in self.variants if variant.plan.name == name), None)

    def retire(self) -> None:
        """Stop all variants, each when its requests are answered."""
        threads = [threading.Thread(target=variant.retire, daemon=True) for variant in self.variants]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()


def start_fleet(endpoint: str, plans: list[VariantPlan], region: str) -> Fleet:
    """Start all variants and wait until each answers its health check.

    Raises:
        FleetError: one of them cannot be started; none is left running then.
    """
    started: list[LiveVariant] = []
    try:
        for plan in plans:
            started.append(_start(endpoint, plan, region))  # noqa: PERF401 - those before a failure must be stopped
        for variant in started:
            _await_health(endpoint, variant)
            variant.watch()
    except BaseException:
        Fleet(started).retire()
        raise
    return Fleet(started)


def _start(endpoint: str, plan: VariantPlan, region: str) -> LiveVariant:
    session = job_cloud.assume(plan.role, endpoint, region)
    stream = f"{plan.name}/i-{os.getpid():08x}{next(_INSTANCES):09x}"
    log = JobLog(session.client("logs"), f"/aws/sagemaker/Endpoints/{endpoint}", stream)
    serve = partial(_serve, endpoint, plan, session, log)
    try:
        server = serve()
    except BaseException:
        log.close()
        raise
    weight, instances = plan.settings["InitialVariantWeight"], plan.settings.get("InitialInstanceCount", 1)
    dimensions = {"EndpointName": endpoint, "VariantName": plan.name}
    metrics = MachineMetrics(session.client("cloudwatch"), METRICS, dimensions)

    def close() -> None:
        metrics.close()
        log.close()

    return LiveVariant(
        label=plan.name,
        server=server,
        restart=serve,
        say=log.say,
        close=close,
        timeout_seconds=MODEL_TIMEOUT_SECONDS,
        plan=plan,
        session=session,
        weight=weight,
        instances=instances,
    )


def _serve(endpoint: str, plan: VariantPlan, session: job_cloud.Session, log: JobLog) -> Variant:
    own = plan.serving.environment
    environment = {**session.environment(), **tracking_environment(own), **own}
    with _downloaded(session, plan) as archive:
        request = VariantRequest(
            name=f"{endpoint}-{plan.name}",
            image=plan.serving.image,
            model_archive=archive,
            environment=environment,
            stop_grace_seconds=STOP_GRACE_SECONDS,
        )
        try:
            check_pull(session.actor, plan.serving.image)
            return start_variant(container_host(), request, log.write)
        except ImageError as error:
            raise FleetError(
                f"The image '{plan.serving.image}' of production variant {plan.name} could not be pulled: {error}"
            ) from error
        except VariantError as error:
            raise FleetError(f"Failed to extract model data of production variant {plan.name}: {error}") from error


@contextmanager
def _downloaded(session: job_cloud.Session, plan: VariantPlan) -> Iterator[Path | None]:
    uri = plan.serving.model_data_url
    if uri is None:
        yield None
        return
    bucket, _, key = uri.removeprefix("s3://").partition("/")
    with NamedTemporaryFile(suffix=".tar.gz") as file:
        try:
            # Not by boto3's download: that asks for the object's head first, whose refusal gives no reason.
            shutil.copyfileobj(session.client("s3").get_object(Bucket=bucket, Key=key)["Body"], file)
        except ClientError as error:
            raise FleetError(
                f"Failed to download model data of production variant {plan.name} from {uri}: {error}. Please ensure "
                "that there is an object located at the URL and that the role passed to CreateModel has permissions "
                "to download the model."
            ) from error
        file.flush()
        yield Path(file.name)


def _await_health(endpoint: str, variant: LiveVariant) -> None:
    asked = variant.plan.settings.get("ContainerStartupHealthCheckTimeoutInSeconds")
    seconds = asked or limit("endpoint", "health_check_seconds", endpoint)
    try:
        variant.server.wait_ready(seconds)
    except VariantError as error:
        raise FleetError(
            f"The primary container for production variant {variant.plan.name} did not pass the ping health check. "
            f"Please check CloudWatch logs for this endpoint. ({error})"
        ) from error
