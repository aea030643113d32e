"""`EndpointDeployment` under the real engine: killed, refreshed, imported, destroyed; and as it is documented."""

import importlib.metadata
import json
import multiprocessing
import os
import re
import shlex
import sys
from dataclasses import dataclass, replace
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, Literal

import pulumi
import pytest
from pulumi import automation

from components.endpoint.deployment import DeployedModelArgs, EndpointDeployment, RolloutArgs
from infra.providers.install import install_stand_in
from tests.providers.engine import Engine, failure
from tests.providers.stile.deployment_ground import MACHINE, Place, digest, never_broken
from tests.providers.stile.test_engine import ROOT, engine_for

pytestmark = pytest.mark.slow
CONTEXT = multiprocessing.get_context("forkserver")
CONTEXT.set_forkserver_preload([__name__])
MOST_RUNS = 50
PAIR, OTHERS = {"1": 90, "2": 10}, {"3": 60, "4": 40}


@dataclass(frozen=True)
class Program:
    """Declares one deployment; without a split, nothing."""

    endpoint: pulumi.Input[str]
    versions: dict[str, str]
    split: dict[str, int]
    others: tuple[str, ...] = ()
    rollout: RolloutArgs | None = None
    imports: bool = False

    def __call__(self) -> None:
        if not self.split:
            return
        made = EndpointDeployment(
            "flights",
            endpoint=self.endpoint,
            deployed_models=[self._described(id_) for id_ in (*self.split, *self.others)],
            traffic_split=self.split,
            rollout=self.rollout,
            opts=pulumi.ResourceOptions(import_=str(self.endpoint)) if self.imports else None,
        )
        pulumi.export("split", made.live_split)
        pulumi.export("reached", made.reached)

    def _described(self, id_: str) -> DeployedModelArgs:
        version, sha256 = self.versions[id_], digest(id_)
        return {"id": id_, "model": version, "sha256": sha256, "machine_type": MACHINE, "min_replicas": 1}


@dataclass
class Platform:
    """An endpoint, versions for it, and the engine that works on it.

    Attributes:
        fatal: where the points are at which the plugin died.
    """

    place: Place
    engine: Engine
    fatal: Path
    endpoint: str
    versions: dict[str, str]

    def program(self, split: dict[str, int], *others: str, **more: Any) -> Program:
        return Program(self.endpoint, self.versions, split, others, **more)

    def stack(self, program: Program) -> automation.Stack:
        return self.engine.stack("deployment", program)

    def until_done(self, operation: Literal["up", "destroy"], program: Program) -> None:
        """Run an operation until no plugin is killed any more."""
        for _ in range(MOST_RUNS):
            said = self._run(operation, program)
            if not (self.fatal / "shot").exists():
                assert said == "", said
                return
            assert said
            (self.fatal / "shot").unlink()
        raise AssertionError(f"still killed after {MOST_RUNS} runs")

    def _run(self, operation: str, program: Program) -> str:
        """Run an operation in a process of its own, which the SDK needs to get over a failure; returns the error."""
        ours, theirs = CONTEXT.Pipe(duplex=False)
        process = CONTEXT.Process(target=_operate, args=(self.engine, operation, program, theirs))
        process.start()
        theirs.close()
        with ours:
            said = str(ours.recv())
        process.join()
        return said

    def points(self) -> list[str]:
        path = self.fatal / "points"
        return path.read_text().splitlines() if path.exists() else []

    def live(self) -> dict[str, int]:
        """The split, after a look that no other models are deployed."""
        models, split = self.place.live(self.endpoint)
        assert models.keys() == split.keys()
        return split


def _operate(engine: Engine, operation: str, program: Program, answer: Connection) -> None:
    said = ""
    try:
        getattr(engine.stack("deployment", program), operation)()
    except automation.errors.CommandError as error:
        said = str(error)
    answer.send(said)
    os._exit(0)


def fatal_plugin(folder: Path) -> Path:
    """Write an executable of the plugin that dies at its calls, once at each."""
    folder.mkdir()
    command = ["env", f"PYTHONPATH={ROOT}", sys.executable, "-m", "tests.providers.stile.fatal_calls"]
    program = folder / "pulumi-resource-stile"
    program.write_text(f'#!/bin/sh\nexec {shlex.join(command)} "$@"\n')
    program.chmod(0o755)
    return folder


@pytest.fixture(scope="module")
def versions(place: Place) -> dict[str, str]:
    return {id_: place.version(id_) for id_ in "1234"}


@pytest.fixture
def platform(place: Place, versions: dict[str, str], tmp_path: Path) -> Platform:
    """An endpoint without models, and an engine whose plugin dies."""
    fatal = tmp_path / "fatal"
    fatal.mkdir()
    environment = {**place.environment, "FATAL_DIR": str(fatal), "PULUMI_PARALLEL": "4"}
    engine = engine_for(tmp_path, environment, fatal_plugin(tmp_path / "plugin"))
    return Platform(place, engine, fatal, place.endpoint(), versions)


