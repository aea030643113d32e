"""Fills a report's template into the frame that all pages share; everything that it needs is in the one file."""

from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from infra.pages.colours import variables

FOLDER = Path(__file__).parent


def render(template: Path, **values: Any) -> str:
    """Return a page.

    Args:
        template: extends `frame.html`, and fills its blocks.
        values: what it shows; text is escaped unless the template says `safe`.

    Raises:
        jinja2.UndefinedError: the template names what is not in `values`.
    """
    environment = Environment(
        loader=FileSystemLoader((template.parent, FOLDER)),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    return environment.get_template(template.name).render(variables=variables(), **values)
