"""kill -9 before and after every call on Vertex AI, and a fault at each step: the next update goes on and gets there.

Each call on the plugin runs in a process of its own, which dies at the first point that no process died at before. Only
what the state would hold is handed on.
"""

import json
import multiprocessing
import os
import signal
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import httplib2  # type: ignore[import-untyped]
import httpx
import pytest
from googleapiclient.errors import HttpError

from infra.providers.kit.resource import CreateCall, DeleteCall, InitFailed, PluginError, UpdateCall
from tests.engine.fatal_plugin import reach
from tests.providers.stile import fatal_calls
from tests.providers.stile.conftest import Listening
from tests.providers.stile.deployment_ground import Inputs, Place, described, never_broken, ring

pytestmark = pytest.mark.slow
MOST_RUNS = 200
URN = "urn:pulumi:dev::demo::stile:endpoint:EndpointDeployment::flights"
CONTEXT = multiprocessing.get_context("forkserver")
CONTEXT.set_forkserver_preload([__name__, "infra.providers.stile.deployment", "googleapiclient.http"])
BEFORE, AFTER = {"1": 90, "2": 10}, {"3": 60, "4": 40}
CANARY = {"1": 81, "2": 9, "3": 6, "4": 4}
SHIFT = f"patch {json.dumps(CANARY)}"


@dataclass(frozen=True)
class Said:
    """What one call came to: what the state holds then, and the error; None for both if the process was killed."""

    outputs: Inputs | None = None
    error: str | None = None


@dataclass
class Fatal:
    """Drives one endpoint's resource, each call in a process of its own.

    Attributes:
        folder: where the points are.
        outputs: what the state holds; None before the creation.
        rings: the metric whose alarm goes off after the canary; empty for none.
        refuses: the point at which Google refuses a call; empty for none.
    """

    place: Place
    folder: Path
    endpoint: str
    inputs: Mapping[str, Inputs]
    outputs: Inputs | None = None
    rings: str = ""
    refuses: str = ""

    def call(self, inputs: Inputs | None, *, kills: bool = True) -> Said:
        """Create or update to inputs, or delete without any; returns what came of it."""
        ours, theirs = CONTEXT.Pipe(duplex=False)
        kind = "plugin" if kills else "nobody"
        variables = {**self.place.environment, "FATAL_DIR": str(self.folder), "FATAL_KIND": kind}
        at = At(self.rings, self.refuses)
        process = CONTEXT.Process(target=_call, args=(variables, self.endpoint, inputs, self.outputs, at, theirs))
        process.start()
        theirs.close()
        with ours:
            try:
                said: Said = ours.recv()
            except EOFError:
                said = Said()
        process.join()
        assert process.exitcode == (0 if said.outputs or said.error is not None else -signal.SIGKILL)
        (self.folder / "shot").unlink(missing_ok=True)
        if said.outputs is not None:
            self.outputs = said.outputs
        return said

    def until_done(self, inputs: Inputs | None) -> Said:
        """Call again and again until nothing is killed any more."""
        for _ in range(MOST_RUNS):
            said = self.call(inputs)
            if said.error is not None or said.outputs is not None:
                return said
        raise AssertionError(f"still killed after {MOST_RUNS} runs")

    def points(self) -> set[str]:
        """The points that a process was killed at since the last time."""
        path = self.folder / "points"
        found = set(path.read_text().splitlines())
        path.unlink()
        return found

    def asked(self, split: Mapping[str, int], **rollout: Any) -> Inputs:
        """Return inputs that ask for a split of the models in it."""
        models = [self.inputs[id_] for id_ in split]
        more = {"rollout": rollout} if rollout else {}
        return {"endpoint": self.endpoint, "deployedModels": models, "trafficSplit": dict(split), **more}

    def live(self) -> dict[str, int]:
        """The split, after a look that no other models are deployed."""
        models, split = self.place.live(self.endpoint)
        assert models.keys() == split.keys()
        return split


@dataclass(frozen=True)
class At:
    """What happens at the points of a process, beside that it is killed; see Fatal."""

    rings: str
    refuses: str

    def __call__(self, point: str) -> None:
        if self.rings and point == f"{SHIFT}: after":
            with httpx.Client(base_url=os.environ["STILE_GCP_ENDPOINT"], trust_env=False) as http:
                ring(http, self.rings)
        if point == self.refuses:
            raise HttpError(
                httplib2.Response({"status": 503}), b'{"error": {"message": "busy", "status": "UNAVAILABLE"}}'
            )
        reach(point)


def _call(
    variables: Mapping[str, str], endpoint: str, inputs: Inputs | None, olds: Inputs | None, at: At, answer: Connection
) -> None:
    os.environ.update(variables)
    fatal_calls.install(at)
    try:
        said = Said(_asked(endpoint, inputs, olds), None)
    except InitFailed as error:
        said = Said(error.outputs, str(error))
    except PluginError as error:
        said = Said(None, str(error))
    answer.send(said)
    answer.close()
    os._exit(0)


def _asked(endpoint: str, inputs: Inputs | None, olds: Inputs | None) -> Inputs:
    from infra.providers.stile.deployment import EndpointDeployment

    resource = EndpointDeployment(Listening())
    if inputs is None:
        resource.delete(DeleteCall(URN, "flights", endpoint, olds or {}))
        return {"live": {}}
    if olds is None:
        return resource.create(CreateCall(URN, "flights", inputs)).outputs
    return resource.update(UpdateCall(URN, "flights", endpoint, olds, inputs))


