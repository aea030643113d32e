"""The colours of colours.toml, and the CSS variables that hold them."""

import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path


@dataclass(frozen=True)
class Colour:
    """A colour by what it is for.

    Attributes:
        name: what a page calls it; its CSS variable is `--name`.
        kind: `ground`, `text`, `mark` or `faint`.
        light, dark: `#rrggbb` on a light and on a dark ground.
    """

    name: str
    kind: str
    light: str
    dark: str


@cache
def colours() -> Mapping[str, Colour]:
    """Return all colours by their names."""
    table = tomllib.loads(Path(__file__).with_name("colours.toml").read_text(encoding="utf-8"))
    return {name: Colour(name, kind, **row) for kind, rows in table.items() for name, row in rows.items()}


def variables() -> str:
    """Return the style that sets the variables: light, dark where the reader prefers it, light on paper."""
    return "\n".join(_variables())


def _variables() -> Iterator[str]:
    light = "".join(f"--{one.name}:{one.light};" for one in colours().values())
    dark = "".join(f"--{one.name}:{one.dark};" for one in colours().values())
    yield f":root{{color-scheme:light dark;{light}}}"
    yield f"@media screen and (prefers-color-scheme:dark){{:root{{{dark}}}}}"
