"""No module asks which cloud it is on: what differs between clouds stands in their own modules, or in a table of both.

A comparison of anything with a cloud's name is such a question. A lookup in a table is none, nor is the choice of a
module by its name.
"""

import ast
from collections.abc import Iterator
from pathlib import Path

from infra.environments import ROOT

PACKAGES = ("components", "infra", "ml_jobs")
CLOUDS = {"aws", "gcp"}
# One cloud's own: modules and folders of its name, and what runs in its container contract alone
OWN = ("aws", "gcp", "sagemaker", "vertex", "google")


def sources() -> Iterator[Path]:
    for package in PACKAGES:
        for path in sorted((ROOT / package).rglob("*.py")):
            parts = path.relative_to(ROOT).with_suffix("").parts
            if ".venv" not in parts and not any(word in OWN for part in parts for word in part.split("_")):
                yield path


def names(node: ast.expr) -> set[str]:
    """The clouds that an expression is, or that a list in it holds."""
    return {each.value for each in ast.walk(node) if isinstance(each, ast.Constant) and each.value in CLOUDS}


def questions(path: Path) -> Iterator[int]:
    """The lines on which a module asks for its cloud: `== "aws"`, or `case "aws"`."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Compare) and any(isinstance(one, ast.Eq | ast.NotEq) for one in node.ops):
            if any(names(each) for each in (node.left, *node.comparators) if isinstance(each, ast.Constant)):
                yield node.lineno
        elif isinstance(node, ast.MatchValue) and names(node.value):
            yield node.value.lineno


def test_nothing_asks_which_cloud_it_is_on() -> None:
    asked = [f"{path.relative_to(ROOT)}:{line}" for path in sources() for line in questions(path)]
    assert asked == []


def test_a_question_would_be_found(tmp_path: Path) -> None:
    module = tmp_path / "asks.py"
    module.write_text('if spec.cloud == "gcp":\n    pass\nmatch cloud:\n    case "aws":\n        pass\nTABLE["aws"]\n')
    assert list(questions(module)) == [1, 4]
    assert len(list(sources())) > 100
