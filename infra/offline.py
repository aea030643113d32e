"""Runs the program without the engine, under Pulumi's mocks: no CLI, plugin, network or account."""

import asyncio
import os
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

from google.protobuf.json_format import MessageToDict
from pulumi.runtime import mocks, settings
from pulumi.runtime.config import set_all_config

from infra.environments import Environment, read_config
from infra.graph import STACK_TYPE, Graph, Resource, cleaned, graph

PROJECT = "stile"


@contextmanager
def own_loop() -> Iterator[None]:
    """Give this thread an event loop, and close it: the SDK makes one in every thread that it uses, and closes none."""
    loop = asyncio.new_event_loop()
    asyncio.set_event_loop(loop)
    try:
        yield
    finally:
        asyncio.set_event_loop(None)
        loop.close()


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
        with own_loop():
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
    """Return what a program declares; raises what the program raises.

    It runs in a thread of its own: the SDK keeps its settings and its event loop by thread, and the caller's stay.
    """
    given = {key: str(value) for key, value in config.items() if isinstance(value, str | int | float)}
    with ThreadPoolExecutor(max_workers=1, thread_name_prefix="offline") as thread:
        return thread.submit(_run, program, stack, given).result()


def _run(program: Callable[[], object], stack: str, config: dict[str, str]) -> Graph:
    recorder = _Recorder()

    def run() -> None:
        program()  # what it returns is not waited for: the runtime waits for every output by itself

    with own_loop():
        settings.reset_options()  # or the stack of an earlier run would stay the root
        mocks.set_mocks(_NothingKnown(), project=PROJECT, stack=stack, preview=True, monitor=recorder)
        set_all_config(config)
        mocks.test(run)()  # type: ignore[no-untyped-call]
    return graph(recorder.declared)
