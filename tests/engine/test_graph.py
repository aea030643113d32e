"""One graph type, the same from mocks and from the real engine's preview."""

import json
import runpy
from typing import Any

import pytest

from infra import offline
from infra.environments import read_config
from infra.graph import UNKNOWN, Graph, Resource, from_preview, graph
from tests.engine.small_project import SmallProject

STACK = "urn:pulumi:local-notes::small::pulumi:pulumi:Stack::small-local-notes"
NOTES: dict[str, dict[str, object]] = {
    "first": {"text": "hello", "lines": ["a", "b"]},
    "second": {"text": "data", "protect": True},
}


def state(urn: str, parent: str | None = None, **more: Any) -> dict[str, Any]:
    return {"newState": {"urn": urn, "type": urn.split("::")[2].rpartition("$")[2], "parent": parent or "", **more}}


def test_a_preview_is_read_without_what_the_engine_adds() -> None:
    """Providers are the engine's own, and so are keys with two underscores; components have no inputs."""
    shelf, note = f"{STACK}-shelf", "urn:pulumi:s::p::notes:index:Shelf$notes:index:Note::n"
    inputs = {"text": UNKNOWN, "__defaults": [], "deep": {"__defaults": [], "lines": [{"__defaults": []}]}}
    steps = [
        state(STACK),
        state(shelf, STACK, inputs={"given": 1}),
        state("urn:pulumi:s::p::pulumi:providers:notes::default", custom=True),
        state(note, shelf, custom=True, inputs=inputs),
        {"op": "delete", "urn": "urn:pulumi:s::p::notes:index:Note::old"},
    ]
    found = from_preview(json.dumps({"steps": steps}))
    assert found == graph(
        [
            Resource(note, "notes:index:Note", "n", shelf, {"text": UNKNOWN, "deep": {"lines": [{}]}}),
            Resource(shelf, "pulumi:pulumi:Stack", "small-local-notes-shelf", STACK, {}),
            Resource(STACK, "pulumi:pulumi:Stack", "small-local-notes", None, {}),
        ]
    )


def test_the_tree_has_each_resource_once_after_its_parent() -> None:
    a, b, c = (Resource(name, "t", name, parent, {}) for name, parent in (("z", None), ("m", "z"), ("a", "m")))
    assert list(graph([c, b, a]).tree()) == [(0, a), (1, b), (2, c)]


@pytest.mark.slow
def test_mocks_and_the_real_engine_declare_the_same(project: SmallProject, monkeypatch: pytest.MonkeyPatch) -> None:
    """URNs, types, parents and inputs: what is judged offline is what is deployed."""
    project.declare(**NOTES)
    session = project.session()
    said = session.pulumi("preview", "--json", "-s", session.environment.name).stdout
    real = from_preview(said)
    monkeypatch.setattr(offline, "PROJECT", "small")
    monkeypatch.setenv("PULUMI_CONFIG", json.dumps({"notes:notes": json.dumps(NOTES)}))
    config = read_config(session.environment.config_path)
    program = str(project.root / "infra" / "__main__.py")
    mocked = offline.declared_by(lambda: runpy.run_path(program), session.environment.name, config)
    assert shown(mocked) == shown(real)
    assert len(mocked.resources) == 5


def shown(found: Graph) -> list[tuple[str, str, str | None, dict[str, Any]]]:
    return [(one.urn, one.type, one.parent, dict(one.inputs)) for one in found.resources]
