"""The arrows between packages point one way, as docs/architecture.md draws them."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]

# package -> roots of other packages that it may not import, at any level
FORBIDDEN = {
    "components": ("infra", "ml_jobs", "tests"),
    "ml_jobs": ("infra", "components", "tests"),
    "infra/localcloud/jobs": (
        "infra.cli",
        "infra.toolchain",
        "infra.providers",
        "infra.clouds",
        "infra.reports",
        "infra.errors",
        "infra.localcloud.aws",
        "components",
        "ml_jobs",
        "tests",
    ),
    "infra/localcloud/aws": (
        "infra.cli",
        "infra.toolchain",
        "infra.providers",
        "infra.clouds",
        "infra.reports",
        "infra.errors",
        "components",
        "ml_jobs",
        "tests",
    ),
    "infra/cost": ("infra.cli", "infra.engine", "infra.localcloud", "infra.providers", "infra.reports", "tests"),
    "infra/pages": (
        "infra.cli",
        "infra.cost",
        "infra.engine",
        "infra.localcloud",
        "infra.providers",
        "infra.reports",
        "components",
        "ml_jobs",
        "tests",
    ),
    "infra": ("tests",),
}
# what a job may import only inside the adapter that needs it
HEAVY = ("pulumi", "pulumi_aws", "boto3", "botocore", "google.cloud")


def imports(path: Path, *, module_level: bool = False) -> Iterator[str]:
    """Yield the modules that a file imports, all of them or those at module level."""
    tree = ast.parse(path.read_text())
    for node in tree.body if module_level else ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and node.level == 0:
            yield node.module


def sources(package: str) -> list[Path]:
    return [path for path in (ROOT / package).rglob("*.py") if ".venv" not in path.parts]


def within(module: str, root: str) -> bool:
    return module == root or module.startswith(root + ".")


@pytest.mark.parametrize("package", FORBIDDEN)
def test_no_package_imports_what_stands_above_it(package: str) -> None:
    wrong = [
        f"{path.relative_to(ROOT)} imports {module}"
        for path in sources(package)
        for module in imports(path)
        if any(within(module, root) for root in FORBIDDEN[package])
    ]
    assert sources(package)
    assert wrong == []


def test_jobs_import_no_cloud_sdk_at_module_level() -> None:
    wrong = [
        f"{path.relative_to(ROOT)} imports {module}"
        for path in sources("ml_jobs")
        for module in imports(path, module_level=True)
        if any(within(module, root) for root in HEAVY)
    ]
    assert wrong == []


def test_every_file_says_what_belongs_in_it() -> None:
    missing = [
        str(path.relative_to(ROOT))
        for package in ("components", "infra", "ml_jobs", "tests")
        for path in sources(package)
        if not ast.get_docstring(ast.parse(path.read_text()))
    ]
    assert missing == []
