"""google-cloud-aiplatform over REST, unchanged: endpoints, metadata stores and tensorboards, and the enums it sends."""

import inspect
from collections.abc import Iterator
from typing import Any

import proto  # type: ignore[import-untyped]
import pytest
from google.api_core import exceptions
from google.api_core.client_options import ClientOptions
from google.cloud import aiplatform_v1 as v1
from google.longrunning import operations_pb2
from google.protobuf import field_mask_pb2

from infra.localcloud.gcp.enums import number_of
from infra.localcloud.gcp.routes import Document
from tests.localcloud.gcp.serving import PLACE, Person, Served


def connected(gcp: Served, client: Any) -> Any:
    """Return a generated client that speaks REST to the local cloud."""
    options = ClientOptions(api_endpoint=gcp.cloud.endpoint_url)
    return client(credentials=Person(), transport="rest", client_options=options)


@pytest.fixture
def endpoints(gcp: Served) -> Iterator[Any]:
    with connected(gcp, v1.EndpointServiceClient) as client:
        yield client


def test_the_life_of_an_endpoint(endpoints: Any) -> None:
    """Protects: operations are polled and their strict Any fields parsed, masks and whole resources are taken back."""
    endpoint = v1.Endpoint(display_name="one", labels={"tier": "gold"})
    operation = endpoints.create_endpoint(parent=PLACE, endpoint=endpoint, endpoint_id="4711")
    made = operation.result(timeout=30)
    assert made.name == f"{PLACE}/endpoints/4711"
    assert operation.metadata.generic_metadata.create_time
    polled = endpoints.get_operation(operations_pb2.GetOperationRequest(name=operation.operation.name))
    assert polled.done
    made.labels["tier"] = "silver"
    made.display_name = "not in the mask"
    changed = endpoints.update_endpoint(endpoint=made, update_mask=field_mask_pb2.FieldMask(paths=["labels"]))
    assert (changed.display_name, dict(changed.labels)) == ("one", {"tier": "silver"})
    changed.etag = "old"
    with pytest.raises(exceptions.Conflict):
        endpoints.update_endpoint(endpoint=changed, update_mask=field_mask_pb2.FieldMask(paths=["labels"]))
    endpoints.delete_endpoint(name=made.name).result(timeout=30)
    with pytest.raises(exceptions.NotFound):
        endpoints.get_endpoint(name=made.name)


def test_lists_come_in_pages_filtered_and_ordered(endpoints: Any) -> None:
    """Protects: the client's own pager over pages, filters and order as Vertex has them."""
    parent = PLACE.replace("us-central1", "europe-west4")
    for name in ("b", "a", "c"):
        labels = {"tier": "gold" if name != "c" else "silver"}
        endpoints.create_endpoint(parent=parent, endpoint=v1.Endpoint(display_name=name, labels=labels)).result()

    def names(**asked: Any) -> list[str]:
        request = v1.ListEndpointsRequest(parent=parent, page_size=2, **asked)
        return [one.display_name for one in endpoints.list_endpoints(request=request)]

    assert names() == ["b", "a", "c"]
    assert names(order_by="display_name desc") == ["c", "b", "a"]
    assert names(filter="labels.tier=gold", order_by="display_name") == ["a", "b"]
    assert names(filter='display_name="c"') == ["c"]
    with pytest.raises(exceptions.MethodNotImplemented):
        names(filter='display_name="c" OR display_name="a"')


def test_other_records(gcp: Served) -> None:
    """Protects: kinds whose messages have no etag, and updates that answer an operation."""
    with connected(gcp, v1.MetadataServiceClient) as stores, connected(gcp, v1.TensorboardServiceClient) as boards:
        store = stores.create_metadata_store(parent=PLACE, metadata_store=v1.MetadataStore(description="one")).result()
        assert stores.get_metadata_store(name=store.name).description == "one"
        stores.delete_metadata_store(name=store.name).result()
        board = boards.create_tensorboard(parent=PLACE, tensorboard=v1.Tensorboard(display_name="one")).result()
        board.display_name = "two"
        mask = field_mask_pb2.FieldMask(paths=["display_name"])
        assert boards.update_tensorboard(tensorboard=board, update_mask=mask).result().display_name == "two"
        boards.delete_tensorboard(name=board.name).result()
        with pytest.raises(exceptions.MethodNotImplemented, match=r"tensorboards\.experiments\.list"):
            list(boards.list_tensorboard_experiments(parent=board.name))


def test_every_enum_of_the_client_has_its_numbers() -> None:
    """Protects: a number that a client sends for an enum means the same value here."""
    known = {frozenset(one.name for one in enum): enum for enum in _enums(v1.types)}
    wrong, compared = [], 0
    for names in _lists(Document("aiplatform.v1").schemas):
        if enum := known.get(frozenset(names)):
            compared += 1
            wrong += [f"{enum} {name}" for name in names if enum[name].value != number_of(names, name)]
    assert wrong == []
    assert compared > 90


def _enums(place: Any) -> Iterator[Any]:
    for found in vars(place).values():
        if inspect.isclass(found) and issubclass(found, proto.Enum):
            yield found
        elif inspect.isclass(found) and issubclass(found, proto.Message) and found is not place:
            yield from (one for one in vars(found).values() if inspect.isclass(one) and issubclass(one, proto.Enum))


def _lists(facts: Any) -> Iterator[list[str]]:
    if isinstance(facts, dict):
        if isinstance(facts.get("enum"), list):
            yield facts["enum"]
        for value in facts.values():
            yield from _lists(value)
    elif isinstance(facts, list):
        for value in facts:
            yield from _lists(value)
