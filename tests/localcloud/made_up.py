"""Made-up requests, drawn from the vendor's own model of an operation: near what is valid, and rarely valid."""

from typing import Any

from botocore.model import Shape
from hypothesis import strategies as st

# What gets past first checks: names, ARNs, addresses, and what a service may stumble over.
PLAUSIBLE = (
    *(
        "a",
        "stile-model",
        "x" * 64,
        "none-such",
        "-",
        "",
        " ",
        "\u00e9\u4e2d\U0001f6eb",
        "../..",
        "a\x00b",
        "%s{0}",
        "null",
    ),
    *("arn:aws:iam::000000000000:role/none", "arn:aws:sagemaker:us-east-1:000000000000:model/none", "arn:aws"),
    *("s3://none/such", "s3://", "http://127.0.0.1:1/", "{}", "[]", '{"Version": "2020-12-01", "Steps": []}'),
    *("ml.m5.large", "ml.none", "W10=", "000000000000.dkr.ecr.us-east-1.amazonaws.com/none@sha256:" + "0" * 64),
)
NUMBERS = st.one_of(st.integers(-2, 12), st.sampled_from([2**31 - 1, 2**31, -(2**63), 2**63 - 1]))
DEEPEST = 6


SCALARS = {
    "integer": NUMBERS,
    "long": NUMBERS,
    "float": st.one_of(NUMBERS.map(float), st.floats(allow_nan=False, allow_infinity=False)),
    "double": st.one_of(NUMBERS.map(float), st.floats(allow_nan=False, allow_infinity=False)),
    "boolean": st.booleans(),
    "timestamp": st.integers(0, 2**33),
    "blob": st.binary(max_size=40),
}


def values(shape: Shape, depth: int = 0) -> st.SearchStrategy[Any]:
    """Values that the client can write for a shape."""
    kind, most = shape.type_name, 0 if depth > DEEPEST else 3
    if kind == "structure":
        return structures(shape, depth)
    if kind == "list":
        return st.lists(_later(shape.member, depth + 1), max_size=most)
    if kind == "map":
        return st.dictionaries(values(shape.key, depth + 1), _later(shape.value, depth + 1), max_size=most)
    if kind == "string":
        enum = shape.metadata.get("enum")
        odd = st.one_of(st.sampled_from(PLAUSIBLE), st.text(max_size=20))
        return st.one_of(st.sampled_from(enum), odd) if enum else odd
    return SCALARS[kind]


def _later(shape: Shape, depth: int) -> st.SearchStrategy[Any]:
    """Shapes hold themselves: their values are made when they are drawn."""
    return st.deferred(lambda: values(shape, depth))


def structures(shape: Shape, depth: int = 0) -> st.SearchStrategy[dict[str, Any]]:
    """Requests with what is required or without some of it, and with some of the rest."""
    if depth > DEEPEST:
        return st.just({})
    members = {name: _later(member, depth + 1) for name, member in shape.members.items()}
    # Without what stands in the path the client has no address to send to.
    in_path = {name: st.sampled_from(("a", "none-such")) for name in members if _is_in_path(shape.members[name])}
    members = {name: member for name, member in members.items() if name not in in_path}
    required = {name: members[name] for name in shape.required_members if name in members}
    optional = {name: member for name, member in members.items() if name not in required}
    whole = st.fixed_dictionaries(in_path | required, optional=optional)
    return st.one_of(whole, st.fixed_dictionaries(in_path, optional=members))


def _is_in_path(shape: Shape) -> bool:
    return bool(shape.serialization.get("location") == "uri")
