"""The steps by which an endpoint comes to serve what is asked, and the way back when one of them fails.

Each step looks at what is there and does what is missing, so an update that was cut off anywhere is gone on with by the
next. Two things hold at all times: the split adds up to 100, and an endpoint that serves goes on serving.
"""

import time
from collections.abc import Callable, Iterable, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from typing import Final

from infra.providers.kit.resource import CallFailed, Cancelled, PluginError
from infra.providers.stile import deployment_split as splits
from infra.providers.stile.deployment_forms import Asked, Deployed, Endpoint
from infra.providers.stile.deployment_vertex import OutOfTimeError, Vertex

DIGEST: Final = "STILE_MODEL_SHA256"
_LOOK_EVERY_SECONDS: Final = 2.0
# How often a split is sent again because something else of the endpoint, such as a label, was changed in between.
_SHIFT_ATTEMPTS: Final = 5


class MeddledError(PluginError):
    """Somebody else changed the endpoint while it was being changed; nothing is gone back on."""


class RolledBackError(PluginError):
    """A step failed, and traffic went back to where it was."""


@dataclass(frozen=True)
class Recorded:
    """What the state says was live: ids of deployed models, and the split."""

    ids: AbstractSet[str]
    split: splits.Split


class Rollout:
    """Brings one endpoint to what is asked.

    Args:
        vertex: the endpoint.
        asked: what it is to serve.
        recorded: what the state says it serves; None if the state knows nothing of it.
        say: tells the user what is going on.

    Attributes:
        reached: the step that was begun last.
        began: whether anything was changed.
    """

    def __init__(self, vertex: Vertex, asked: Asked, recorded: Recorded | None, say: Callable[[str], None]) -> None:
        self._vertex = vertex
        self._asked = asked
        self._recorded = recorded
        self._say = say
        self.reached = "deploy"
        self.began = False

    def run(self) -> Endpoint:
        """Go through the steps and return the endpoint as it is then.

        Raises:
            PluginError: it is refused before anything was changed, or a step failed; then traffic is back.
            Cancelled: it was stopped; what was reached stays.
            OutOfTimeError: a deployment takes longer; it goes on, and the next update waits for it.
            MeddledError: somebody else changed the endpoint in between; what was reached stays.
        """
        self._vertex.settle()
        live = self._vertex.endpoint()
        self._refuse_conflicts(live)
        self._refuse_versions()
        kept = live.models.keys() if self._recorded is None else self._recorded.ids
        fresh = self._asked.models.keys() - kept
        recorded = {} if self._recorded is None else self._recorded.split
        before = splits.before(live.split, self._asked.split, fresh, recorded, live.models.keys())
        try:
            self._refuse_open_incidents(live, before)
            live = self._released(live, before)
        except (Cancelled, MeddledError):
            raise
        except PluginError as error:
            if isinstance(error, OutOfTimeError) and self.reached == "deploy":
                raise
            raise self._gone_back(before, fresh, error) from error
        live = self._undeployed(live)
        self.reached = "done"
        return live

    # before anything is changed

    def _refuse_conflicts(self, live: Endpoint) -> None:
        wrong = conflicts(self._asked.models, live.models)
        if wrong:
            raise PluginError("; ".join(wrong))

    def _refuse_versions(self) -> None:
        """Raise PluginError unless each version is the one that its description speaks of."""
        wrong: list[str] = []
        for index, (id_, model) in enumerate(self._asked.models.items()):
            expected, path = self._asked.expected[id_], f"deployedModels[{index}]"
            found = self._vertex.variables(model.model)
            if found is None:
                wrong.append(f"{path}.model: there is no version {model.model}")
                continue
            if found.get(DIGEST) != expected.sha256:
                says = f"says {found[DIGEST]}" if DIGEST in found else f"has no variable {DIGEST}"
                wrong.append(f"{path}.sha256: asked for {expected.sha256}, and {model.model} {says}")
            wrong += [
                f"{path}.environment.{key}: asked for {value!r}, and {model.model} has {found.get(key)!r}; Vertex AI "
                "fixes a container's variables when a version is registered: register another"
                for key, value in expected.environment.items()
                if found.get(key) != value
            ]
        if wrong:
            raise PluginError("; ".join(wrong))

    def _refuse_open_incidents(self, live: Endpoint, before: splits.Split) -> None:
        """Begin nothing that could only be taken back: an alarm that is on already would end the bake time."""
        if live.split != before or not self._watched(before):
            return
        if found := self._vertex.incidents(self._asked.rollout.alarms):
            raise PluginError(
                f"rollout.alarms: there is an open incident before anything was begun: {'; '.join(found)}. Close it, "
                "or leave the policy out of rollout.alarms for this update"
            )

    def _watched(self, before: splits.Split) -> bool:
        return bool(before) and before != self._asked.split and self._asked.rollout.bake_seconds > 0

    # the steps

    def _released(self, live: Endpoint, before: splits.Split) -> Endpoint:
        """Deploy, shift and watch; after this, the split is the one that is asked for."""
        live = self._deployed(live)
        rollout = self._asked.rollout
        watched = self._watched(before)
        canary = splits.canary(before, self._asked.split, rollout.canary_percent) if watched else None
        if canary and live.split != self._asked.split:  # else an earlier attempt got through the bake time
            self.reached = "canary"
            live = self._shifted(live, canary)
            self._bake()
        self.reached = "shift"
        live = self._shifted(live, self._asked.split)
        if watched and not canary:
            self._bake()
        return live

    def _deployed(self, live: Endpoint) -> Endpoint:
        """Deploy what is missing without traffic; where nothing is deployed, the first one takes all of it."""
        self.reached = "deploy"
        shares = self._asked.split
        missing = [model for id_, model in self._asked.models.items() if id_ not in live.models]
        for model in sorted(missing, key=lambda one: -shares.get(one.id, 0)):
            self._say(f"deploying {model.model} as {model.id}")
            self._begin(f"the deployment of {model.id}")
            first = not live.models
            self._vertex.deploy(model, {"0": splits.WHOLE} if first else None)
            split = {model.id: splits.WHOLE} if first else live.split
            live = self._seen(live.models.keys() | {model.id}, split)
        for id_, model in self._asked.models.items():
            # Fewer only once the traffic has gone where it is to go.
            pairs = zip(live.models[id_].replicas, model.replicas, strict=True)
            least, most = (max(pair) for pair in pairs)
            self._scaled(live.models[id_], (least, most))
        return self._seen(live.models.keys(), live.split)

    def _scaled(self, found: Deployed, replicas: tuple[int, int]) -> None:
        if found.replicas != replicas:
            self._say(f"{found.id}: from {found.replicas} replicas to {replicas}")
            self._begin(f"the change of {found.id}'s replicas")
            self._vertex.scale(found.id, replicas)

    def _shifted(self, live: Endpoint, split: splits.Split) -> Endpoint:
        """Change the split, if it is another; somebody else's change in between is refused."""
        for _ in range(_SHIFT_ATTEMPTS):
            if live.split == split:
                return live
            self._say(f"shifting traffic from {shown(live.split)} to {shown(split)}")
            self._begin("the shift of traffic")
            try:
                self._vertex.shift(split, live.etag)
                return self._seen(live.models.keys(), split)
            except CallFailed as error:
                found, refusal = self._vertex.endpoint(), error
            if found.split == split:  # it arrived all the same
                return found
            self._refuse_meddling(found, live.models.keys(), live.split)
            if found.etag == live.etag:
                raise refusal
            live = found
        raise refusal

    def _bake(self) -> None:
        """Watch for as long as asked. Raises PluginError if an incident is open."""
        rollout, began = self._asked.rollout, time.monotonic()
        self.reached = "bake"
        self._say(f"watching {len(rollout.alarms)} alarms for {rollout.bake_seconds} seconds")
        while True:
            self._vertex.patience.check("the bake time")
            if found := self._vertex.incidents(rollout.alarms):
                raise PluginError(f"an alarm went off in the bake time: {'; '.join(found)}")
            left = began + rollout.bake_seconds - time.monotonic()
            if left <= 0:
                return
            self._vertex.patience.pause(min(left, _LOOK_EVERY_SECONDS))

    def _undeployed(self, live: Endpoint) -> Endpoint:
        """Undeploy what is no longer named; it has no traffic by now."""
        self.reached = "undeploy"
        for id_, model in self._asked.models.items():
            self._scaled(live.models[id_], model.replicas)
        for id_ in [id_ for id_ in live.models if id_ not in self._asked.models]:
            self._say(f"undeploying {live.models[id_].model}, {id_}")
            self._begin(f"the undeployment of {id_}")
            self._vertex.undeploy(id_)
        live = self._seen(self._asked.models.keys(), self._asked.split)
        wrong = conflicts(self._asked.models, live.models)
        wrong += [
            f"{id_} has {live.models[id_].replicas} replicas and not {model.replicas}"
            for id_, model in self._asked.models.items()
            if live.models[id_].replicas != model.replicas
        ]
        if wrong:
            raise PluginError("; ".join(wrong))
        return live

    def _begin(self, what: str) -> None:
        self._vertex.patience.check(what)
        self.began = True

    # what nobody else may do

    def _seen(self, ids: AbstractSet[str], split: splits.Split) -> Endpoint:
        """Return the endpoint. Raises MeddledError unless it serves what the last step left."""
        found = self._vertex.endpoint()
        self._refuse_meddling(found, ids, split)
        return found

    def _refuse_meddling(self, found: Endpoint, ids: AbstractSet[str], split: splits.Split) -> None:
        if (found.models.keys(), found.split) != (ids, split):
            raise MeddledError(
                f"somebody else changed {self._vertex.name} in between: it was left with {_ids(ids)} at "
                f"{shown(split)}, and has {_ids(found.models)} at {shown(found.split)}; nothing else may deploy to it "
                "or shift its traffic while this resource does. Run the update again to take it over"
            )

    # the way back

    def _gone_back(self, before: splits.Split, fresh: AbstractSet[str], error: PluginError) -> PluginError:
        """Give the traffic back and undeploy what this update deployed; return what is to be told."""
        why = str(error).rstrip(".")
        self._vertex.patience = self._vertex.patience.again()
        try:
            live = self._vertex.endpoint()
            leaving = sorted(fresh & live.models.keys() - before.keys())
            if not before and live.models:
                return RolledBackError(f"{why}. Nothing served before that traffic could go back to")
            if live.split == before and not leaving:
                return error
            self._say(f"{why}; going back to {shown(before)}")
            self._shifted(live, before)
            for id_ in leaving:
                self._begin(f"the undeployment of {id_}")
                self._vertex.undeploy(id_)
        except PluginError as second:
            return PluginError(f"{why}. Going back to {shown(before)} failed too: {second}")
        return RolledBackError(f"{why}. Traffic is back at {shown(before)}")


