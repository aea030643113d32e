"""The installed SDKs' own words on its types, read from its source: importing all of it takes seconds."""

import ast
import importlib.util
import re
from dataclasses import dataclass
from functools import cache
from pathlib import Path


@dataclass(frozen=True)
class Arguments:
    """The inputs of one type: each with the class of what is nested in it, if any, and which are required."""

    nested: dict[str, str | None]
    required: frozenset[str]


def _root(cloud: str) -> Path:
    found = importlib.util.find_spec(f"pulumi_{cloud}")
    assert found is not None
    assert found.origin is not None
    return Path(found.origin).parent


@cache
def _tree(path: Path) -> dict[str, ast.ClassDef]:
    return {node.name: node for node in ast.parse(path.read_text()).body if isinstance(node, ast.ClassDef)}


@cache
def type_file(token: str) -> Path:
    """The file that registers a type. Fails if the SDK has no such type."""
    cloud, place, _ = token.split(":")
    module = place.split("/", maxsplit=1)[0]
    registered = re.compile(rf"super\(\w+, __self__\).__init__\(\s*'{re.escape(token)}'")
    for path in sorted((_root(cloud) / module).glob("*.py")):
        if registered.search(path.read_text()):
            return path
    raise AssertionError(f"the installed SDK has no type {token}")


def arguments(token: str) -> Arguments:
    """The inputs of a type."""
    classes, name = _tree(type_file(token)), token.rsplit(":", 1)[1]
    return _arguments(
        classes.get(f"{name}Args") or classes[f"{name}InitArgs"]
    )  # Init where a nested class has the name


def nested_arguments(token: str, name: str) -> Arguments:
    """The inputs of a class nested in a type's inputs."""
    return _arguments(_tree(type_file(token).parent / "_inputs.py")[name])


def outputs(token: str) -> set[str]:
    """The outputs of a type."""
    return set(_getters(_tree(type_file(token))[token.rsplit(":", 1)[1]]))


def _arguments(node: ast.ClassDef) -> Arguments:
    getters = _getters(node)
    nested = {wire: _nested(returns) for wire, (_, returns) in getters.items()}
    made = next(each for each in node.body if isinstance(each, ast.FunctionDef) and each.name == "__init__")
    names = [each.arg for each in [*made.args.args, *made.args.kwonlyargs]]
    positional = made.args.args
    without_default = {each.arg for each in positional[: len(positional) - len(made.args.defaults)]}
    without_default |= {
        each.arg for each, default in zip(made.args.kwonlyargs, made.args.kw_defaults, strict=True) if default is None
    }
    required = {wire for wire, (python, _) in getters.items() if python in without_default and python in names}
    return Arguments(nested, frozenset(required))


def _getters(node: ast.ClassDef) -> dict[str, tuple[str, str]]:
    """The properties of a class by their wire names: each with its Python name and its type's text."""
    found = {}
    for each in node.body:
        if not isinstance(each, ast.FunctionDef) or not each.decorator_list:
            continue
        decorators = [ast.unparse(decorator) for decorator in each.decorator_list]
        if any(decorator.endswith(".setter") for decorator in decorators) or "_builtins.property" not in decorators:
            continue
        wire = re.search(r"getter\(name='(\w+)'\)", " ".join(decorators))
        found[wire.group(1) if wire else each.name] = (each.name, ast.unparse(each.returns) if each.returns else "")
    return found


def _nested(returns: str) -> str | None:
    found = re.search(r"'(?:\w+\.)*(\w+Args)'", returns)
    return found.group(1) if found else None
