"""`python -m benchmarks [name ...]`: runs benchmarks, prints their tables and writes them into docs/performance.md."""

import argparse
import importlib
import os
import platform
import re
from datetime import UTC, datetime
from pathlib import Path

from benchmarks import measure

# Each is a module of this package, with `measure() -> Iterator[Row]`.
NAMES = ("chain", "engine_overhead", "local_start", "pricing", "serving")
PAGE = Path(__file__).parents[1] / "docs" / "performance.md"


def made_by() -> str:
    """Say where and when a table was made."""
    system = f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}"
    return f"Measured {datetime.now(UTC):%Y-%m-%d} on {system}."


def run(name: str) -> str:
    """Run a benchmark; return its table and where and when it was made."""
    rows = importlib.import_module(f"benchmarks.{name}").measure()
    return f"{made_by()}\n\n{measure.table(rows)}"


def placed(page: str, name: str, table: str) -> str:
    """Return the page with a benchmark's table between its markers.

    Raises:
        SystemExit: the page has no such markers.
    """
    begin, end = f"<!-- {name}: written by `python -m benchmarks {name}` -->", f"<!-- end of {name} -->"
    pattern = re.escape(begin) + ".*?" + re.escape(end)
    new, found = re.subn(pattern, lambda _: f"{begin}\n{table}\n{end}", page, flags=re.DOTALL)
    if not found:
        raise SystemExit(f"{PAGE} has no place for the table; add two lines to it:\n{begin}\n{end}")
    return new


def main() -> None:
    """Run what is named, or all."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="name", help=f"of {', '.join(NAMES)} (default: all)")
    names = parser.parse_args().names or NAMES
    if unknown := set(names) - set(NAMES):
        parser.error(f"no benchmark {', '.join(sorted(unknown))}; there are: {', '.join(NAMES)}")
    for name in names:
        placed(PAGE.read_text(), name, "")  # a missing place is told before minutes are spent
        table = run(name)
        print(f"{name}\n\n{table}\n", flush=True)
        PAGE.write_text(placed(PAGE.read_text(), name, table))


if __name__ == "__main__":
    main()
