"""The KFP spec: the same graph gives the same text, steps wait for what they read, and no job asks for what is not."""

import json
from typing import Any

import pytest

from components.errors import StileError
from components.pipeline.chain import value_chain
from components.pipeline.vertex import Run, compile_graph
from components.training import JobTemplate, NetworkIds

GRAPH = value_chain("flight_delays", ("hgb",), "gs://data/raw/")


def template(**changes: Any) -> JobTemplate:
    return JobTemplate("image@sha256:1", "sa", "key", "n2-standard-4", "n2-standard-2", 3600, **changes)


def spec(**changes: Any) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(compile_graph(GRAPH, Run(template(**changes), "gs://data/runs", {})))
    return found


def test_same_graph_same_text() -> None:
    orders = ({"B": "2", "A": "1"}, {"A": "1", "B": "2"})
    assert len({compile_graph(GRAPH, Run(template(environment=each), "gs://data/runs", {})) for each in orders}) == 1


def test_a_step_waits_for_what_it_reads_and_for_what_it_is_told() -> None:
    tasks = spec()["root"]["dag"]["tasks"]
    assert {name: set(task.get("dependentTasks", ())) for name, task in tasks.items()} == {
        "ingest": set(),
        "validate": {"ingest"},
        "train-hgb": {"ingest", "validate"},
        "evaluate": {"ingest", "train-hgb"},
        "govern": {"evaluate"},
        "register": {"govern", "evaluate", "train-hgb"},
    }


def test_no_step_is_cached() -> None:
    """A cached step would leave nothing in the folder of its run."""
    assert all(task["cachingOptions"] == {} for task in spec()["root"]["dag"]["tasks"].values())


@pytest.mark.parametrize(("asked", "made"), [(30, 100), (100, 100), (250, 250)])
def test_a_disk_is_as_large_as_vertex_ai_takes(asked: int, made: int) -> None:
    for component in spec(volume_gib=asked)["components"].values():
        (pool,) = component["inputDefinitions"]["parameters"]["worker_pool_specs"]["defaultValue"]
        assert pool["disk_spec"]["boot_disk_size_gb"] == made


def test_subnets_are_refused() -> None:
    with pytest.raises(StileError, match="jobs on Vertex AI take no subnets or security groups") as raised:
        spec(network=NetworkIds(("subnet-1",), ("sg-1",)))
    assert raised.value.path == "network"
    assert raised.value.fix
