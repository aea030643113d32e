"""The wire, asked by the official client: every operation answers, and nothing that comes in makes the cloud fail."""

import json
import string
from collections.abc import Callable
from functools import partial
from typing import Any

import httpx
import pytest
from botocore import xform_name
from botocore.config import Config
from botocore.exceptions import ClientError, HTTPClientError, ParamValidationError
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from infra.reports import local_operations
from tests.localcloud.cloud import LocalAws
from tests.localcloud.made_up import structures

IMPLEMENTED = local_operations.implemented()
# Once, without waiting, and without the client's own refusals.
PLAIN = Config(parameter_validation=False, retries={"total_max_attempts": 1})


@pytest.fixture(scope="module")
def clients(local_aws: LocalAws) -> dict[str, Any]:
    return {service: local_aws.client(service, config=PLAIN) for service in IMPLEMENTED}


def status(call: Callable[[], Any]) -> tuple[int, str, str]:
    """Status, error code and message of an answer; what the client itself cannot write counts as 0."""
    try:
        return int(call()["ResponseMetadata"]["HTTPStatusCode"]), "", ""
    except (ParamValidationError, HTTPClientError):  # the client itself cannot write it
        return 0, "", ""
    except ClientError as error:
        details = error.response["Error"]
        return int(error.response["ResponseMetadata"]["HTTPStatusCode"]), details["Code"], details["Message"]


@pytest.mark.parametrize("service", IMPLEMENTED)
def test_what_is_not_implemented_says_so_by_name(service: str, clients: dict[str, Any]) -> None:
    """Protects: an operation that the cloud does not have is never a success, a 500 or a hang."""
    client = clients[service]
    others = [name for name in local_operations.known(service) if name not in IMPLEMENTED[service]]
    assert others
    wrong = {}
    for name in others:
        members = client.meta.service_model.operation_model(name).input_shape
        in_path = {
            member: "none"
            for member, shape in (members.members.items() if members else ())
            if shape.serialization.get("location") in ("uri", "querystring") and member in members.required_members
        }
        found = status(partial(getattr(client, xform_name(name)), **in_path))
        if found[:2] != (501, "InternalFailure") or f"'{name}'" not in found[2]:
            wrong[name] = found
    assert wrong == {}


@pytest.mark.slow
@pytest.mark.parametrize("service", IMPLEMENTED)
@settings(max_examples=150, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_a_made_up_request_is_answered_and_never_with_a_failure(
    data: st.DataObject, service: str, clients: dict[str, Any]
) -> None:
    """Protects: bad input is the client's error in the vendor's words; the cloud itself never fails by it."""
    client = clients[service]
    name = data.draw(st.sampled_from(IMPLEMENTED[service]))
    shape = client.meta.service_model.operation_model(name).input_shape
    request = data.draw(structures(shape)) if shape else {}
    found = status(partial(getattr(client, xform_name(name)), **request))
    assert found[0] < 500 or found[:2] == (501, "InternalFailure"), (name, request, found)


TARGETS = st.one_of(st.sampled_from(IMPLEMENTED["sagemaker"]), st.text(string.printable[:94], max_size=20))
JSON = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.text(max_size=8)),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.dictionaries(st.sampled_from(("Tags", "MaxResults", "CreationTimeAfter", "ModelName")), inner, max_size=4),
    ),
)
BODIES = st.one_of(st.binary(max_size=60), JSON.map(lambda body: json.dumps(body).encode()), st.just(b"{" * 2000))


@pytest.mark.slow
@settings(max_examples=200)
@given(body=BODIES, target=TARGETS)
def test_a_body_that_is_no_request_is_the_clients_error(local_aws: LocalAws, body: bytes, target: str) -> None:
    """Protects: what no client of the vendor would send gets an answer, too."""
    headers = {
        "X-Amz-Target": f"SageMaker.{target}",
        "Content-Type": "application/x-amz-json-1.1",
        "Authorization": "AWS4-HMAC-SHA256 Credential=test/20260101/us-east-1/sagemaker/aws4_request, Signature=0",
    }
    answer = httpx.post(local_aws.cloud.endpoint_url, content=body, headers=headers, trust_env=False, timeout=30)
    assert answer.status_code < 500 or answer.status_code == 501, answer.text
