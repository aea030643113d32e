"""google-cloud-aiplatform over REST, with no import of ours: models, versions, aliases, endpoints, predictions."""

import gc
import warnings
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
from google.cloud import aiplatform

from tests.localcloud.gcp.cloud import PROJECT, REGION
from tests.localcloud.gcp.serving import Person
from tests.localcloud.gcp.vertex.ground import Ground

CALLS = 1000
# Of 1,000 calls at 10%: 100 are expected, with a standard deviation of 9.5; six of these on either side.
LEAST, MOST = 43, 157


@pytest.fixture(autouse=True)
def sdk(vertex: Ground) -> Iterator[None]:
    """The high-level client, pointed at this cloud."""
    aiplatform.init(
        project=PROJECT,
        location=REGION,
        api_endpoint=vertex.gcp.cloud.endpoint_url,
        api_transport="rest",
        credentials=Person(),
    )
    yield
    aiplatform.initializer.global_pool.shutdown(wait=True)
    with warnings.catch_warnings():
        # It closes none of its connections; what is collected later would be another test's warning.
        warnings.simplefilter("ignore")
        gc.collect()


def test_two_models_are_deployed_and_share_the_traffic(vertex: Ground, server_image: str) -> None:
    """Protects: upload, version, alias, deploy two models 90/10, predict, undeploy, delete."""
    first = aiplatform.Model.upload(
        display_name="words",
        artifact_uri=vertex.model("one"),
        serving_container_image_uri=server_image,
        serving_container_predict_route="/predict",
        serving_container_health_route="/health",
        serving_container_environment_variables={"OWN": "set"},
    )
    second = aiplatform.Model.upload(
        parent_model=first.resource_name,
        is_default_version=False,
        version_aliases=["challenger"],
        artifact_uri=vertex.model("two"),
        serving_container_image_uri=server_image,
    )
    assert (first.version_id, second.version_id) == ("1", "2")
    first.versioning_registry.add_version_aliases(["champion"], version="1")
    assert [one.version_aliases for one in first.versioning_registry.list_versions()] == [
        ["default", "champion"],
        ["challenger"],
    ]
    endpoint = aiplatform.Endpoint.create(display_name="words")
    endpoint.deploy(first, machine_type="n1-standard-2", min_replica_count=1, traffic_percentage=100)
    endpoint.deploy(second, machine_type="n1-standard-2", min_replica_count=1, traffic_percentage=10)
    assert sorted(endpoint.traffic_split.values()) == [10, 90]
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda number: endpoint.predict([number]), range(CALLS)))
    words = Counter((one.predictions[0]["word"], one.model_version_id, one.model_resource_name) for one in answers)
    assert set(words) == {("one", "1", first.resource_name), ("two", "2", first.resource_name)}
    assert LEAST <= words["two", "2", first.resource_name] <= MOST
    ids = {one.model_version_id: one.id for one in endpoint.list_models()}
    endpoint.undeploy(ids["1"], traffic_split={ids["2"]: 100, ids["1"]: 0})
    assert {endpoint.predict([1]).predictions[0]["word"] for _ in range(20)} == {"two"}
    endpoint.undeploy(ids["2"])
    assert endpoint.traffic_split == {}
    endpoint.delete()
    first.delete()
    assert first.resource_name not in [one.resource_name for one in aiplatform.Model.list()]
