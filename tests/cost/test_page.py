"""docs/cost.md has every figure of the usage, with its default and its meaning as the program has them."""

from pathlib import Path

from infra.cost.exact import text
from infra.cost.usage import Images, Model, Monitoring, Part, Storage, Tracking

PAGE = Path(__file__).resolve().parents[2] / "docs" / "cost.md"
PARTS: dict[str, type[Part]] = {
    "storage": Storage,
    "images": Images,
    "tracking": Tracking,
    "monitoring": Monitoring,
    "models.NAME": Model,
}


def rows() -> list[str]:
    """The rows of the page's table."""
    return [
        f"| `{part}.{name}` | {'unknown' if field.default is None else text(field.default)} "
        f"| {(field.description or '').rsplit(': a number', 1)[0]} |"
        for part, model in PARTS.items()
        for name, field in model.model_fields.items()
    ]


def test_every_figure_is_documented() -> None:
    """With its default; and the table has no row of a figure that is no more."""
    _, table = PAGE.read_text().split("| figure | taken for | meaning |\n|---|---:|---|\n")
    assert table.splitlines() == rows()
