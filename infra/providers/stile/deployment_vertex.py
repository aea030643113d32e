"""One endpoint of Vertex AI as `EndpointDeployment` uses it: what it serves, its operations, and its alarms."""

import json
import os
import time
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from threading import Event
from typing import Any, Final

from infra.clouds.gcp_calls import Google
from infra.clouds.gcp_logs import GcpLog
from infra.errors import CloudError
from infra.providers.kit.resource import CallFailed, Cancelled, PluginError
from infra.providers.stile.deployment_forms import ENDPOINT, POLICY, Deployed, Endpoint, endpoint_of, replicas_body

# How long one request waits for an operation: as long as a cancellation may go unheard.
_WAIT_SECONDS: Final = 5.0
# The server may answer a wait early; these are the pauses then.
_FIRST_PAUSE_SECONDS: Final = 0.1
_LONGEST_PAUSE_SECONDS: Final = 10.0
# Reads are sent again after an error of the server, after 1, 2 and 4 seconds at most.
_READ_RETRIES: Final = 3
_LOG_LINES: Final = 5
_UNIMPLEMENTED: Final = ("UNIMPLEMENTED", "501")
_NOT_FOUND: Final = ("NOT_FOUND",)


class OutOfTimeError(PluginError):
    """The time that a call may take is over; what it waited for goes on in the cloud."""


class Patience:
    """How long a call may still wait.

    Args:
        cancelled: set when the engine wants the call to end.
        seconds: how long it may wait in all.
    """

    def __init__(self, cancelled: Event, seconds: float) -> None:
        self._cancelled = cancelled
        self.seconds = seconds
        self._until = time.monotonic() + seconds

    def check(self, what: str) -> None:
        """Raise Cancelled or OutOfTimeError if what comes next is not to be begun, or waited for any longer."""
        if self._cancelled.is_set():
            raise Cancelled(f"stopped before the end of {what}; the next update goes on from there")
        if time.monotonic() >= self._until:
            raise OutOfTimeError(
                f"{self.seconds:g} seconds were over before the end of {what}; what was begun goes on, and the next "
                "update waits for it. Allow more by custom_timeouts"
            )

    @property
    def left(self) -> float:
        """How many seconds are left."""
        return max(self._until - time.monotonic(), 0.0)

    def pause(self, seconds: float) -> None:
        """Wait, unless the call is to end."""
        self._cancelled.wait(min(seconds, self.left))

    def again(self) -> "Patience":
        """Return as much patience anew."""
        return Patience(self._cancelled, self.seconds)