def conflicts(asked: Mapping[str, Deployed], live: Mapping[str, Deployed]) -> list[str]:
    """Return why models cannot be served under ids that others have: property by property, with the fix."""
    return [
        f"deployedModels[{index}].{key}: {id_} was deployed with {was!r} and cannot come to have {wanted!r}; Vertex "
        "AI changes nothing but a deployed model's replicas: give it another id (deployed_id makes one of its content)"
        for index, (id_, model) in enumerate(asked.items())
        if id_ in live
        for key, was, wanted in model.conflicts(live[id_])
    ]


def shown(split: splits.Split) -> str:
    """Return a split as people read it."""
    return ", ".join(f"{id_}: {share}%" for id_, share in sorted(split.items())) or "no traffic"


def _ids(ids: Iterable[str]) -> str:
    return f"models {', '.join(sorted(ids))}" if ids else "no models"


def emptied(vertex: Vertex, say: Callable[[str], None]) -> None:
    """Undeploy everything: first what has no traffic, then what has the least, and the rest takes its share over."""
    vertex.settle()
    while (live := vertex.find()) is not None and live.models:
        leaving = min(live.models, key=lambda id_: (live.split.get(id_, 0), id_))
        vertex.patience.check(f"the undeployment of {leaving}")
        say(f"undeploying {live.models[leaving].model}, {leaving}")
        moved = splits.without(live.split, leaving) if leaving in live.split else None
        vertex.undeploy(leaving, moved)
