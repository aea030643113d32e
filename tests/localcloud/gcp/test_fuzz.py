"""Whatever is sent, the local Google Cloud answers, and never with a failure of its own."""

import json
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from infra.localcloud.gcp.routes import Routes
from tests.localcloud.gcp.serving import PLACE, PROJECT, Served

pytestmark = pytest.mark.slow
APIS = ("cloudkms.v1", "pubsub.v1", "monitoring.v3", "run.v2", "cloudscheduler.v1", "secretmanager.v1", "logging.v2",
        "artifactregistry.v1")  # fmt: skip
SCHEMAS = {api: document.schemas for api, document in Routes(APIS).documents.items()}
TOPIC = f"{PROJECT}/topics/fuzzed"
METRIC = 'metric.type="custom.googleapis.com/m"'
TEXTS = ("", "x", TOPIC, "roles/viewer", "user:a@example.com", f"{PROJECT}/logs/l", "custom.googleapis.com/m", METRIC,
         'metric.type=monitoring.regex.full_match("(")', "0 0 * * *", "\u00e9\x00\ud83d")  # fmt: skip
TIMES = ("2026-01-01T00:00:00Z", "0001-01-01T00:00:00Z", "9999-12-31T23:59:59.999999999Z", "2026-99-01T00:00:00Z")
DURATIONS = ("0s", "60s", "86400s", "0.000000001s", "-1s", "999999999999s", "9999999999999999s")
WHOLE = st.sampled_from((0, 1, -1, 2**31 - 1, 2**31, 2**63 - 1, 2**64, 10**400))
REQUESTS = (
    ("POST", f"/v1/{PLACE}/keyRings/fuzzed/cryptoKeys?cryptoKeyId=k", "cloudkms.v1", "CryptoKey"),
    ("PATCH", f"/v1/{PLACE}/keyRings/fuzzed/cryptoKeys/key?updateMask=*", "cloudkms.v1", "CryptoKey"),
    ("POST", f"/v1/{TOPIC}:setIamPolicy", "pubsub.v1", "SetIamPolicyRequest"),
    ("POST", f"/v1/{TOPIC}:publish", "pubsub.v1", "PublishRequest"),
    ("PATCH", f"/v1/{TOPIC}", "pubsub.v1", "UpdateTopicRequest"),
    ("PUT", f"/v1/{PROJECT}/subscriptions/fuzzed", "pubsub.v1", "Subscription"),
    ("POST", f"/v3/{PROJECT}/alertPolicies", "monitoring.v3", "AlertPolicy"),
    ("POST", f"/v3/{PROJECT}/timeSeries", "monitoring.v3", "CreateTimeSeriesRequest"),
    ("POST", f"/v2/{PLACE}/services?serviceId=s", "run.v2", "GoogleCloudRunV2Service"),
    ("POST", f"/v1/{PLACE}/jobs", "cloudscheduler.v1", "Job"),
    ("POST", f"/v1/{PROJECT}/secrets?secretId=s", "secretmanager.v1", "Secret"),
    ("POST", f"/v1/{PLACE}/repositories?repositoryId=fuzzed", "artifactregistry.v1", "Repository"),
    ("POST", "/v2/entries:write", "logging.v2", "WriteLogEntriesRequest"),
    ("POST", "/v2/entries:list", "logging.v2", "ListLogEntriesRequest"),
)
ANYTHING = st.recursive(
    st.none() | st.booleans() | WHOLE | st.floats() | st.sampled_from(TEXTS),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from(("labels", "name", "x")), inner),
)


