"""The resource type `stile:endpoint:EndpointDeployment`: all models of one Vertex AI endpoint, and its split."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Final

from infra.providers.kit.resource import (
    CheckCall,
    Checked,
    CreateCall,
    Created,
    DeleteCall,
    Diff,
    DiffCall,
    Found,
    InitFailed,
    Plugin,
    PluginError,
    ReadCall,
    Resource,
    UpdateCall,
)
from infra.providers.kit.values import UNKNOWN, Properties, has_unknown
from infra.providers.stile.deployment_check import failures, settled
from infra.providers.stile.deployment_diff import changes
from infra.providers.stile.deployment_forms import Endpoint, asked_of, described
from infra.providers.stile.deployment_rollout import DIGEST, Recorded, Rollout, emptied
from infra.providers.stile.deployment_vertex import Patience, Vertex

# A deployment takes Vertex AI up to half an hour, and an update may need several.
_LONGEST_SECONDS: Final = 2 * 3600.0


class EndpointDeployment(Resource):
    """Deploys, shifts, watches and undeploys; its id is the endpoint's resource name.

    What it finds at the endpoint it takes over: it is the only one that deploys there. Nothing is kept between calls
    but in the state, and there only what was live; so every call begins by looking.
    """

    def __init__(self, plugin: Plugin) -> None:
        self._plugin = plugin

    def check(self, call: CheckCall) -> Checked:
        """Validate the inputs; fill in the most replicas, and leave out shares of zero."""
        wrong = list(failures(call.news))
        return Checked(call.news, wrong) if wrong else Checked(settled(call.news))

    def diff(self, call: DiffCall) -> Diff:
        """Compare what was live with what is asked. Raises PluginError for a change that needs another id."""
        return Diff(changes(call.olds, call.news))

    def create(self, call: CreateCall) -> Created:
        """Bring the endpoint to what is asked, whatever it serves. Raises InitFailed if that failed half way."""
        if call.preview:
            return Created("", _as_asked(call.inputs))
        return Created(call.inputs["endpoint"], self._rolled_out(call.urn, call.inputs, None, call.timeout_seconds))

    def update(self, call: UpdateCall) -> Properties:
        """Bring the endpoint to what is asked. Raises InitFailed if that failed half way."""
        if call.preview:
            return _as_asked(call.inputs)
        return self._rolled_out(call.urn, call.inputs, call.olds, call.timeout_seconds)

    def read(self, call: ReadCall) -> Found | None:
        """Return what is live as inputs would describe it; None if there is no such endpoint."""
        with self._vertex(call.id, None) as vertex:
            live = vertex.find()
            if live is None:
                return None
            recorded = {**call.outputs, **call.inputs, "endpoint": call.id}
            outputs = _outputs(vertex, live, recorded, [call.inputs, call.outputs], call.outputs.get("reached", "done"))
        names = ("endpoint", "deployedModels", "trafficSplit", "rollout")
        inputs = {name: outputs[name] for name in names if name in outputs}
        if all(inputs[name] == call.inputs.get(name) for name in ("deployedModels", "trafficSplit")):
            outputs["reached"] = "done"
        return Found(call.id, outputs, inputs)

    def delete(self, call: DeleteCall) -> None:
        """Undeploy everything, and leave the endpoint; one that is gone has nothing to undeploy."""
        with self._vertex(call.id, call.timeout_seconds) as vertex:
            emptied(vertex, self._teller(call.urn))

    def _rolled_out(
        self, urn: str, inputs: Properties, olds: Properties | None, timeout_seconds: float | None
    ) -> Properties:
        asked = asked_of(inputs)
        recorded = None if olds is None else Recorded(olds.get("live", {}).keys(), olds.get("liveSplit", {}))
        with self._vertex(asked.endpoint, timeout_seconds) as vertex:
            rollout = Rollout(vertex, asked, recorded, self._teller(urn))
            known = [inputs, olds or {}]
            try:
                return _outputs(vertex, rollout.run(), inputs, known, rollout.reached)
            except PluginError as error:
                if not rollout.began:
                    raise
                outputs = _half_way(vertex, inputs, olds, rollout.reached)
                raise InitFailed(_complaint(error, inputs, outputs), id=asked.endpoint, outputs=outputs) from error

    @contextmanager
    def _vertex(self, endpoint: str, timeout_seconds: float | None) -> Iterator[Vertex]:
        vertex = Vertex(endpoint, Patience(self._plugin.cancelled, timeout_seconds or _LONGEST_SECONDS))
        try:
            yield vertex
        finally:
            vertex.close()

    def _teller(self, urn: str) -> Callable[[str], None]:
        return lambda message: self._plugin.log.say(message, urn=urn, passing=True)


def _outputs(vertex: Vertex, live: Endpoint, base: Properties, known: list[Properties], reached: str) -> Properties:
    """Return the outputs: what is live, described as inputs describe it, in the order in which they do.

    Args:
        vertex: asked for the digests of versions that nothing describes.
        live: the endpoint.
        base: properties that are kept as they are.
        known: inputs and outputs that describe models, the most telling ones first.
        reached: the step that was reached.
    """
    descriptions: dict[str, Properties] = {}
    for properties in known:
        for one in properties.get("deployedModels", ()):
            descriptions.setdefault(one["id"], one)
    order = [id_ for id_ in descriptions if id_ in live.models]
    models = []
    for id_ in [*order, *(id_ for id_ in live.models if id_ not in descriptions)]:
        found, description = live.models[id_], descriptions.get(id_)
        same = description is not None and description["model"] == found.model
        sha256 = (
            description["sha256"] if same and description else (vertex.variables(found.model) or {}).get(DIGEST, "")
        )
        models.append(described(found, description if same else None, sha256))
    return {
        **base,
        "deployedModels": models,
        "trafficSplit": dict(live.split),
        "live": {one["id"]: one["model"] for one in models},
        "liveSplit": dict(live.split),
        "reached": reached,
    }


def _half_way(vertex: Vertex, inputs: Properties, olds: Properties | None, reached: str) -> Properties:
    """Return the outputs of an update that failed: what is live; if that is not to be learnt, what was."""
    try:
        return _outputs(vertex, vertex.endpoint(), inputs, [inputs, olds or {}], reached)
    except PluginError:  # the update's own error is raised, and the next update looks again
        nothing: Properties = {"deployedModels": [], "trafficSplit": {}, "live": {}, "liveSplit": {}}
        return {**inputs, **nothing, **(olds or {}), "reached": reached}


def _as_asked(inputs: Properties) -> Properties:
    """Return the outputs of an update that succeeds, as far as they are known before."""
    models = inputs["deployedModels"]
    known = isinstance(models, list) and not has_unknown([_id(one) for one in models])
    live = {one["id"]: one["model"] for one in models} if known else UNKNOWN
    return {**inputs, "live": live, "liveSplit": inputs["trafficSplit"], "reached": "done"}


def _id(model: Any) -> Any:
    return model.get("id") if isinstance(model, Mapping) else model


def _complaint(error: PluginError, inputs: Properties, outputs: Properties) -> str:
    """Return the reason, and what was asked beside what is live."""
    asked = {one["id"]: one["model"] for one in inputs["deployedModels"]}
    return (
        f"{str(error).rstrip('.')}. At step {outputs['reached']}: asked for {_told(asked, inputs['trafficSplit'])}; "
        f"live is {_told(outputs['live'], outputs['liveSplit'])}"
    )


def _told(models: Mapping[str, str], split: Mapping[str, int]) -> str:
    return ", ".join(f"{model} as {id_} at {split.get(id_, 0)}%" for id_, model in models.items()) or "nothing"
