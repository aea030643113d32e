"""The resource type `stile:endpoint:Live`: the check that an endpoint serves what was asked."""

import time
from typing import Final

from infra.providers.kit.resource import (
    Cancelled,
    Change,
    CheckCall,
    Checked,
    CreateCall,
    Created,
    DeleteCall,
    Diff,
    DiffCall,
    Failure,
    Found,
    InitFailed,
    Plugin,
    PluginError,
    ReadCall,
    Resource,
    UpdateCall,
)
from infra.providers.kit.values import Properties
from infra.providers.stile.live_aws import IN_SERVICE, PASSING, Endpoint, SageMaker

_CLOUDS: Final = ("aws",)
_REQUIRED: Final = ("cloud", "endpointName", "asked", "modelVersion")
_TAKEN: Final = frozenset({*_REQUIRED, "region"})
_REPLACING: Final = ("cloud", "endpointName", "region")
# a canary's bake and the roll-back after it stay below this, by SageMaker's own limits
_LONGEST_SECONDS: Final = 2 * 3600.0
_FIRST_POLL_SECONDS: Final = 0.25
_LONGEST_POLL_SECONDS: Final = 15.0


class Live(Resource):
    """Makes nothing: create and update wait until the endpoint settles and fail unless it serves what was asked."""

    def __init__(self, plugin: Plugin) -> None:
        self._plugin = plugin

    def check(self, call: CheckCall) -> Checked:
        """Validate the inputs."""
        failures = [Failure(key, "is missing") for key in _REQUIRED if call.news.get(key) is None]
        failures += [Failure(key, "is no input of this check") for key in sorted(call.news.keys() - _TAKEN)]
        if call.news.get("cloud") not in (None, *_CLOUDS):
            failures.append(Failure("cloud", f"{call.news['cloud']} is not supported; only {', '.join(_CLOUDS)} is"))
        return Checked({key: value for key, value in call.news.items() if value is not None}, failures)

    def diff(self, call: DiffCall) -> Diff:
        """Check again when another release is asked for, or when something else was found live."""
        olds, news = call.olds, call.news
        changes = {key: Change.UPDATE for key in ("asked", "modelVersion") if olds.get(key) != news[key]}
        changes |= {key: Change.UPDATE_REPLACE for key in _REPLACING if olds.get(key) != news.get(key)}
        for found, wanted in (("live", "asked"), ("liveVersion", "modelVersion")):
            if wanted not in changes and olds.get(found) != news[wanted]:
                changes[found] = Change.UPDATE
        return Diff(changes)

    def create(self, call: CreateCall) -> Created:
        """Hold until what is live is what was asked. Raises InitFailed if it is not."""
        if call.preview:
            return Created("", _as_asked(call.inputs))
        return Created(call.inputs["endpointName"], self._hold(call.inputs, call.urn, call.timeout_seconds))

    def update(self, call: UpdateCall) -> Properties:
        """Hold until what is live is what was asked. Raises InitFailed if it is not."""
        if call.preview:
            return _as_asked(call.inputs)
        return self._hold(call.inputs, call.urn, call.timeout_seconds)

    def read(self, call: ReadCall) -> Found | None:
        """Return what is live now; None if the endpoint is gone."""
        cloud = SageMaker(call.inputs.get("region"))
        endpoint = cloud.endpoint(call.id)
        if endpoint is None:
            return None
        if call.importing:
            raise PluginError("this check cannot be imported: declare it, and it is made")
        return Found(call.id, {**call.inputs, **_found(cloud, endpoint)}, call.inputs)

    def delete(self, call: DeleteCall) -> None:
        """Do nothing, as nothing was made."""
        self._plugin.log.say(f"no longer checks what is live at {call.id}; the endpoint is not touched", urn=call.urn)

    def _hold(self, inputs: Properties, urn: str, timeout_seconds: float | None) -> Properties:
        cloud = SageMaker(inputs.get("region"))
        name = inputs["endpointName"]
        endpoint = self._settled(cloud, name, urn, timeout_seconds or _LONGEST_SECONDS)
        outputs = {**inputs, **_found(cloud, endpoint)}
        asked = (inputs["asked"], inputs["modelVersion"])
        if endpoint.status == IN_SERVICE and (outputs["live"], outputs["liveVersion"]) == asked:
            return outputs
        raise InitFailed(_complaint(endpoint, outputs), id=name, outputs=outputs)

    def _settled(self, cloud: SageMaker, name: str, urn: str, timeout_seconds: float) -> Endpoint:
        """Wait until the endpoint's status is one that stays, or the time is over."""
        until = time.monotonic() + timeout_seconds
        pause_seconds = _FIRST_POLL_SECONDS
        while True:
            endpoint = cloud.endpoint(name)
            if endpoint is None:
                raise PluginError(f"there is no endpoint {name}")
            if endpoint.status not in PASSING or time.monotonic() >= until:
                return endpoint
            self._plugin.log.say(f"{name} is {endpoint.status}", urn=urn, passing=True)
            if self._plugin.cancelled.wait(pause_seconds):
                raise Cancelled(f"stopped while {name} was {endpoint.status}")
            pause_seconds = min(2 * pause_seconds, _LONGEST_POLL_SECONDS)


def _found(cloud: SageMaker, endpoint: Endpoint) -> Properties:
    return {"live": endpoint.config, "liveVersion": cloud.model_version(endpoint.config)}


def _as_asked(inputs: Properties) -> Properties:
    return {**inputs, "live": inputs["asked"], "liveVersion": inputs["modelVersion"]}


def _complaint(endpoint: Endpoint, outputs: Properties) -> str:
    version = outputs["liveVersion"]
    message = (
        f"{outputs['endpointName']} does not serve what was asked: "
        f"asked for {outputs['asked']} with model version {outputs['modelVersion']}, "
        f"live is {outputs['live']} with {f'model version {version}' if version else 'no model version'}; "
        f"its status is {endpoint.status}"
    )
    return f"{message}; FailureReason: {endpoint.failure_reason}" if endpoint.failure_reason else message
