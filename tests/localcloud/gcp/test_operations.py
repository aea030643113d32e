"""Long-running operations that take their time, fail by an injected fault, are waited for, cancelled and forgotten."""

import threading
from pathlib import Path
from typing import Any

import pytest

from infra.localcloud.gcp.errors import Json, precondition
from infra.localcloud.gcp.operations import Operation, Outcome
from tests.localcloud.gcp.serving import PLACE, Served

ENDPOINT = "GoogleCloudAiplatformV1Endpoint"


@pytest.fixture
def faults(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The file of faults of the local cloud in this process."""
    monkeypatch.setenv("STILE_LOCAL_HOME", str(tmp_path))
    return tmp_path / "faults.toml"


def create(gcp: Served, name: str) -> Json:
    """Begin to make an endpoint."""
    answer = gcp.http.post(f"/v1/{PLACE}/endpoints", params={"endpointId": name}, json={"displayName": "one"})
    assert answer.status_code == 200
    found: Json = answer.json()
    return found


def waited(gcp: Served, operation: Json) -> Json:
    """Wait for an operation as clients may."""
    answer = gcp.http.post(f"/v1/{operation['name']}:wait", params={"timeout": "20s"})
    found: Json = answer.json()
    return found


def test_an_injected_fault_is_the_operations_error(gcp: Served, faults: Path) -> None:
    """Protects: a fault that a test asks for fails that action of that resource only, and nothing is made."""
    faults.write_text(
        '[[fault]]\nmachine = "endpoint"\naction = "create"\nname = "*/bad"\nreason = "no machines left"\n'
    )
    done = waited(gcp, create(gcp, "bad"))
    assert done["done"] is True
    assert done["error"]["message"] == "no machines left"
    assert gcp.http.get(f"/v1/{PLACE}/endpoints/bad").status_code == 404
    assert create(gcp, "good")["response"]["name"] == f"{PLACE}/endpoints/good"


def test_a_delayed_operation_is_done_later(gcp: Served, faults: Path) -> None:
    """Protects: an operation that is not done has neither response nor resource; both come at once."""
    faults.write_text('[[fault]]\nmachine = "endpoint"\naction = "create"\nname = "*/slow"\ndelay_seconds = 0.5\n')
    begun = create(gcp, "slow")
    assert begun["done"] is False
    assert "response" not in begun
    assert gcp.http.get(f"/v1/{PLACE}/endpoints/slow").status_code == 404
    done = waited(gcp, begun)
    assert done["response"]["name"] == f"{PLACE}/endpoints/slow"
    for prefix in ("/v1/", "/v2/", "/ui/"):
        assert gcp.http.get(f"{prefix}{begun['name']}").json() == done


def test_work_in_a_thread_fails_with_its_refusal_and_is_cancelled(gcp: Served) -> None:
    """Protects: what services do later ends in the operation, with Google's code; cancel reaches the work."""
    method = gcp.cloud.routes.method("aiplatform.projects.locations.endpoints.deployModel")
    begun = threading.Event()

    def refused(operation: Operation) -> Json:
        begun.set()
        operation.cancelled.wait(20)
        raise precondition("cancelled" if operation.cancelled.is_set() else "never asked")

    operation = gcp.cloud.operations.run(method, f"{PLACE}/endpoints/1", Outcome(ENDPOINT), refused, later=True)
    assert operation["metadata"]["@type"].endswith(".DeployModelOperationMetadata")
    assert begun.wait(20)
    assert gcp.http.post(f"/v1/{operation['name']}:cancel", json={}).json() == {}
    assert waited(gcp, operation)["error"] == {"code": 9, "message": "cancelled", "details": []}


def test_operations_are_listed_and_forgotten(gcp: Served) -> None:
    """Protects: one space of ids for all services, and 404 for what is not known."""
    parent = PLACE.replace("us-central1", "asia-east1")
    made: list[Any] = [
        gcp.http.post(f"/v1/{parent}/metadataStores").json(),
        gcp.http.post(
            f"/v1/{parent}/repositories", params={"repositoryId": "some-repo"}, json={"format": "DOCKER"}
        ).json(),
    ]
    listed = gcp.http.get(f"/v1/{parent}/operations").json()["operations"]
    assert [one["name"] for one in listed] == [one["name"] for one in made]
    assert gcp.http.delete(f"/v1/{made[0]['name']}").status_code == 200
    assert gcp.http.get(f"/v1/{made[0]['name']}").status_code == 404
    assert gcp.http.get(f"/v1/{made[1]['name']}").status_code == 200


def test_operations_are_listed_by_what_they_are_about(gcp: Served, faults: Path) -> None:
    """Protects: who was cut off finds what still goes on at an endpoint; and a wait ends when it asks to."""
    faults.write_text('[[fault]]\nmachine = "endpoint"\naction = "delete"\nname = "*/going"\ndelay_seconds = 0.5\n')
    create(gcp, "going")
    create(gcp, "staying")
    begun = gcp.http.delete(f"/v1/{PLACE}/endpoints/going").json()
    early = gcp.http.post(f"/v1/{begun['name']}:wait", params={"timeout": "0s"}).json()
    assert early["done"] is False
    listed = gcp.http.get(f"/v1/{PLACE}/endpoints/going/operations").json()["operations"]
    assert [one["done"] for one in listed] == [True, False]
    assert waited(gcp, listed[1])["done"] is True
