"""Values keep everything on their way through a plugin: unknown stays unknown, secret stays secret."""

import pytest
from google.protobuf import struct_pb2
from hypothesis import given
from hypothesis import strategies as st

from infra.providers.kit.values import (
    SIGNATURE_KEY,
    UNKNOWN,
    Properties,
    Secret,
    Special,
    Value,
    conceal,
    conceal_outputs,
    conceal_texts,
    decode,
    encode,
    has_unknown,
    reveal,
    texts_at,
)


def _wrapped(value: Value) -> Value:
    return value if isinstance(value, Secret) else Secret(value)


keys = st.text(min_size=1, max_size=8).filter(lambda key: key != SIGNATURE_KEY)
scalars: st.SearchStrategy[Value] = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**53), 2**53),
    st.floats(allow_nan=False, allow_infinity=False).map(lambda number: int(number) if number.is_integer() else number),
    st.text(max_size=12),
    st.just(UNKNOWN),
    st.just(Special("c44067f5952c0a294b673a41bacd8c17", {"hash": "h", "path": "p"})),
)
values = st.recursive(
    scalars,
    lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(keys, inner, max_size=4), inner.map(_wrapped)),
    max_leaves=12,
)
properties = st.dictionaries(keys, values, max_size=5)


@given(properties)
def test_the_wire_keeps_everything(given_properties: Properties) -> None:
    again = decode(struct_pb2.Struct.FromString(encode(given_properties).SerializeToString()))
    assert again == given_properties


@given(properties)
def test_what_is_revealed_and_concealed_again_is_the_same(given_properties: Properties) -> None:
    plain, paths = reveal(given_properties)
    outermost = {path for path in paths if not any(path[:size] in paths for size in range(len(path)))}
    concealed = conceal(plain, outermost)
    assert reveal(concealed) == (plain, frozenset(outermost))
    assert "Secret" not in repr(plain)


@given(properties)
def test_no_secret_of_the_inputs_is_plain_in_equal_outputs(given_properties: Properties) -> None:
    """Whatever path was secret is within something secret, also where a list is hidden as a whole."""
    plain, paths = reveal(given_properties)
    _, hidden = reveal(conceal_outputs(plain, paths))
    assert all(any(path[:size] in hidden for size in range(1, len(path) + 1)) for path in paths)


def test_a_secret_deeper_than_the_value_hides_the_value() -> None:
    assert conceal({"policy": "{}"}, [("policy", "Statement", 0)]) == {"policy": Secret("{}")}


def test_a_secret_that_comes_back_elsewhere_is_secret_there_too() -> None:
    """Providers copy inputs into other outputs, such as all tags, or a document that holds a password."""
    inputs = {"tags": {"pin": "1234", "open": "x"}, "password": "long enough"}
    texts = texts_at(inputs, [("tags", "pin"), ("password",)])
    assert texts == {"1234", "long enough"}
    outputs = {"all": {"pin": "1234", "open": "x"}, "url": "db://me:long enough@host", "port": "91234"}
    assert conceal_texts(outputs, texts) == {
        "all": {"pin": Secret("1234"), "open": "x"},
        "url": Secret("db://me:long enough@host"),
        "port": "91234",
    }


def test_unknowns_of_every_kind_are_unknown() -> None:
    sentinel = struct_pb2.Struct(fields={"a": struct_pb2.Value(string_value="1c4a061d-8072-4f0a-a4cb-0ff528b18fe7")})
    assert decode(sentinel) == {"a": UNKNOWN}
    assert has_unknown({"a": [Secret({"b": UNKNOWN})]})
    assert not has_unknown({"a": [Secret({"b": ""})]})


def test_an_unknown_is_neither_true_nor_false() -> None:
    """`if value:` over an unknown would decide a preview by accident."""
    with pytest.raises(TypeError):
        bool(UNKNOWN)


def test_what_is_no_property_value_is_refused() -> None:
    with pytest.raises(TypeError, match="complex"):
        encode({"a": 1j})
