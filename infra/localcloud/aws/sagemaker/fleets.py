"""The model servers behind an endpoint: one process per variant, started together, retired without losing requests."""

import itertools
import os
import random
import shutil
import threading
import time
from collections.abc import Callable, Iterator, Mapping
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
from infra.localcloud.jobs.registry import ImageError
from infra.localcloud.jobs.variants import Variant, VariantAnswer, VariantError, VariantRequest, choose, start_variant

# How long the vendor lets a model take over an answer; a retiring variant gets as long.
MODEL_TIMEOUT_SECONDS = 60.0
STOP_GRACE_SECONDS = 10.0
FIRST_PAUSE_SECONDS, LONGEST_PAUSE_SECONDS = 0.2, 30.0
METRICS = "/aws/sagemaker/Endpoints"
_INSTANCES = itertools.count(1)


class FleetError(Exception):
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


@dataclass
class LiveVariant:
    """A variant's running model server."""

    plan: VariantPlan
    server: Variant
    session: job_cloud.Session
    log: JobLog
    metrics: MachineMetrics
    weight: float
    instances: int
    restart: Callable[[], Variant]
    started: datetime = field(default_factory=now)
    _in_flight: int = 0
    _idle: threading.Condition = field(default_factory=threading.Condition)
    _retired: threading.Event = field(default_factory=threading.Event)

    def hold(self) -> None:
        """Keep the server for a request, until `release`."""
        with self._idle:
            self._in_flight += 1

    def release(self) -> None:
        """Note that a request is answered."""
        with self._idle:
            self._in_flight -= 1
            self._idle.notify_all()

    def answer(self, body: bytes, headers: Mapping[str, str]) -> VariantAnswer:
        """Let the server answer a request; one that does not answer in the vendor's time gives status 500."""
        began = time.perf_counter()
        try:
            return self.server.invoke(body, headers, timeout_seconds=MODEL_TIMEOUT_SECONDS)
        except VariantError as error:
            return VariantAnswer(500, {}, str(error).encode(), time.perf_counter() - began)

    def watch(self) -> None:
        """Start the server again whenever it ends, as the vendor does; the pause between two starts grows."""
        threading.Thread(target=self._keep_alive, name=f"variant-watch-{self.plan.name}", daemon=True).start()

    def retire(self) -> None:
        """Wait for the requests that it still answers, then stop it."""
        with self._idle:
            self._idle.wait_for(lambda: self._in_flight == 0, MODEL_TIMEOUT_SECONDS)
            self._retired.set()
        self.server.stop()
        self.metrics.close()
        self.log.close()

    def _keep_alive(self) -> None:
        pause = FIRST_PAUSE_SECONDS
        while not self._retired.is_set():
            ended = self.server.wait()
            if ended is None or self._retired.wait(pause):
                return
            pause = min(pause * 2, LONGEST_PAUSE_SECONDS)
            self.log.say(f"the model server ended with code {ended.code}; starting it again")
            self._replace()

    def _replace(self) -> None:
        self.server.stop()  # removes what the ended one left
        try:
            fresh = self.restart()
        except (FleetError, OSError) as error:
            # There is no server to replace it: the ended one stays, its requests are refused, and this is tried again.
            self.log.say(f"the model server could not be started again: {error}")
            return
        with self._idle:
            self.server = fresh
            is_late = self._retired.is_set()
        if is_late:
            fresh.stop()


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
    return LiveVariant(plan, server, session, log, metrics, weight, instances, restart=serve)


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
