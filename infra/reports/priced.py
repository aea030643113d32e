"""What of both clouds is priced: every resource type of the cost model, and what no environment here can know.

`python -m infra.reports.priced` writes docs/priced.md; a test is red when that page is stale.
"""

from collections import Counter
from collections.abc import Iterator
from itertools import groupby

from infra.cost.book import CLOUDS, read_book
from infra.cost.estimate import Charge, Estimate, estimate
from infra.cost.model import ResourceType, cost_model
from infra.cost.plan import plan
from infra.cost.report import escaped, ordered
from infra.cost.usage import read_usage, usage_path
from infra.environments import ROOT, find_environment, known_environments, read_config

PAGE = ROOT / "docs" / "priced.md"
KINDS = ("priced", "free", "unknown")
TITLES = {"aws": "AWS", "gcp": "Google Cloud"}
HEADER = """# What is priced

Every resource type that the components use is priced, or free with a source, or unknown with a reason: the rows of
`infra/cost/types/<cloud>.toml`. Some lines of a priced type may be unknown all the same: where the price book has no
price in the region, or no source says what is charged. Written by `python -m infra.reports.priced`; a test is red when
this page is stale.

| cloud | resource types | {kinds} |
|---|---:|{rules}
"""
UNKNOWN = """
## What the project's environments cannot know

The lines without an amount of the environments in `stacks/`, once every model is released: the totals are `at least`
because of these.

| environment | resource | line | why |
|---|---|---|---|
"""

TYPES = ("| resource type | | what for, or why not | source |", "|---|---|---|---|")


def kind(row: ResourceType) -> str:
    """Return which of the three a type is."""
    return "priced" if row.lines else "free" if row.free is not None else "unknown"


def counts(cloud: str) -> Counter[str]:
    """Return how many types of a cloud are priced, free and unknown."""
    return Counter(kind(row) for row in cost_model(cloud).values())


def cost_of(name: str, *, released: bool = True) -> Estimate:
    """Return what one of the project's environments costs, as it stands or with every model released."""
    from infra.cli.cost_asked import with_releases

    environment = find_environment(name)
    config = read_config(environment.config_path)
    planned = plan(name, with_releases(config) if released else config)
    usage = read_usage(usage_path(ROOT, name), planned.models)
    return estimate(planned, usage, read_book(), cost_model(planned.cloud))


def page() -> str:
    """Return the page, whole."""
    lines = [HEADER.format(kinds=" | ".join(KINDS), rules="---:|" * len(KINDS)).rstrip("\n")]
    for cloud in CLOUDS:
        found = counts(cloud)
        lines.append(_row(TITLES[cloud], str(found.total()), *(str(found[one]) for one in KINDS)))
    lines.append(UNKNOWN.rstrip("\n"))
    for name in known_environments():
        lines += [_row(f"`{name}`", *_told(one)) for one in ordered(cost_of(name).unknown)]
    for cloud in CLOUDS:
        lines += [
            "",
            f"## {TITLES[cloud]}",
            "",
            "| resource type | | what for, or why not | source |",
            "|---|---|---|---|",
        ]
        lines += list(_types(cloud))
    return "\n".join(lines) + "\n"


def _row(*cells: str) -> str:
    return "| " + " | ".join(escaped(cell) for cell in cells) + " |"


def _told(charge: Charge) -> tuple[str, str, str]:
    return f"`{charge.urn.split('::')[2].rpartition('$')[2]}`", charge.what, charge.unknown


def _types(cloud: str) -> Iterator[str]:
    """Yield a row for each type: first what is priced, then what is free, then what nobody knows."""
    rows = cost_model(cloud)
    for name in sorted(rows, key=lambda name: (KINDS.index(kind(rows[name])), name)):
        row = rows[name]
        reason = row.free or row.unknown or "; ".join(_lines(row))
        yield _row(f"`{name}`", kind(row), reason, row.source or ("the price book" if row.lines else ""))


def _lines(row: ResourceType) -> Iterator[str]:
    """Yield what a type is charged for, each once: some things have a line for each way in which they are sold."""
    for what, lines in groupby(sorted(row.lines, key=lambda one: one.what), key=lambda one: one.what):
        yield what if any(one.unknown is None for one in lines) else f"{what} (unknown)"


def write() -> None:
    """Write the page."""
    PAGE.write_text(page())


if __name__ == "__main__":
    write()