def values(schemas: Mapping[str, Any], facts: Mapping[str, Any], depth: int = 5) -> st.SearchStrategy[Any]:
    """Draw values that mostly fit a schema: any of its fields, with values at the edges of what is allowed."""
    if "$ref" in facts:
        return st.deferred(lambda: values(schemas, schemas[facts["$ref"]], depth - 1)) if depth else st.just({})
    kind = facts.get("type", "any")
    if "additionalProperties" in facts:
        return st.dictionaries(
            st.sampled_from(TEXTS), values(schemas, facts["additionalProperties"], depth), max_size=2
        )
    if kind == "object":
        fields = {name: values(schemas, inner, depth) for name, inner in facts.get("properties", {}).items()}
        drawn = st.lists(st.sampled_from(sorted(fields)), max_size=5, unique=True) if fields else st.just([])
        return drawn.flatmap(lambda names: st.fixed_dictionaries({name: fields[name] for name in names}))
    if kind == "array":
        return st.lists(values(schemas, facts["items"], depth), max_size=2)
    return _scalars(facts, kind)


def _scalars(facts: Mapping[str, Any], kind: str) -> st.SearchStrategy[Any]:
    if "enum" in facts:
        return st.sampled_from((*facts["enum"], 1, 99))
    by_format = {"google-datetime": TIMES, "google-duration": DURATIONS, "byte": ("", "aGk=", "aGk", "!")}
    if facts.get("format") in by_format:
        return st.sampled_from(by_format[facts["format"]])
    if facts.get("format") in ("int64", "uint64"):
        return WHOLE.map(str)
    kinds = {
        "boolean": st.booleans(),
        "integer": WHOLE,
        "number": st.floats() | WHOLE,
        "string": st.sampled_from(TEXTS),
    }
    return kinds.get(kind, ANYTHING)


@pytest.fixture(scope="module")
def ground(gcp: Served) -> Served:
    gcp.http.post(f"/v1/{PLACE}/keyRings", params={"keyRingId": "fuzzed"}).raise_for_status()
    body = {"purpose": "ENCRYPT_DECRYPT"}
    gcp.http.post(
        f"/v1/{PLACE}/keyRings/fuzzed/cryptoKeys", params={"cryptoKeyId": "key"}, json=body
    ).raise_for_status()
    gcp.http.put(f"/v1/{TOPIC}").raise_for_status()
    return gcp


def sound(status: int) -> bool:
    """Whether an answer is no failure of ours."""
    return status < 500 or status == 501


@pytest.mark.parametrize(("verb", "path", "api", "schema"), REQUESTS, ids=[row[3] + row[0] for row in REQUESTS])
@settings(max_examples=60)
@given(data=st.data())
def test_any_body_is_answered(ground: Served, verb: str, path: str, api: str, schema: str, data: st.DataObject) -> None:
    """Protects: no body makes a handler fail, also not with numbers that JSON does not have."""
    body = data.draw(values(SCHEMAS[api], {"$ref": schema}) | ANYTHING)
    answer = ground.http.request(verb, path, content=json.dumps(body).encode("utf-8", "replace"))
    assert sound(answer.status_code), answer.text


@given(
    raw=st.binary(max_size=40)
    | st.sampled_from((b"[" * 100_000, b'{"labels":' * 200 + b"{}" + b"}" * 200, b"\xff\xfe", b"1" * 6000))
)
def test_any_bytes_are_answered(ground: Served, raw: bytes) -> None:
    """Protects: what is no JSON, or too deep, is the client's error."""
    answer = ground.http.post(f"/v1/{TOPIC}:publish", content=raw)
    assert answer.status_code == 400, answer.text


@given(path=st.binary(max_size=30), query=st.dictionaries(st.text(max_size=8), st.text(max_size=6), max_size=3))
def test_any_path_and_query_are_answered(ground: Served, path: bytes, query: dict[str, str]) -> None:
    """Protects: no address makes the server fail."""
    answer = ground.http.get(f"/v1/{PLACE}/keyRings/{quote(path, safe='/:%')}", params=query)
    assert sound(answer.status_code), answer.text


@given(
    text=st.text(max_size=30)
    | st.sampled_from(
        ('a=monitoring.regex.full_match("(")', "labels.a=2026-99-01T00:00:00Z", "name:(", "-", "NOT", "a<1")
    )
)
def test_any_filter_is_answered(ground: Served, text: str) -> None:
    """Protects: a filter that is not understood is refused."""
    answer = ground.http.get(f"/v1/{PLACE}/keyRings", params={"filter": text})
    assert sound(answer.status_code), answer.text
