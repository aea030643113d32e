"""The compiled pipelines are what the vendors' own libraries build from the same steps.

Each library is in an environment of its own (tests/official_sdk) and gets the neutral steps as JSON; it never sees
what we compiled.
"""

import dataclasses
import json
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest

from components.pipeline import Graph, sagemaker, vertex
from components.pipeline.chain import value_chain
from components.stages import JOBS
from components.training import JobTemplate, NetworkIds

SDKS = Path(__file__).resolve().parents[1] / "official_sdk"
LIMIT_SECONDS = 300
TAGS = {"stile-stack": "stile-test", "stile-stage": "pipeline"}
OWN = {"STILE_MODEL": "flight-delays", "STILE_USE_CASE": "flight_delays"}
IMAGE = f"registry.example/jobs@sha256:{'1' * 64}"


def build(version: str, given: dict[str, Any], folder: Path) -> Any:
    """Build with a vendor's library, as a program of its own that reaches no network; return the parsed text."""
    python = SDKS / version / ".venv" / "bin" / "python"
    if not python.is_file():
        pytest.skip(f"the SDK's environment is not installed ({python}): run ./stile first")
    kept = {name: os.environ[name] for name in ("PATH", "TMPDIR") if name in os.environ}
    done = subprocess.run(
        [python, "-W", "ignore", SDKS / version / "build.py"],
        input=json.dumps(given),
        env={
            **kept,
            "HOME": str(folder),
            "AWS_ACCESS_KEY_ID": "test",
            "AWS_SECRET_ACCESS_KEY": "test",
        },
        capture_output=True,
        text=True,
        check=False,
        timeout=LIMIT_SECONDS,
    )
    assert done.returncode == 0, done.stderr[-5000:]
    return json.loads(done.stdout.splitlines()[-1])  # the SDK logs to stdout as well


def steps(graph: Graph, run: sagemaker.Run | vertex.Run, **more: object) -> dict[str, Any]:
    """The neutral steps, with what makes a pipeline of them, as plain values."""
    template = run.template
    return {
        **dataclasses.asdict(graph),
        "name": "stile-test-flight-delays",
        "runs_uri": run.runs_uri,
        "environment": {**template.environment, **run.environment},
        "roles": run.roles,
        "tags": run.tags,
        "image": template.image_uri,
        "machine": template.machine,
        "processing_machine": template.processing_machine,
        "key": template.key,
        "max_seconds": template.max_seconds,
        "volume_gib": template.volume_gib,
        **more,
    }


@pytest.mark.parametrize("network", [None, NetworkIds(("subnet-1", "subnet-2"), ("sg-1",))], ids=["public", "private"])
def test_sagemaker(network: NetworkIds | None, tmp_path: Path) -> None:
    """sagemaker's Pipeline.definition(), but for what the SDK always adds and what is the default anyway."""
    template = JobTemplate(
        IMAGE, "unused", "key-1", "ml.m5.xlarge", "ml.m5.large", 3600, 40, network, {"STILE_CLOUD": "aws"}
    )
    roles: dict[str, str] = {role: f"arn:aws:iam::123456789012:role/{role}" for role in JOBS}
    run = sagemaker.Run(template, "s3://data/runs", OWN, roles, TAGS)
    graph = value_chain("flight_delays", ("logistic", "hgb"), "s3://data/raw/flight_delays/")
    asked = steps(graph, run, network=dataclasses.asdict(network) if network else None)
    theirs = build("v2", asked, tmp_path)
    assert theirs.pop("PipelineExperimentConfig") is None
    for step in theirs["Steps"]:
        arguments = step["Arguments"]
        if step["Type"] == "Training":
            assert arguments.pop("ProfilerConfig") == {"DisableProfiler": True}
        if "NetworkConfig" in arguments:
            assert arguments["NetworkConfig"].pop("EnableNetworkIsolation") is False
    assert json.loads(sagemaker.compile_graph(graph, run)) == theirs


@pytest.mark.parametrize("network", ["", "projects/100000000000/global/networks/jobs"], ids=["public", "private"])
def test_vertex(network: str, tmp_path: Path) -> None:
    """kfp's compiler and Google's component for a CustomJob; nothing is left out of the comparison."""
    template = JobTemplate(
        IMAGE, "unused", "key-1", "n2-standard-4", "n2-standard-2", 3600, 140, environment={"STILE_CLOUD": "gcp"}
    )
    roles: dict[str, str] = {role: f"{role}@stile-local.iam.gserviceaccount.com" for role in JOBS}
    run = vertex.Run(
        template,
        "gs://data/runs",
        OWN,
        roles,
        TAGS,
        name="stile-test-flight-delays",
        root_uri="gs://data/pipeline",
        network=network,
    )
    graph = value_chain("flight_delays", ("logistic", "hgb"), "gs://data/raw/flight_delays/")
    theirs = build("kfp", steps(graph, run, root_uri=run.root_uri, network=network), tmp_path)
    assert json.loads(vertex.compile_graph(graph, run)) == theirs
