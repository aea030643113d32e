"""Runs the program without the engine, under Pulumi's mocks: no CLI, plugin, network or account."""

import os
from collections.abc import Callable, Mapping
from typing import Any

from google.protobuf.json_format import MessageToDict
from pulumi.runtime import mocks, settings
from pulumi.runtime.config import set_all_config

from infra.environments import Environment, read_config
from infra.graph import STACK_TYPE, Graph, Resource, cleaned, graph

PROJECT = "stile"


class _NothingKnown(mocks.Mocks):
    """Answers as the engine does in the preview of an empty stack: what the cloud decides is unknown."""

    def call(self, args: mocks.MockCallArgs) -> tuple[dict[str, Any], list[tuple[str, str]] | None]:
        return {}, None

    def new_resource(self, args: mocks.MockResourceArgs) -> tuple[str | None, dict[str, Any]]:
        return None, dict(args.inputs)


class _Recorder(mocks.MockMonitor):
    """Keeps every registration as it came over the wire."""

    def __init__(self) -> None:
        super().__init__(_NothingKnown())
        self.declared: list[Resource] = []

    def make_urn(self, parent: str, type_: str, name: str) -> str:
        """Qualify the type by all its parents, as the engine does; the mocks know only the nearest."""
        parents = parent.split("::")[2] if parent else STACK_TYPE
        qualified = type_ if parents == STACK_TYPE else f"{parents}${type_}"
        return f"urn:pulumi:{settings.get_stack()}::{settings.get_project()}::{qualified}::{name}"

    def RegisterResource(self, request: Any) -> Any:  # noqa: N802 - the protocol's name
        """Register a resource, and keep it."""
        answer = super().RegisterResource(request)  # type: ignore[no-untyped-call]
        self.declared.append(
            Resource(
                urn=answer.urn,
                type=request.type,
                name=request.name,
                parent=request.parent or None,
                inputs=cleaned(MessageToDict(request.object)) if request.custom else {},
            )
        )
        return answer


def declared(environment: Environment) -> Graph:
    """Return what the program declares for an environment's configuration file.

    Raises:
        ConfigError: the configuration is wrong.
    """
    from infra.program import define

    config = read_config(environment.config_path)
    os.environ["STILE_PROJECT_ROOT"] = str(environment.root)
    return declared_by(lambda: define(environment.name, config), environment.name, config)


def declared_by(program: Callable[[], object], stack: str, config: Mapping[str, Any]) -> Graph:
    """Return what a program declares; raises what the program raises."""
    recorder = _Recorder()
    settings.reset_options()  # or the stack of an earlier run would stay the root
    mocks.set_mocks(_NothingKnown(), project=PROJECT, stack=stack, preview=True, monitor=recorder)
    given = {key: str(value) for key, value in config.items() if isinstance(value, str | int | float)}
    set_all_config(given)

    def run() -> None:
        program()

    mocks.test(run)()  # type: ignore[no-untyped-call]
    return graph(recorder.declared)