def test_a_plugin_killed_at_each_change_costs_one_more_update(platform: Platform, place: Place) -> None:
    """Protects: create, update from 90/10 to another pair, and destroy, under the real engine.

    At no moment is there a split that is not 100, nor an endpoint without a model between the first release and the
    destruction, which ends with nothing left.
    """
    platform.until_done("up", platform.program(PAIR))
    assert platform.live() == PAIR
    asked = platform.program(OTHERS, rollout={"bake_seconds": 1})
    platform.until_done("up", asked)
    assert platform.live() == OTHERS
    assert platform.stack(asked).up().outputs["reached"].value == "done"
    assert platform.stack(asked).preview().change_summary == {automation.OpType.SAME: 2}
    assert never_broken(place.history(platform.endpoint))
    platform.until_done("destroy", asked)
    assert place.live(platform.endpoint) == ({}, {})
    changes = [
        *(f'deployModel "{id_}"' for id_ in "1234"),
        *(f"patch {json.dumps(split)}" for split in (PAIR, OTHERS)),
        *(f'undeployModel "{id_}"' for id_ in "1234"),
    ]
    assert {f"{change}: after" for change in changes} == set(platform.points())


def test_what_others_changed_is_seen_by_a_refresh_and_mended(platform: Platform, place: Place) -> None:
    """Protects: a split that was shifted and a model that was undeployed by hand."""
    quiet = replace(platform, engine=engine_for(platform.fatal / "own", place.environment))
    stack = quiet.stack(quiet.program(PAIR))
    stack.up()
    split = {"trafficSplit": {"1": 50, "2": 50}}
    place.ask("PATCH", f"v1/{platform.endpoint}", split, updateMask="trafficSplit")
    assert stack.preview_refresh().change_summary[automation.OpType.UPDATE] == 1
    body = {"deployedModelId": "2", "trafficSplit": {"1": 100}}
    place.ask("POST", f"v1/{platform.endpoint}:undeployModel", body)
    assert stack.refresh().summary.resource_changes == {"update": 1, "same": 1}
    assert stack.preview().change_summary[automation.OpType.UPDATE] == 1
    stack.up()
    assert quiet.live() == PAIR
    stack.destroy()
    assert place.live(platform.endpoint) == ({}, {})


def test_an_endpoint_that_serves_is_imported_without_a_change(platform: Platform, place: Place) -> None:
    """Protects: what somebody deployed comes under this resource; and an id is not given other content."""
    quiet = replace(platform, engine=engine_for(platform.fatal / "own", place.environment))
    resources = {"machineSpec": {"machineType": MACHINE}, "minReplicaCount": 1}
    deployed = {"id": "1", "model": platform.versions["1"], "dedicatedResources": resources}
    body = {"deployedModel": deployed, "trafficSplit": {"0": 100}}
    place.ask("POST", f"v1/{platform.endpoint}:deployModel", body)
    program = quiet.program({"1": 100})
    began = len(place.history(platform.endpoint))
    summary = quiet.stack(replace(program, imports=True)).up().summary
    assert summary.resource_changes == {"import": 1, "create": 1}
    assert quiet.stack(program).preview().change_summary == {automation.OpType.SAME: 2}
    assert len(place.history(platform.endpoint)) == began
    other = replace(program, versions={"1": platform.versions["2"]})
    assert "deployedModels[0].model: 1 was deployed with" in failure(quiet.engine, "deployment", other)
    quiet.stack(program).destroy()
    assert place.live(platform.endpoint) == ({}, {})


def test_a_destruction_at_90_to_10_undeploys_in_order_and_leaves_nothing(platform: Platform, place: Place) -> None:
    """Protects: with the endpoint in the same program, whose id is unknown to the first preview."""
    engine = engine_for(platform.fatal / "own", place.environment)
    install_stand_in(engine.pulumi, engine.home, "gcp")

    def program() -> None:
        version = pulumi.ResourceOptions(version=importlib.metadata.version("pulumi-gcp"))
        inputs = {"displayName": "flights", "location": "us-central1"}
        endpoint = pulumi.CustomResource("gcp:vertex/aiEndpoint:AiEndpoint", "flights", inputs, version)
        Program(endpoint.id, platform.versions, PAIR, ("3",))()
        pulumi.export("endpoint", endpoint.id)

    stack = engine.stack("whole", program)
    assert stack.preview().change_summary == {automation.OpType.CREATE: 3}
    outputs = stack.up().outputs
    assert (outputs["split"].value, outputs["reached"].value) == (PAIR, "done")
    endpoint = outputs["endpoint"].value
    refused = place.ask("DELETE", f"v1/{endpoint}", refused=400)
    assert refused["status"] == "FAILED_PRECONDITION"
    stack.destroy()
    assert place.ask("GET", f"v1/{endpoint}", refused=404)["status"] == "NOT_FOUND"
    whole = place.history(endpoint)
    assert [models for models, _ in whole if models][-3:] == [["1", "2", "3"], ["1", "2"], ["1"]]
    assert never_broken([entry for entry in whole if entry[0]])


def test_the_documented_example_runs(platform: Platform, place: Place) -> None:
    """Protects: docs/endpoint-deployment.md is what works."""
    quiet = replace(platform, engine=engine_for(platform.fatal / "own", place.environment))
    (example,) = re.findall(r"```python\n(.*?)```", (ROOT / "docs" / "endpoint-deployment.md").read_text(), re.DOTALL)
    stack = quiet.engine.stack("documented", lambda: exec(example, {"__name__": "__main__"}))
    settings = {"endpoint": platform.endpoint}
    for name, id_ in (("champion", "1"), ("challenger", "2")):
        settings |= {name: platform.versions[id_], f"{name}-sha256": digest(id_)}
    for key, value in settings.items():
        stack.set_config(f"churn:{key}", automation.ConfigValue(value))
    outputs = stack.up().outputs
    assert sorted(outputs["split"].value.values()) == [10, 90]
    assert sorted(place.live(platform.endpoint)[0].values()) == sorted(platform.versions[id_] for id_ in "12")
    stack.destroy()
    assert place.live(platform.endpoint) == ({}, {})
