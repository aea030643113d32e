"""A deployment that was cut off is found again by the commands, before they do anything else."""

from pathlib import Path
from typing import Any, cast

import pytest

from infra.engine.lookups_gcp import DEPLOYMENT, GoogleLookups
from infra.engine.session import Session
from infra.environments import Environment
from infra.toolchain import Toolchain
from tests.localcloud.gcp.vertex.ground import eventually
from tests.providers.stile.deployment_ground import MACHINE, Place


@pytest.fixture
def lookups(place: Place, tmp_path: Path) -> GoogleLookups:
    """Lookups in the local cloud; of the session only the way there is used."""
    stacks = tmp_path / "stacks"
    stacks.mkdir()
    (stacks / "Pulumi.local-gcp.yaml").write_text("config: {stile:cloud: gcp}\n")
    tools = Toolchain(tmp_path / "pulumi", tmp_path / "crane", tmp_path, "3.259.0", "0.20.2")
    environment = Environment("local-gcp", "gcp", tmp_path, tmp_path / ".stile")
    return GoogleLookups(Session(environment, tools, place.ground.gcp.cloud, cast("Any", None)))


def test_a_deployment_that_was_cut_off_is_found_and_waited_for(lookups: GoogleLookups, place: Place) -> None:
    """Protects: a `destroy` after a kill -9 undeploys first, where Vertex AI refuses to delete what serves."""
    endpoint = place.endpoint()
    assert lookups.find(DEPLOYMENT, {"endpoint": endpoint}) is None
    assert lookups.find(DEPLOYMENT, {"endpoint": f"{endpoint}1"}) is None
    name = f"{endpoint}/1"
    fault = f'[[fault]]\nmachine = "deployment"\naction = "deploy"\nname = "{name}"\ndelay_seconds = 3\n'
    place.faults.write_text(fault)
    resources = {"machineSpec": {"machineType": MACHINE}, "minReplicaCount": 1}
    deployed = {"id": "1", "model": place.version("1"), "dedicatedResources": resources}
    place.http.post(f"/v1/{endpoint}:deployModel", json={"deployedModel": deployed, "trafficSplit": {"0": 100}})
    assert lookups.find(DEPLOYMENT, {"endpoint": endpoint}) == endpoint
    assert lookups.passing(DEPLOYMENT, endpoint) == "Deploying"
    eventually(lambda: not lookups.passing(DEPLOYMENT, endpoint))
    assert lookups.failed(DEPLOYMENT, endpoint) == ""
    assert lookups.find(DEPLOYMENT, {"endpoint": endpoint}) == endpoint
    place.fail(endpoint, "", "")
    place.ask("POST", f"v1/{endpoint}:undeployModel", {"deployedModelId": "1"})
    assert lookups.find(DEPLOYMENT, {"endpoint": endpoint}) is None
