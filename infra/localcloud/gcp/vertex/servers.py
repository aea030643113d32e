"""The model servers behind endpoints and batch predictions: a container of the model, healthy before it is used."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial

from infra.localcloud.gcp import states
from infra.localcloud.gcp.call import Cloud
from infra.localcloud.gcp.errors import Refusal, precondition
from infra.localcloud.gcp.store import Record
from infra.localcloud.gcp.vertex.job_cloud import SERVING_AGENT, Session, assume, container_host
from infra.localcloud.gcp.vertex.job_logs import JobLog
from infra.localcloud.jobs.contract_vertex import serving_environment, serving_words
from infra.localcloud.jobs.live_server import LiveServer, StartError
from infra.localcloud.jobs.ports import free_port
from infra.localcloud.jobs.registry import ImageError
from infra.localcloud.jobs.variants import Variant, VariantError, VariantRequest, start_variant

# How long Vertex AI lets a model take over an answer.
# Source: https://cloud.google.com/vertex-ai/docs/predictions/get-online-predictions
PREDICT_TIMEOUT_SECONDS = 60.0
STOP_GRACE_SECONDS = 10.0


@dataclass(frozen=True)
class ServingPlan:
    """What one model server is to run.

    Attributes:
        version: the model's version.
        endpoint: the id of the endpoint, or of the job, that it serves.
        deployed_model: its id there.
        account: the service account that it acts under, None for the platform's own.
    """

    version: Record
    endpoint: str
    deployed_model: str
    account: str | None = None

    @property
    def container(self) -> Mapping[str, object]:
        """The specification of the container."""
        found: Mapping[str, object] = self.version.body["containerSpec"]
        return found

    @property
    def label(self) -> str:
        """What it is called in threads and folders."""
        return f"{self.endpoint}-{self.deployed_model}"


def start_server(cloud: Cloud, plan: ServingPlan, log: JobLog) -> LiveServer:
    """Start a model server and wait until it answers its health check.

    Raises:
        Refusal: FAILED_PRECONDITION, if it cannot be started or does not get healthy; none is left running then.
    """
    session = assume(cloud, plan.account or SERVING_AGENT)
    serve = partial(_serve, cloud, plan, session, log)
    try:
        server = serve()
    except StartError as error:
        session.close()
        raise precondition(str(error)) from error
    live = LiveServer(
        label=plan.label,
        server=server,
        restart=serve,
        say=log.say,
        close=session.close,
        timeout_seconds=PREDICT_TIMEOUT_SECONDS,
    )
    try:
        _await_health(plan, live, log)
    except BaseException:
        live.retire()
        raise
    live.watch()
    return live


def _serve(cloud: Cloud, plan: ServingPlan, session: Session, log: JobLog) -> Variant:
    port = free_port()
    environment = serving_environment(
        plan.container,
        port=port,
        storage_uri=plan.version.hidden.get("storage_uri", ""),
        endpoint=plan.endpoint,
        deployed_model=plan.deployed_model,
    )
    image = str(plan.container["imageUri"])
    request = VariantRequest(
        name=plan.label,
        image=image,
        model_archive=None,
        environment={**session.environment(), **environment},
        entrypoint=serving_words(plan.container, environment, "command"),
        arguments=serving_words(plan.container, environment, "args"),
        stop_grace_seconds=STOP_GRACE_SECONDS,
        port=port,
        health_route=environment["AIP_HEALTH_ROUTE"],
        predict_route=environment["AIP_PREDICT_ROUTE"],
    )
    try:
        return start_variant(container_host(cloud), request, log.write)
    except (ImageError, VariantError, OSError) as error:
        raise StartError(f"The image {image} of the model cannot be started: {error}") from error


def _await_health(plan: ServingPlan, live: LiveServer, log: JobLog) -> None:
    seconds = states.limit("deployment", "health_check_seconds", plan.label)
    try:
        live.server.wait_ready(seconds)
    except VariantError as error:
        raise _unhealthy(live, log) from error


def _unhealthy(live: LiveServer, log: JobLog) -> Refusal:
    ended = live.server.exit
    if ended is not None:
        said = f"Model server exited unexpectedly: exit code {ended.code}."
    else:
        said = (
            "Model server never became ready. Please validate that your model file or container configuration are "
            "valid."
        )
    return precondition(f"{said} Model server logs can be found at {log.url}.")


class Servers:
    """The model servers of all endpoints, by endpoint and deployed model."""

    def __init__(self) -> None:
        self._known: dict[tuple[str, str], LiveServer] = {}

    def put(self, endpoint: str, deployed_model: str, server: LiveServer) -> None:
        """Note a server. The store must be locked, here and below."""
        self._known[endpoint, deployed_model] = server

    def get(self, endpoint: str, deployed_model: str) -> LiveServer:
        """Return a server."""
        return self._known[endpoint, deployed_model]

    def take(self, endpoint: str, deployed_model: str) -> LiveServer:
        """Forget a server and return it."""
        return self._known.pop((endpoint, deployed_model))
