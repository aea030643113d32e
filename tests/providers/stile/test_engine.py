"""Our own plugin under the real engine, found by its path as in Pulumi.yaml, against a running local cloud."""

import json
from pathlib import Path
from typing import Any

import pulumi
import pytest
from pulumi import automation

from components.endpoint.live import Live
from components.images.image import Image
from infra.providers.stile import programs
from tests.localcloud.cloud import LocalAws
from tests.providers.engine import Engine, Program, failure
from tests.providers.stile.small_aws import SmallAws
from tests.providers.stile.test_image import MINOR

pytestmark = pytest.mark.slow
ROOT = Path(__file__).resolve().parents[3]
PLUGIN = ROOT / "infra" / "providers" / "stile"


def engine_for(folder: Path, environment: dict[str, str], plugin: Path = PLUGIN) -> Engine:
    """An engine whose project names the plugin by its path."""
    engine = Engine(folder, environment)
    settings = {"name": "kit", "runtime": "python", "plugins": {"providers": [{"name": "stile", "path": str(plugin)}]}}
    (folder / "work" / "Pulumi.yaml").write_text(json.dumps(settings))
    return engine


@pytest.fixture
def engine(tmp_path: Path, project: Path, local_aws: LocalAws) -> Engine:
    """An engine with a small project, on the local cloud."""
    found = {"STILE_UV": programs.uv(), "STILE_CRANE": programs.crane(), "STILE_PROJECT_ROOT": project}
    environment = {name: str(value) for name, value in found.items()}
    return engine_for(tmp_path, {**environment, **local_aws.environment, "STILE_CACHE_DIR": str(tmp_path / "cache")})


@pytest.fixture
def repository_url(local_aws: LocalAws) -> str:
    return str(
        local_aws.client("ecr").create_repository(repositoryName=local_aws.name("jobs"))["repository"]["repositoryUri"]
    )


def image(repository_url: str) -> Program:
    def run() -> None:
        made = Image("jobs", repository_url=repository_url, python_version=MINOR)
        pulumi.export("image_uri", made.image_uri)

    return run


def difference(stack: automation.Stack) -> dict[str, Any]:
    """What a preview says about the image: operation, and the property paths that differ."""
    steps: list[dict[str, Any]] = []

    def collect(event: automation.EngineEvent) -> None:
        if event.resource_pre_event and event.resource_pre_event.metadata.type == "stile:images:Image":
            metadata = event.resource_pre_event.metadata
            steps.append({"op": metadata.op.value, "paths": sorted(metadata.detailed_diff or {})})

    stack.preview(on_event=collect)
    (step,) = steps
    return step


def uri(stack: automation.Stack) -> str:
    return str(stack.outputs()["image_uri"].value)


def test_an_image_lives_through_up_change_loss_and_destroy(
    engine: Engine, project: Path, repository_url: str, local_aws: LocalAws
) -> None:
    ecr, name = local_aws.client("ecr"), repository_url.split("/", maxsplit=1)[1]
    stack = engine.stack("image", image(repository_url))
    stack.up()
    first = uri(stack)
    digest = first.removeprefix(f"{repository_url}@")
    assert ecr.batch_get_image(repositoryName=name, imageIds=[{"imageDigest": digest}])["failures"] == []
    assert difference(stack) == {"op": "same", "paths": []}

    (project / "ml_jobs" / "container.py").write_text("print('changed')\n")
    assert difference(stack) == {"op": "update", "paths": ["layers.code"]}
    stack.up()
    assert uri(stack) != first

    for row in ecr.list_images(repositoryName=name)["imageIds"]:
        ecr.batch_delete_image(repositoryName=name, imageIds=[row])
    assert stack.preview_refresh().change_summary.get(automation.OpType.DELETE) == 1
    lost = uri(stack)
    stack.refresh()
    stack.up()
    assert uri(stack) == lost

    stack.destroy()
    assert ecr.list_images(repositoryName=name)["imageIds"] == []


def test_what_was_not_asked_for_fails_the_update_until_it_is_live(tmp_path: Path, aws: SmallAws) -> None:
    """The failed check is in the state with what is live, and the next update looks again."""
    live = ["config-3"]
    described = {"EndpointName": "flights", "EndpointArn": "arn:endpoint", "CreationTime": 1, "LastModifiedTime": 1}
    aws.answers["DescribeEndpoint"] = lambda request: {
        **described,
        "EndpointStatus": "InService",
        "EndpointConfigName": live[0],
    }
    aws.answers["DescribeEndpointConfig"] = lambda request: {
        "EndpointConfigName": request["EndpointConfigName"],
        "EndpointConfigArn": "arn:config",
        "CreationTime": 1,
        "ProductionVariants": [{"VariantName": "main", "ModelName": request["EndpointConfigName"]}],
    }
    aws.answers["DescribeModel"] = lambda request: {
        "ModelName": request["ModelName"],
        "ModelArn": "arn:model",
        "CreationTime": 1,
        "PrimaryContainer": {"Environment": {"STILE_MODEL_VERSION": request["ModelName"].removeprefix("config-")}},
    }
    engine = engine_for(tmp_path, aws.environment)
    said = failure(engine, "live", check)
    assert "asked for config-4 with model version 4, live is config-3 with model version 3" in said
    stack = engine.stack("live", check)
    deployment = stack.export_stack().deployment
    assert deployment is not None
    (row,) = [row for row in deployment["resources"] if row["type"] == "stile:endpoint:Live"]
    assert (row["id"], row["outputs"]["live"]) == ("flights", "config-3")
    live[0] = "config-4"
    assert stack.up().outputs["live"].value == "config-4"
    live[0] = "config-9"
    assert stack.preview_refresh().change_summary.get(automation.OpType.UPDATE) == 1


def check() -> None:
    """A program with the check alone."""
    made = Live("flights", cloud="aws", endpoint_name="flights", asked="config-4", model_version="4")
    pulumi.export("live", made.live)
