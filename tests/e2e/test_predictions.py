"""The endpoint answers as the released model does, and shares its traffic as its weights say."""

import json
import math
from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from typing import Any

import numpy as np
import pytest

from infra.clouds import connect
from infra.samples import held_out_rows
from ml_jobs import matrix, use_cases
from tests.e2e.conftest import Demo, both_clouds

pytestmark = [pytest.mark.e2e, pytest.mark.slow]

USE_CASE = "flight_delays"
PREDICTIONS = 100
REQUESTS = 1000
# Two-sided binomial bounds at this many standard deviations: a false alarm once in some 15,000 runs.
SIGMAS = 4


@pytest.fixture(scope="module")
def rows(demo: Demo) -> list[dict[str, Any]]:
    """Rows of the held-out months, as the ingest job wrote them."""
    execution = demo.report["pipeline"]["execution"]
    with closing(connect(demo.cloud, demo.variables)) as cloud:
        return held_out_rows(cloud, demo.outputs["data_bucket"], execution, USE_CASE, PREDICTIONS)


def invoke(demo: Demo, endpoint: str, instances: list[dict[str, Any]]) -> dict[str, Any]:
    answer = demo.client("sagemaker-runtime").invoke_endpoint(
        EndpointName=endpoint, ContentType="application/json", Body=json.dumps({"instances": instances})
    )
    return {**json.loads(answer["Body"].read()), "variant": answer["InvokedProductionVariant"]}


def live_variant(demo: Demo) -> dict[str, Any]:
    sagemaker = demo.client("sagemaker")
    live = sagemaker.describe_endpoint(EndpointName=demo.report["endpoint"]["name"])["EndpointConfigName"]
    variant: dict[str, Any] = sagemaker.describe_endpoint_config(EndpointConfigName=live)["ProductionVariants"][0]
    return variant


@both_clouds
def test_predictions_equal_those_of_the_model_loaded_directly(demo: Demo, rows: list[dict[str, Any]]) -> None:
    """What is served is what was trained: no other model, no other features, not a bit lost on the way."""
    endpoint = demo.report["endpoint"]["name"]
    predictions = demo.vendor.ask(endpoint, rows)
    uri = demo.vendor.live(endpoint)
    (version,) = [one for one in demo.vendor.versions(demo.group) if one.uri == uri]
    expected = demo.model(version).predict_proba(matrix.from_instances(rows, use_cases.load(USE_CASE)))[:, 1]
    assert [one["event_id"] for one in predictions] == [row["event_id"] for row in rows]
    served = np.array([one["probability"] for one in predictions])
    assert len(served) == PREDICTIONS
    np.testing.assert_array_equal(served, expected)


@pytest.fixture
def two_variants(demo: Demo, request: pytest.FixtureRequest) -> Iterator[str]:
    """An endpoint of two variants of the live model, with the weights of the test's parameter."""
    sagemaker, name = demo.client("sagemaker"), f"split-{request.node.callspec.id}"
    model = live_variant(demo)["ModelName"]
    variants = [
        {"VariantName": variant, "ModelName": model, "InitialInstanceCount": 1, "InstanceType": "ml.m5.large",
         "InitialVariantWeight": weight}
        for variant, weight in request.param.items()
    ]  # fmt: skip
    sagemaker.create_endpoint_config(EndpointConfigName=name, ProductionVariants=variants)
    sagemaker.create_endpoint(EndpointName=name, EndpointConfigName=name)
    sagemaker.get_waiter("endpoint_in_service").wait(EndpointName=name, WaiterConfig={"Delay": 1, "MaxAttempts": 120})
    yield name
    sagemaker.delete_endpoint(EndpointName=name)
    sagemaker.get_waiter("endpoint_deleted").wait(EndpointName=name, WaiterConfig={"Delay": 1, "MaxAttempts": 60})
    sagemaker.delete_endpoint_config(EndpointConfigName=name)


@pytest.mark.parametrize(
    "two_variants", [{"a": 0.7, "b": 0.3}, {"a": 1.0, "b": 0.0}], ids=["70-30", "100-0"], indirect=True
)
def test_traffic_is_split_by_weight(
    demo: Demo, rows: list[dict[str, Any]], two_variants: str, request: pytest.FixtureRequest
) -> None:
    """Within binomial bounds of 1,000 requests; a variant of weight 0 gets none of them."""
    weights: dict[str, float] = request.node.callspec.params["two_variants"]
    counts = Counter(invoke(demo, two_variants, rows[:1])["variant"] for _ in range(REQUESTS))
    for variant, weight in weights.items():
        bound = SIGMAS * math.sqrt(REQUESTS * weight * (1 - weight))
        assert abs(counts[variant] - REQUESTS * weight) <= bound, counts
