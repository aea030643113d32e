"""No module asks which cloud it is on: what differs between clouds stands in their own modules, or in a table of both.

A comparison of anything with a cloud's name is such a question. A lookup in a table is none, nor is the choice of a
module by its name.
"""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

from infra.environments import ROOT

PACKAGES = ("components", "infra", "ml_jobs")
CLOUDS = {"aws", "gcp"}
# Methods of a text that tell which cloud it speaks of
TELLING = ("startswith", "endswith")
# One cloud's own: modules and folders of its name, and what runs in its container contract alone
OWN = ("aws", "gcp", "sagemaker", "vertex", "google")


def sources() -> Iterator[Path]:
    for package in PACKAGES:
        for path in sorted((ROOT / package).rglob("*.py")):
            parts = path.relative_to(ROOT).with_suffix("").parts
            if ".venv" not in parts and not any(word in OWN for part in parts for word in part.split("_")):
                yield path


def asks(node: ast.expr, bound: set[str]) -> bool:
    """Whether one side of a comparison is a cloud, by its word or a module's name for it, or some of the clouds."""
    if isinstance(node, ast.Name):
        return node.id in bound
    if isinstance(node, ast.Constant):
        return node.value in CLOUDS
    # A list of all clouds says which there are.
    return isinstance(node, ast.List | ast.Set | ast.Tuple) and len(CLOUDS & words(node)) == 1


def words(node: ast.expr) -> set[str]:
    """The words in an expression's texts."""
    texts = [one.value for one in ast.walk(node) if isinstance(one, ast.Constant) and isinstance(one.value, str)]
    return {word for text in texts for word in re.split(r"\W|_", text)}


def named_clouds(module: ast.Module) -> set[str]:
    """The names that a module gives to a cloud's word."""
    given = [node for node in module.body if isinstance(node, ast.Assign | ast.AnnAssign)]
    held = [node for node in given if isinstance(node.value, ast.Constant) and node.value.value in CLOUDS]
    targets = [one for node in held for one in ([node.target] if isinstance(node, ast.AnnAssign) else node.targets)]
    return {one.id for one in targets if isinstance(one, ast.Name)}


def questions(path: Path) -> Iterator[int]:
    """The lines on which a module asks for its cloud: `== "aws"`, `in ("aws",)`, `case "aws"`, `endswith("-aws")`."""
    module = ast.parse(path.read_text())
    bound = named_clouds(module)
    for node in ast.walk(module):
        if isinstance(node, ast.Compare) and any(asks(side, bound) for side in (node.left, *node.comparators)):
            yield node.lineno
        elif isinstance(node, ast.MatchValue) and asks(node.value, bound):
            yield node.value.lineno
        elif isinstance(node, ast.Call) and tells(node):
            yield node.lineno


def tells(call: ast.Call) -> bool:
    """Whether a text is asked for a cloud's word."""
    of_text = isinstance(call.func, ast.Attribute) and call.func.attr in TELLING
    return of_text and any(CLOUDS & words(argument) for argument in call.args)


def test_nothing_asks_which_cloud_it_is_on() -> None:
    asked = [f"{path.relative_to(ROOT)}:{line}" for path in sources() for line in questions(path)]
    assert asked == []


def test_a_question_would_be_found(tmp_path: Path) -> None:
    lines = (
        'NAME = "aws"',
        'if spec.cloud == "gcp": pass',
        'match cloud:\n    case "aws": pass',
        "if spec.cloud != NAME: pass",
        'if spec.cloud in ("aws", "azure"): pass',
        'if "gcp" in name: pass',
        'if name.endswith("-gcp"): pass',
        'TABLE["aws"]',
        'if cloud not in ("aws", "gcp"): pass',
        'if name.startswith("local-"): pass',
    )
    module = tmp_path / "asks.py"
    module.write_text("\n".join(lines))
    assert sorted(questions(module)) == [2, 4, 5, 6, 7, 8]
    assert len(list(sources())) > 100
