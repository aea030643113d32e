"""What a configuration can ask for, and on which cloud it is there: the parity matrix, made of its tests' results.

`python -m infra.reports.parity` runs tests/components/test_parity.py and writes docs/parity.md of what passed; a test
is red when that page is stale.
"""

import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree

from components.errors import StileError
from components.features import LACKS, Feature
from infra.environments import ROOT

PAGE = ROOT / "docs" / "parity.md"
TESTS = "tests/components/test_parity.py"
PROVISIONED, REFUSED = "test_is_provisioned", "test_is_refused"
CLOUDS = {"aws": "AWS", "gcp": "Google Cloud"}
HEADER = """# What each cloud can do

Each row is a feature that a configuration can ask for (`components/features.py`). Where a cloud has it, a test of
`{tests}` provisions it under the engine's mocks and finds in the declared resources what makes it.
Where a cloud lacks it, a test shows that the configuration is refused before anything is made. Written by
`python -m infra.reports.parity` of those tests' results; a test is red when this page is stale.

| feature | {clouds} |
|---|{lines}
"""
LACKING = """
## What a cloud lacks

What is asked for at the path is refused, and the error says what to do instead.

| cloud | feature | why | path | what to do instead |
|---|---|---|---|---|
"""


@dataclass(frozen=True)
class Result:
    """One test that passed.

    Attributes:
        id: its name with its parameters.
        told: what it recorded: of a refusal `path` and `fix`.
    """

    id: str
    told: Mapping[str, str]


Results = Mapping[tuple[str, Feature], Result]


def results() -> Results:
    """Run the tests, and return what passed; raises StileError if one did not, or as `results_in` does."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "results.xml"
        command = [sys.executable, "-m", "pytest", TESTS, "-q", "-p", "no:cacheprovider"]
        # xunit1 is the form that has what tests record
        options = [f"--junit-xml={file}", "-o", "junit_family=xunit1"]
        done = subprocess.run([*command, *options], cwd=ROOT, capture_output=True, text=True, check=False)
        if done.returncode or not file.is_file():
            raise StileError(f"{TESTS} is red, so the matrix is not known:\n{done.stdout}{done.stderr}")
        return results_in(file.read_text())


def results_in(xml: str) -> Results:
    """Return the test that passed of each cloud and feature.

    Raises:
        StileError: a feature has on some cloud no test that passed, or more than one.
    """
    cells: dict[tuple[str, Feature], list[Result]] = {(cloud, feature): [] for feature in Feature for cloud in CLOUDS}
    for result in _passed(xml):
        found = re.fullmatch(rf"(?:{PROVISIONED}|{REFUSED})\[(\w+)-(\w+)\]", result.id)
        if found:
            cells[found[1], Feature[found[2]]].append(result)
    for (cloud, feature), results in cells.items():
        if len(results) != 1:
            raise StileError(f"{feature.name} has {len(results)} tests that passed on {cloud}, not 1, in {TESTS}")
    return {cell: result for cell, (result,) in cells.items()}


def _passed(xml: str) -> Iterator[Result]:
    for case in ElementTree.fromstring(xml).iter("testcase"):  # noqa: S314 - the file is our own
        if not {"failure", "error", "skipped"} & {child.tag for child in case}:
            told = {each.get("name", ""): each.get("value", "") for each in case.iter("property")}
            yield Result(case.get("name", ""), told)


def _has(result: Result) -> bool:
    return result.id.startswith(PROVISIONED)


def _rows(found: Results) -> Iterator[str]:
    for feature in Feature:
        results = [found[cloud, feature] for cloud in CLOUDS]
        shown = [f"{'yes' if _has(each) else 'no'}: `{each.id}`" for each in results]
        yield f"| {feature.value} | {' | '.join(shown)} |"


def _lacking(found: Results) -> Iterator[str]:
    for cloud, name in CLOUDS.items():
        for feature in (each for each in Feature if not _has(found[cloud, each])):
            told = found[cloud, feature].told
            yield f"| {name} | {feature.value} | {LACKS[cloud][feature].reason} | `{told['path']}` | {told['fix']} |"


def page(found: Results) -> str:
    """The page, whole."""
    header = HEADER.format(
        tests=TESTS,
        clouds=" | ".join(CLOUDS.values()),
        lines="---|" * len(CLOUDS),
    )
    return header + "\n".join(_rows(found)) + "\n" + LACKING + "\n".join(_lacking(found)) + "\n"


if __name__ == "__main__":
    try:
        PAGE.write_text(page(results()))
    except StileError as error:
        sys.exit(error.message)
