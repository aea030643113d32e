"""What is wrong with a pipeline's definition, in whichever vendor's language it is written."""

from typing import Any


class DefinitionError(Exception):
    """A definition, or a value given to it, is wrong; `path` says where."""

    def __init__(self, path: str, message: str) -> None:
        super().__init__(f"{path}: {message}" if path else message)
        self.path = path


class UnsupportedError(Exception):
    """The definition is the vendor's, but asks for what the local cloud does not run."""


def require(value: Any, wanted: type, path: str) -> Any:
    """Return a value of the type that is wanted. Raises DefinitionError for another."""
    if not isinstance(value, wanted):
        raise DefinitionError(path, f"must be of type {wanted.__name__}, not {type(value).__name__}")
    return value