class Vertex:
    """Asks about one endpoint and changes it; every method raises PluginError if it is refused or not answered.

    Attributes:
        name: the endpoint's resource name.
        patience: bounds its waits.
    """

    def __init__(self, name: str, patience: Patience) -> None:
        place = ENDPOINT.fullmatch(name)
        if place is None:
            raise PluginError(f"{name} is no endpoint: projects/<project>/locations/<location>/endpoints/<id>")
        where = {"GOOGLE_CLOUD_PROJECT": place["project"], "GOOGLE_CLOUD_LOCATION": place["location"]}
        self._google = Google({**os.environ, **where})
        self.name = name
        self.patience = patience

    def close(self) -> None:
        """Close the connections."""
        self._google.close()

    @property
    def _locations(self) -> Any:
        return self._google.client("aiplatform", "v1").projects().locations()

    def find(self) -> Endpoint | None:
        """Return the endpoint as it is; None only if Vertex AI says that there is none."""
        try:
            body = _sent("endpoints.get", self._locations.endpoints().get(name=self.name), _READ_RETRIES)
        except CallFailed as error:
            if error.means(_NOT_FOUND):
                return None
            raise
        return endpoint_of(self.name, body)

    def endpoint(self) -> Endpoint:
        """Return the endpoint as it is. Raises PluginError if there is none."""
        found = self.find()
        if found is None:
            raise PluginError(f"there is no endpoint {self.name}: make it, or run a refresh if it is gone")
        return found

    def variables(self, version: str) -> Mapping[str, str] | None:
        """Return the variables of the container of a model's version; None if there is no such version."""
        try:
            body = _sent("models.get", self._locations.models().get(name=version), _READ_RETRIES)
        except CallFailed as error:
            if error.means(_NOT_FOUND):
                return None
            raise
        return {one["name"]: one.get("value", "") for one in body.get("containerSpec", {}).get("env", ())}

    # operations

    def settle(self) -> None:
        """Wait for the operations on the endpoint that an earlier call began; how they ended shows at the endpoint."""
        for operation in self._operations():
            if not operation.get("done"):
                self._ended(operation, f"an earlier operation on {self.name}")

    def _operations(self) -> Iterator[dict[str, Any]]:
        operations = self._locations.endpoints().operations()
        request = operations.list(name=self.name, pageSize=100)
        while request is not None:
            answer = _sent("endpoints.operations.list", request, _READ_RETRIES)
            yield from answer.get("operations", ())
            request = operations.list_next(request, answer)

    def deploy(self, model: Deployed, split: Mapping[str, int] | None) -> None:
        """Deploy a model, with a split of its own if one is given. Raises PluginError with its container's last words.

        One that is being deployed already is waited for.
        """
        body: dict[str, Any] = {"deployedModel": model.body(), **({"trafficSplit": split} if split else {})}
        try:
            operation = _sent("deployModel", self._locations.endpoints().deployModel(endpoint=self.name, body=body))
        except CallFailed:
            self.settle()
            if model.id in self.endpoint().models:
                return
            raise
        try:
            self._succeeded(operation, f"the deployment of {model.model} as {model.id}")
        except CallFailed as error:
            raise PluginError(f"{error}{self._last_words(operation)}") from error

    def undeploy(self, id_: str, split: Mapping[str, int] | None = None) -> None:
        """Undeploy a model, and give its share of the traffic to others; one that is gone is undeployed."""
        body: dict[str, Any] = {"deployedModelId": id_, **({"trafficSplit": dict(split)} if split else {})}
        what = f"the undeployment of {id_}"
        try:
            self._succeeded(
                _sent("undeployModel", self._locations.endpoints().undeployModel(endpoint=self.name, body=body)), what
            )
        except CallFailed as error:
            if not error.means(_NOT_FOUND):
                raise

    def scale(self, id_: str, replicas: tuple[int, int]) -> None:
        """Change how many replicas a deployed model has."""
        mask = ",".join(f"dedicatedResources.{key}" for key in replicas_body(replicas))
        body = {"deployedModel": {"id": id_, "dedicatedResources": replicas_body(replicas)}, "updateMask": mask}
        request = self._locations.endpoints().mutateDeployedModel(endpoint=self.name, body=body)
        self._succeeded(_sent("mutateDeployedModel", request), f"the change of {id_}'s replicas")

    def shift(self, split: Mapping[str, int], etag: str) -> None:
        """Give the endpoint another split, unless it was changed since it had an etag."""
        body = {"trafficSplit": dict(split), "etag": etag}
        request = self._locations.endpoints().patch(name=self.name, body=body, updateMask="trafficSplit")
        _sent("endpoints.patch", request)

    def _succeeded(self, operation: dict[str, Any], what: str) -> None:
        ended = self._ended(operation, what)
        if error := ended.get("error"):
            raise CallFailed(what, _codes().get(error.get("code"), "UNKNOWN"), error.get("message", "no reason given"))

    def _ended(self, operation: dict[str, Any], what: str) -> dict[str, Any]:
        """Wait until an operation is done, and return it."""
        pause = _FIRST_PAUSE_SECONDS
        while not operation.get("done"):
            self.patience.check(what)
            asked = time.monotonic()
            operation = self._waited(operation["name"], min(_WAIT_SECONDS, self.patience.left))
            if not operation.get("done") and time.monotonic() - asked < _WAIT_SECONDS / 2:
                self.patience.pause(pause)
                pause = min(2 * pause, _LONGEST_PAUSE_SECONDS)
        return operation

    def _waited(self, name: str, seconds: float) -> dict[str, Any]:
        below = self._locations.endpoints() if "/endpoints/" in name else self._locations
        request = below.operations().wait(name=name, timeout=f"{seconds:.3f}s")
        try:
            return _sent("operations.wait", request, _READ_RETRIES)
        except CallFailed as error:
            if error.code not in _UNIMPLEMENTED:
                raise
            return _sent("operations.get", below.operations().get(name=name), _READ_RETRIES)

    # alarms and logs

    def incidents(self, policies: Sequence[str]) -> list[str]:
        """Return the open incidents of alert policies, each as a text for people."""
        projects = sorted({found["project"] for policy in policies if (found := POLICY.fullmatch(policy))})
        alerts = [alert for project in projects for alert in self._open_alerts(project)]
        return [_incident(alert) for alert in alerts if alert.get("policy", {}).get("name") in policies]

    def _open_alerts(self, project: str) -> Iterator[dict[str, Any]]:
        alerts = self._google.client("monitoring", "v3").projects().alerts()
        request = alerts.list(parent=f"projects/{project}", filter='state="OPEN"', pageSize=1000)
        while request is not None:
            answer = _sent("monitoring.alerts.list", request, _READ_RETRIES)
            yield from (alert for alert in answer.get("alerts", ()) if alert.get("state") == "OPEN")
            request = alerts.list_next(request, answer)

    def _last_words(self, operation: dict[str, Any]) -> str:
        """Return what the container that failed wrote last, as the end of a message."""
        began = operation.get("metadata", {}).get("genericMetadata", {}).get("createTime")
        since = datetime.fromisoformat(began.replace("Z", "+00:00")) if began else None
        try:
            lines = GcpLog(self._google, f"endpoint/{self.name}", since).last_words(_LOG_LINES)
        except CloudError as error:
            return f"; its log could not be read: {error}"
        return f"; its container's last words: {' | '.join(lines)}" if lines else ""


def _incident(alert: Mapping[str, Any]) -> str:
    policy = alert["policy"]
    return f"{policy.get('displayName') or policy['name']} ({policy['name']}), open since {alert.get('openTime')}"


def _sent(what: str, request: Any, retries: int = 0) -> dict[str, Any]:
    """Send a request. Raises CallFailed with Google's status if it is refused, PluginError if nothing answers."""
    import httplib2  # type: ignore[import-untyped]  # it ships no types
    from google.auth.exceptions import GoogleAuthError
    from googleapiclient.errors import HttpError

    try:
        answer: dict[str, Any] = request.execute(num_retries=retries)
    except HttpError as error:
        raise CallFailed(what, _status(error), error.reason or "no reason given") from error
    except GoogleAuthError as error:
        raise PluginError(f"{what}: no credentials: {error}; run `gcloud auth application-default login`") from error
    except (httplib2.HttpLib2Error, OSError) as error:
        raise PluginError(f"{what}: Google Cloud does not answer: {error}") from error
    return answer


def _status(error: Any) -> str:
    """Return Google's word for a refusal, or the status of HTTP where the answer holds none."""
    try:
        return str(json.loads(error.content)["error"]["status"])
    except (ValueError, KeyError, TypeError):
        return str(error.resp.status)


def _codes() -> Mapping[int, str]:
    """Return the names of the codes that operations fail with; gRPC's are Google's."""
    import grpc

    return {status.value[0]: status.name for status in grpc.StatusCode}
