"""Lists of every kind: found by a part of the name, in order, in pages, and with no other list's token."""

from collections.abc import Callable
from typing import Any

import pytest

from benchmarks.crowd import DEFINITION
from tests.localcloud.cloud import LocalAws, refusal
from tests.localcloud.endpoint_ground import SERVER, Serving
from tests.localcloud.job_images import ground

# Operation, the response's member, and the member of an entry that holds its name.
KINDS = {
    "models": ("list_models", "Models", "ModelName"),
    "endpoint configurations": ("list_endpoint_configs", "EndpointConfigs", "EndpointConfigName"),
    "endpoints": ("list_endpoints", "Endpoints", "EndpointName"),
    "groups": ("list_model_package_groups", "ModelPackageGroupSummaryList", "ModelPackageGroupName"),
    "pipelines": ("list_pipelines", "PipelineSummaries", "PipelineName"),
}
# The vendor filters pipelines by the beginning of their names, all others by any part.
BY_NAME = {"pipelines": "PipelineNamePrefix"}


@pytest.fixture(scope="module")
def serving(local_aws: LocalAws, crane: str, tmp_path_factory: pytest.TempPathFactory) -> Serving:
    return Serving(local_aws, ground(local_aws, crane, tmp_path_factory.mktemp("image"), SERVER))


def creators(serving: Serving) -> dict[str, Callable[[str], Any]]:
    """How a resource of each kind is made under a name."""
    sagemaker, role = serving.sagemaker, serving.ground.role
    model = {"Image": serving.ground.image}

    def endpoint_config(name: str) -> None:
        sagemaker.create_model(ModelName=name, PrimaryContainer=model, ExecutionRoleArn=role)
        variant = {"VariantName": "only", "ModelName": name, "InstanceType": "ml.m5.large", "InitialInstanceCount": 1}
        sagemaker.create_endpoint_config(EndpointConfigName=name, ProductionVariants=[variant])

    def endpoint(name: str) -> None:
        sagemaker.create_endpoint(EndpointName=name, EndpointConfigName=serving.config(("only", 1.0)))

    return {
        "models": lambda name: sagemaker.create_model(ModelName=name, PrimaryContainer=model, ExecutionRoleArn=role),
        "endpoint configurations": endpoint_config,
        "endpoints": endpoint,
        "groups": lambda name: sagemaker.create_model_package_group(ModelPackageGroupName=name),
        "pipelines": lambda name: sagemaker.create_pipeline(
            PipelineName=name, PipelineDefinition=DEFINITION, RoleArn=role
        ),
    }


@pytest.mark.parametrize("kind", KINDS)
def test_a_list_is_filtered_ordered_and_paged(kind: str, serving: Serving) -> None:
    """Protects: a client that pages by the vendor's rules sees every resource once, in order."""
    operation, key, name_key = KINDS[kind]
    part = serving.aws.name("listed")
    names = [f"{part}-{letter}" for letter in "bca"]
    for name in names:
        creators(serving)[kind](name)
    asked = {BY_NAME.get(kind, "NameContains"): part, "SortBy": "Name", "SortOrder": "Ascending", "MaxResults": 2}
    call = getattr(serving.sagemaker, operation)
    first = call(**asked)
    second = call(**asked, NextToken=first["NextToken"])
    assert [[one[name_key] for one in page[key]] for page in (first, second)] == [sorted(names)[:2], sorted(names)[2:]]
    assert "NextToken" not in second
    by_time = call(**{**asked, "SortBy": "CreationTime", "SortOrder": "Descending", "MaxResults": 10})[key]
    assert [one[name_key] for one in by_time] == names[::-1]
    for wrong in ("bm9uc2Vuc2U=", first["NextToken"]):
        with refusal("ValidationException", "NextToken"):
            call(**{**asked, "SortOrder": "Descending", "NextToken": wrong})
    with refusal("ValidationException", "maxResults"):
        call(MaxResults=101)


def test_nothing_is_listed_that_is_not_there(serving: Serving) -> None:
    for kind, (operation, key, _) in KINDS.items():
        assert getattr(serving.sagemaker, operation)(**{BY_NAME.get(kind, "NameContains"): "none-such"})[key] == []
