"""Property values as plain Python, and their lossless conversion from and to the engine's protobuf form.

Plain values stand for themselves (numbers without a fraction are ints). What Python has no value for:
`UNKNOWN` is a value that the engine does not know yet, `Secret` wraps one that must not be shown, `Special` keeps
an asset, an archive or a resource reference with all its fields.
Source of the signatures and sentinels: pulumi/sdk/python/lib/pulumi/runtime/rpc.py.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from google.protobuf import struct_pb2

SIGNATURE_KEY: Final = "4dabf18193072939515e22adb298388d"
_SECRET: Final = "1b47061264138c4ac30d75fd1eb44270"  # noqa: S105 - a public signature
_OUTPUT: Final = "d0e6a833031e9bbcd3f4e8bde6ca49a4"
_UNKNOWN_STRING: Final = "04da6b54-80e4-46f7-96ec-b56ff0331ba9"
_UNKNOWNS: Final = frozenset(
    {
        _UNKNOWN_STRING,
        "1c4a061d-8072-4f0a-a4cb-0ff528b18fe7",  # bool
        "3eeb2bf0-c639-47a8-9e75-3b44932eb421",  # number
        "6a19a0b0-7e62-4c92-b797-7f8e31da9cc2",  # array
        "030794c1-ac77-496b-92df-f27374a8bd58",  # asset
        "e48ece36-62e2-4504-bad9-02848725956a",  # archive
        "dd056dcd-154b-4c76-9bd3-c8f88648b5ff",  # object
    }
)
_LARGEST_EXACT_INTEGER: Final = 2**53
_TELLING_LENGTH: Final = 6  # shorter texts occur in others by chance

# None, bool, int, float, str, list, dict, Unknown, Secret or Special; Any, because the engine's properties are untyped
Value = Any
Properties = dict[str, Value]
Path = tuple[str | int, ...]


class Unknown:
    """The type of UNKNOWN, its only instance; it equals itself only."""

    _instance: "Unknown | None" = None

    def __new__(cls) -> "Unknown":
        """Return the one instance."""
        if cls._instance is None:
            cls._instance = super().__new__(cls)
        return cls._instance

    def __repr__(self) -> str:
        return "UNKNOWN"

    def __bool__(self) -> bool:
        raise TypeError("an unknown value is neither true nor false")


UNKNOWN: Final = Unknown()


@dataclass(frozen=True)
class Secret:
    """A value that the engine encrypts in the state and hides in its output."""

    value: Value

    def __repr__(self) -> str:
        return "Secret(...)"


@dataclass(frozen=True)
class Special:
    """An asset, an archive or a resource reference: its signature and its other fields, as they came."""

    signature: str
    fields: Mapping[str, Value]


def decode(struct: struct_pb2.Struct) -> Properties:
    """Return the properties that a protobuf struct holds."""
    return {key: _decode(value) for key, value in struct.fields.items()}


def encode(properties: Mapping[str, Value]) -> struct_pb2.Struct:
    """Return the protobuf struct of these properties. Raises TypeError for a value that is no property value."""
    return struct_pb2.Struct(fields={key: _encode(value) for key, value in properties.items()})


def _decode(value: struct_pb2.Value) -> Value:
    match value.WhichOneof("kind"):
        case "bool_value":
            return value.bool_value
        case "number_value":
            return _number(value.number_value)
        case "string_value":
            return UNKNOWN if value.string_value in _UNKNOWNS else value.string_value
        case "list_value":
            return [_decode(item) for item in value.list_value.values]
        case "struct_value":
            return _object(decode(value.struct_value))
    return None


def _number(number: float) -> int | float:
    exact = number.is_integer() and abs(number) <= _LARGEST_EXACT_INTEGER
    return int(number) if exact else number


def _object(fields: Properties) -> Value:
    signature = fields.get(SIGNATURE_KEY)
    if signature is None:
        return fields
    if signature == _SECRET:
        return Secret(fields.get("value"))
    if signature == _OUTPUT:
        # the engine sends these only to plugins that ask for them; their dependencies are its own business
        value = fields.get("value", UNKNOWN)
        return Secret(value) if fields.get("secret") is True else value
    return Special(signature, {key: value for key, value in fields.items() if key != SIGNATURE_KEY})


def _encode(value: Value) -> struct_pb2.Value:  # noqa: PLR0911 - one return per kind of value
    match value:
        case None:
            return struct_pb2.Value(null_value=struct_pb2.NULL_VALUE)
        case bool():
            return struct_pb2.Value(bool_value=value)
        case int() | float():
            return struct_pb2.Value(number_value=value)
        case str():
            return struct_pb2.Value(string_value=value)
        case Unknown():
            return struct_pb2.Value(string_value=_UNKNOWN_STRING)
        case Secret():
            return _signed(_SECRET, {"value": value.value})
        case Special():
            return _signed(value.signature, value.fields)
        case list() | tuple():
            return struct_pb2.Value(list_value=struct_pb2.ListValue(values=[_encode(item) for item in value]))
        case Mapping():
            return struct_pb2.Value(struct_value=encode(value))
    raise TypeError(f"no property value: {type(value).__name__}")


def _signed(signature: str, fields: Mapping[str, Value]) -> struct_pb2.Value:
    return struct_pb2.Value(struct_value=encode({SIGNATURE_KEY: signature, **fields}))


def has_unknown(value: Value) -> bool:
    """Say whether the value is unknown, or holds an unknown anywhere."""
    match value:
        case Unknown():
            return True
        case Secret():
            return has_unknown(value.value)
        case list():
            return any(has_unknown(item) for item in value)
        case Mapping():
            return any(has_unknown(item) for item in value.values())
    return False


def reveal(value: Value) -> tuple[Value, frozenset[Path]]:
    """Return the value without its Secret wrappers, and the paths at which they stood."""
    found: set[Path] = set()
    return _reveal(value, (), found), frozenset(found)


def _reveal(value: Value, path: Path, found: set[Path]) -> Value:
    if isinstance(value, Secret):
        found.add(path)
        return _reveal(value.value, path, found)
    if isinstance(value, list):
        return [_reveal(item, (*path, index), found) for index, item in enumerate(value)]
    if isinstance(value, dict):
        return {key: _reveal(item, (*path, key), found) for key, item in value.items()}
    return value


def conceal(value: Value, paths: Iterable[Path]) -> Value:
    """Return the value with a Secret at each path, or at the last step of the path that the value has."""
    for path in paths:
        value = _conceal(value, path)
    return value


def _conceal(value: Value, path: Path) -> Value:
    if isinstance(value, Secret):
        return value
    match path:
        case (str() as key, *rest) if isinstance(value, dict) and key in value:
            return {**value, key: _conceal(value[key], tuple(rest))}
        case (int() as index, *rest) if isinstance(value, list) and index < len(value):
            return [*value[:index], _conceal(value[index], tuple(rest)), *value[index + 1 :]]
    return Secret(value)


def texts_at(value: Value, paths: Iterable[Path]) -> frozenset[str]:
    """Return the texts that stand at or below the paths."""
    found: set[str] = set()
    for path in paths:
        inner = value
        for step in path:
            inner = inner[step]
        _collect(inner, found)
    return frozenset(found - {""})


def _collect(value: Value, found: set[str]) -> None:
    if isinstance(value, str):
        found.add(value)
    for item in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        _collect(item, found)


def conceal_texts(value: Value, texts: frozenset[str]) -> Value:
    """Return the value with a Secret around every text that is one of these, or holds one that is not short."""
    if isinstance(value, str):
        held = value in texts or any(len(text) >= _TELLING_LENGTH and text in value for text in texts)
        return Secret(value) if held else value
    if isinstance(value, dict):
        return {key: conceal_texts(item, texts) for key, item in value.items()}
    if isinstance(value, list):
        return [conceal_texts(item, texts) for item in value]
    return value


def conceal_outputs(outputs: Properties, paths: Iterable[Path]) -> Properties:
    """Mark outputs as secret where the inputs were; a list as a whole, as the cloud may reorder its items.

    A path whose property is no output is dropped, as there is nothing to hide.
    """
    for path in paths:
        if path and path[0] in outputs:
            first_index = next((place for place, step in enumerate(path) if isinstance(step, int)), len(path))
            outputs = _conceal(outputs, path[:first_index])
    return outputs
