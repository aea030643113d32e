"""Numbers of enum values: Google's clients may send these, but discovery documents have names only.

The number is the name's position in the document's list, except for those in enums.toml.
"""

import tomllib
from collections.abc import Sequence
from functools import cache
from pathlib import Path


def number_of(names: Sequence[str], name: str) -> int:
    """Return the number of one of an enum's names."""
    numbers = _exceptions().get(frozenset(names))
    return names.index(name) if numbers is None else numbers[name]


@cache
def _exceptions() -> dict[frozenset[str], dict[str, int]]:
    table = tomllib.loads(Path(__file__).with_name("enums.toml").read_text())
    return {frozenset(row["numbers"]): row["numbers"] for row in table["enum"]}