@pytest.fixture
def fatal(place: Place, tmp_path: Path) -> Iterator[Fatal]:
    """An endpoint with four versions to deploy, 1 to 4; it is left empty."""
    models = {id_: described(id_, place.version(f"model {id_}"), f"model {id_}") for id_ in "1234"}
    made = Fatal(place, tmp_path, place.endpoint(), models)
    yield made
    place.fail(made.endpoint, "", "")
    made.call(None, kills=False)
    assert place.live(made.endpoint) == ({}, {})
    assert never_broken(place.history(made.endpoint)[:-1])


def both(*calls: str) -> set[str]:
    """The points before and after calls."""
    return {f"{call}: {moment}" for call in calls for moment in ("before", "after")}


def test_killed_at_every_call_a_creation_is_gone_on_with(fatal: Fatal) -> None:
    """Protects: nothing is deployed twice, and what the killed one began is waited for."""
    said = fatal.until_done(fatal.asked(BEFORE))
    assert said.error is None
    assert fatal.live() == BEFORE
    wanted = both(
        'deployModel "1"', 'deployModel "2"', 'patch {"1": 90, "2": 10}', "endpoints.get 1", "operations.list 1"
    )
    assert wanted <= fatal.points()


def test_killed_at_every_call_an_update_is_gone_on_with(fatal: Fatal) -> None:
    """Protects: from 90/10 to another pair, by a canary: each split comes once, however often the way is cut off."""
    fatal.call(fatal.asked(BEFORE), kills=False)
    said = fatal.until_done(fatal.asked(AFTER, canaryPercent=10, bakeSeconds=1))
    assert said.error is None
    assert fatal.live() == AFTER
    splits = [split for _, split in fatal.place.history(fatal.endpoint)]
    assert [split for number, split in enumerate(splits) if number == 0 or split != splits[number - 1]] == [
        {},
        {"1": 100},
        BEFORE,
        CANARY,
        AFTER,
    ]
    changes = (
        'deployModel "3"',
        'deployModel "4"',
        'patch {"3": 60, "4": 40}',
        'undeployModel "1"',
        'undeployModel "2"',
    )
    assert both(*changes, SHIFT) <= fatal.points()
    asked = fatal.asked(AFTER)
    asked["deployedModels"][0] = {**fatal.inputs["3"], "maxReplicas": 2}
    assert fatal.until_done(asked).error is None
    assert both('mutateDeployedModel "3"') <= fatal.points()
    assert fatal.outputs is not None
    assert fatal.outputs["deployedModels"] == asked["deployedModels"]


def test_killed_at_every_call_a_rollback_is_gone_on_with(fatal: Fatal, place: Place) -> None:
    """Protects: an alarm in the bake time takes the traffic back, however often the way back is cut off."""
    fatal.call(fatal.asked(BEFORE), kills=False)
    metric = place.ground.gcp.name("rollback")
    policy = place.alarm(metric)
    fatal.rings = metric
    asked = fatal.asked(AFTER, canaryPercent=10, bakeSeconds=1, alarms=[policy])
    said = fatal.until_done(asked)
    assert said.error is not None
    assert metric in said.error
    assert fatal.live() == BEFORE
    assert both('patch {"1": 90, "2": 10}', 'undeployModel "3"', 'undeployModel "4"') <= fatal.points()
    place.silence(policy)
    fatal.rings = ""
    assert fatal.call(asked, kills=False).error is None
    assert fatal.live() == AFTER


def test_killed_at_every_call_a_deletion_is_gone_on_with(fatal: Fatal, place: Place) -> None:
    """Protects: from 90/10 and a model without traffic, in order, until nothing is left."""
    models = [fatal.inputs[id_] for id_ in "123"]
    fatal.call({**fatal.asked(BEFORE), "deployedModels": models}, kills=False)
    assert fatal.until_done(None).error is None
    order = [models for models, _ in place.history(fatal.endpoint)]
    assert order[-3:] == [["1", "2"], ["1"], []]
    assert both('undeployModel "3"', 'undeployModel "2"', 'undeployModel "1"') <= fatal.points()


def test_a_fault_at_each_step_fails_and_the_next_update_gets_there(fatal: Fatal, place: Place) -> None:
    """Protects: what fails is told with the step; traffic is where it was, and nothing of the attempt is left."""
    fatal.call(fatal.asked(BEFORE), kills=False)
    asked = fatal.asked(AFTER, canaryPercent=10, bakeSeconds=1)

    def fails(step: str, split: Mapping[str, int], reason: str) -> None:
        said = fatal.call(asked, kills=False)
        assert said.error is not None
        assert reason in said.error
        assert f"At step {step}: asked for" in said.error
        assert place.live(fatal.endpoint)[1] == split
        assert fatal.outputs is not None
        assert (fatal.outputs["reached"], fatal.outputs["liveSplit"]) == (step, split)

    for id_ in "34":
        place.fail(fatal.endpoint, "deploy", id_)
        fails("deploy", BEFORE, "no machines left")
        assert fatal.live() == BEFORE
    place.fail(fatal.endpoint, "", "")
    for step, split in (("canary", CANARY), ("shift", AFTER)):
        fatal.refuses = f"patch {json.dumps(split)}: before"
        fails(step, BEFORE, "busy")
        assert fatal.live() == BEFORE
    fatal.refuses = f"{SHIFT}: after"  # it did arrive
    place.fail(fatal.endpoint, "undeploy", "1")
    fails("undeploy", AFTER, "no machines left")
    place.fail(fatal.endpoint, "", "")
    assert fatal.call(asked, kills=False).error is None
    assert fatal.live() == AFTER
