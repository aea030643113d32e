"""Protects the whole chain under Vertex AI's contract: its steps' own words and variables, storage and registry.

Each step runs in a process of its own, as the compiled pipeline starts it; its order is that of the pipeline.
"""

import graphlib
import json
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from components.pipeline.chain import value_chain
from components.pipeline.vertex import Run, compile_graph
from components.training import JobTemplate
from infra.localcloud.jobs.contract_vertex import custom_job_request
from infra.localcloud.jobs.custom_job_kfp import custom_job
from infra.localcloud.jobs.definition_kfp import Definition, parse
from ml_jobs.artifacts import METRICS, MODEL, file_sha256, read_json
from ml_jobs.contracts import cloud_storage
from tests.localcloud import cloud as aws_ground
from tests.localcloud.gcp import cloud as gcp_ground
from tests.localcloud.gcp.vertex.ground import Ground, ground
from tests.ml_jobs.serving import LIMIT_SECONDS, environment

pytestmark = pytest.mark.slow
# Fixtures: pytest finds them by their names in this module.
crane = aws_ground.crane
local_gcp = gcp_ground.local_gcp

CANDIDATES = ("logistic", "hgb")
EXECUTION = "chain-1"


@dataclass(frozen=True)
class Chain:
    """A compiled pipeline and the cloud that it runs on."""

    vertex: Ground
    definition: Definition
    group: str
    folder: Path

    def run(self, name: str) -> str:
        """Run a step to its end; return its output."""
        step = self.definition.steps[name]
        facts = {"pipeline_job_name": EXECUTION}
        body = custom_job(step, self.definition.inputs(step, self.definition.values({}), {}), facts)
        job = custom_job_request(body, f"{gcp_ground.PLACE}/customJobs/{len(name)}", "nobody@x")
        env = environment(**{**self.vertex.gcp.environment, **job.environment})
        env.pop("PYTHONWARNINGS")  # MLflow's imports warn of other packages
        done = subprocess.run(
            [sys.executable, "-m", "ml_jobs.container", *(job.arguments or ())],
            cwd=self.folder,
            env=env,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
            timeout=LIMIT_SECONDS * 2,
        )
        assert done.returncode == 0, done.stdout
        return done.stdout

    def uri(self, *parts: str) -> str:
        """Return a folder of the run."""
        return "/".join((f"gs://{self.vertex.bucket}/runs/{EXECUTION}", *parts))

    def fetched(self, *parts: str) -> Path:
        """Return what a step left, on this machine."""
        folder = self.folder.joinpath("fetched", *parts)
        cloud_storage.download(self.uri(*parts), folder)
        return folder


@pytest.fixture(scope="module")
def vertex(local_gcp: gcp_ground.LocalGcp, crane: str, tmp_path_factory: pytest.TempPathFactory) -> Ground:
    return ground(local_gcp, crane, tmp_path_factory.mktemp("vertex"))


@pytest.fixture
def chain(vertex: Ground, raw: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Chain:
    for name, value in vertex.gcp.environment.items():
        monkeypatch.setenv(name, value)
    cloud_storage.upload(raw, f"gs://{vertex.bucket}/raw/flight_delays")
    group, image = vertex.gcp.name("flights"), vertex.image("print('never started')")
    told = {
        "STILE_CLOUD": "gcp",
        "STILE_MODEL": "flights",
        "STILE_USE_CASE": "flight_delays",
        "STILE_MODEL_PACKAGE_GROUP": group,
        "STILE_IMAGE": image,
        "GOOGLE_CLOUD_PROJECT": gcp_ground.PROJECT,
        "GOOGLE_CLOUD_LOCATION": gcp_ground.REGION,
        "MLFLOW_TRACKING_URI": (tmp_path / "mlruns").as_uri(),
    }
    template = JobTemplate(image, "nobody@x", "", "n2-standard-4", "n2-standard-4", 3600)
    graph = value_chain("flight_delays", CANDIDATES, f"gs://{vertex.bucket}/raw/flight_delays/")
    text = compile_graph(graph, Run(template, f"gs://{vertex.bucket}/runs", told))
    return Chain(vertex, parse(json.loads(text)), group, tmp_path)


def test_the_chain_ends_with_versions_of_the_models_that_are_made_by_hand(chain: Chain, models: Path) -> None:
    """The same data and seed: the digests in the registry are those of the files that were trained by hand."""
    after = {step.name: step.after for step in chain.definition.steps.values()}
    for name in graphlib.TopologicalSorter(after).static_order():
        chain.run(name)
    by_hand = {name: file_sha256(models / name / MODEL) for name in CANDIDATES}
    registered: dict[str, Any] = read_json(chain.fetched("register", "registered") / "registered.json")["versions"]
    assert {name: version["sha256"] for name, version in registered.items()} == by_hand
    for name in CANDIDATES:
        trained = chain.fetched(f"train-{name}", "model")
        assert file_sha256(trained / MODEL) == by_hand[name]
        assert (trained / METRICS).read_text() == (models / name / METRICS).read_text()
    versions = chain.vertex.gcp.client("aiplatform", "v1").projects().locations().models()
    listed = versions.listVersions(name=f"{gcp_ground.PLACE}/models/{chain.group}").execute()["models"]
    assert {one["metadata"]["candidate"]: one["labels"]["stile-status"] for one in listed} == {
        name: version["status"].lower() for name, version in registered.items()
    }
    assert {one["artifactUri"] for one in listed} == {chain.uri(f"train-{name}", "model") for name in CANDIDATES}
    assert all(one["versionDescription"] for one in listed)
    assert chain.run("register").count("is version") == 2  # again, and nothing is made twice
    assert len(versions.listVersions(name=f"{gcp_ground.PLACE}/models/{chain.group}").execute()["models"]) == 2
