"""Every type of every stand-in, through its whole life under the real engine, against the local cloud.

All types of a cloud go through each step together, in one stack, and each test looks at one type in one step. What is
protected: a definition that works here means the same on the real plugin, and nothing changes behind the user's back
unseen.
"""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from functools import cache
from typing import Any

import pulumi
import pytest
from googleapiclient.errors import HttpError
from pulumi import automation

from infra.providers.aws import tables as aws_tables
from infra.providers.aws.plugin import AwsPlugin
from infra.providers.gcp import tables as gcp_tables
from infra.providers.gcp.plugin import GcpPlugin
from infra.providers.install import install_stand_in
from infra.providers.kit.resource import Plugin, ReadCall
from tests.conformance.provider_cases import Args, Case, all_cases, google_sql, tokens
from tests.conformance.provider_cases.google import GoogleWorld
from tests.conformance.provider_cases.world import World
from tests.localcloud.cloud import LocalAws
from tests.localcloud.gcp.serving import served
from tests.providers.engine import Engine, Program

pytestmark = pytest.mark.slow
VERSIONS = {"aws": "7.51.1", "gcp": "10.2.0"}
TABLES: dict[str, Any] = {"aws": aws_tables, "gcp": gcp_tables}
PLUGINS: dict[str, Callable[[str], Plugin]] = {"aws": AwsPlugin, "gcp": GcpPlugin}
TOKENS = [token for cloud in VERSIONS for token in tokens(cloud)]


# Types whose service the local cloud does not implement, and the call that says so.
INSTANCE = {"name": "it", "settings": {"tier": "db-g1-small"}}
UNSERVED: dict[str, tuple[str, str, dict[str, Any]]] = {
    token: ("sqladmin.v1", "instances.insert", {"project": "stile-local", "body": INSTANCE})
    for token in google_sql.ALL
    if token not in google_sql.TOKENS
}


def cloud_of(token: str) -> str:
    return token.partition(":")[0]


@dataclass
class Step:
    """What the engine did to each type in one step: its operation, and the paths of its differences."""

    operations: dict[str, set[str]] = field(default_factory=dict)
    paths: dict[str, set[str]] = field(default_factory=dict)
    replaced: dict[str, set[str]] = field(default_factory=dict)
    states: dict[str, dict[str, Any]] = field(default_factory=dict)
    diagnostics: list[str] = field(default_factory=list)

    def note(self, event: automation.EngineEvent) -> None:
        """Take in one event of the engine."""
        if event.diagnostic_event and event.diagnostic_event.severity in ("error", "warning"):
            self.diagnostics.append(event.diagnostic_event.message)
        found = event.res_outputs_event or event.resource_pre_event
        if found is None:
            return
        metadata = found.metadata
        self.operations.setdefault(metadata.type, set()).add(str(metadata.op.value))
        for path, difference in (metadata.detailed_diff or {}).items():
            self.paths.setdefault(metadata.type, set()).add(path)
            if difference.diff_kind.value.endswith("-replace"):
                self.replaced.setdefault(metadata.type, set()).add(path)


def program(cases: list[Case], inputs: dict[str, Args], ids: dict[str, str] | None = None) -> Program:
    def run() -> None:
        for case in cases:
            imported = ids[case.token] if ids else None
            version = VERSIONS[cloud_of(case.token)]
            options = pulumi.ResourceOptions(version=version, import_=imported, retain_on_delete=bool(case.lacking))
            pulumi.CustomResource(case.token, case.name, inputs[case.token], options)

    return run


class Life:
    """The steps of all types' lives."""

    def __init__(self, engine: Engine, cases: list[Case], world: Any) -> None:
        self._engine = engine
        self.cases = cases
        self._inputs = {case.token: dict(case.args) for case in cases}
        self._stack = engine.stack("life", self._program())
        self.world = world
        self.steps: dict[str, Step] = {}

    def _program(self) -> Program:
        return program(self.cases, {token: dict(args) for token, args in self._inputs.items()})

    def _run(self, name: str, **options: Any) -> Step:
        step = self.steps[name] = Step()
        method = name.split(":", maxsplit=1)[0]
        try:
            getattr(self._stack, method)(on_event=step.note, **options)
        except automation.errors.CommandError as error:
            step.diagnostics.append(str(error)[-3000:])
        deployment = self._stack.export_stack().deployment or {}
        step.states = {row["type"]: row for row in deployment.get("resources", ())}
        return step

    def _turn(self, kind: str) -> None:
        for case in self.cases:
            self._inputs[case.token] |= getattr(case, kind)
        self._stack.workspace.program = self._program()

    def run(self) -> None:
        """Take every step in turn."""
        self._run("up:create", continue_on_error=True)
        self._run("preview:unchanged")
        self._run("refresh:unchanged")
        self._turn("change")
        self._run("up:change", continue_on_error=True)
        self._run("preview:changed")
        self._import()
        changed = self.steps["up:change"].states
        for case in self.cases:
            if case.drift:
                case.drift(self.world, changed[case.token]["outputs"])
        self._run("preview_refresh:drift")
        self._run("refresh:drift")
        self._run("up:mend", continue_on_error=True)
        self._turn("replace")
        self._run("up:replace", continue_on_error=True)
        self._run("preview:replaced")
        self._run("destroy:all", continue_on_error=True)

    def _import(self) -> None:
        """Preview the import of what is there, by the ids of this stack, into another one."""
        rows = self.steps["up:change"].states
        ids = {
            case.token: case.import_as(rows[case.token]["id"], rows[case.token]["outputs"])
            for case in self.cases
            if case.import_as and case.token in rows
        }
        inputs = {
            case.token: {
                **{key: value for key, value in self._inputs[case.token].items() if key not in case.imported_without},
                **_name(case.token, rows[case.token]["outputs"]),
            }
            for case in self.cases
            if case.token in ids
        }
        step = self.steps["import"] = Step()
        other = self._engine.stack("import", program([case for case in self.cases if case.token in ids], inputs, ids))
        try:
            other.preview(on_event=step.note)
        except automation.errors.CommandError as error:
            step.diagnostics.append(str(error)[-3000:])


def _name(token: str, outputs: Args) -> Args:
    """The made name, which a program that imports the resource has to give."""
    rule = TABLES[cloud_of(token)].find(token).name
    return {rule.property: outputs[rule.property]} if rule else {}


@pytest.fixture(scope="module")
def worlds(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Callable[[str], World | GoogleWorld]]:
    """The cloud of a name with what the cases need there; started when first asked for."""
    with ExitStack() as running:

        @cache
        def world(cloud: str) -> World | GoogleWorld:
            folder = tmp_path_factory.mktemp("world")
            if cloud == "gcp":
                registry_url = request.getfixturevalue("local_gcp").cloud.registry_url
                return GoogleWorld(running.enter_context(served(folder, registry_url)))
            local_aws: LocalAws = request.getfixturevalue("local_aws")
            return World(local_aws, request.getfixturevalue("crane"), folder)

        yield world


@pytest.fixture(scope="module")
def lives(
    request: pytest.FixtureRequest,
    worlds: Callable[[str], World | GoogleWorld],
    tmp_path_factory: pytest.TempPathFactory,
) -> Callable[[str], Life]:
    asked = {item.callspec.params.get("token") for item in request.session.items if hasattr(item, "callspec")}

    @cache
    def life(cloud: str) -> Life:
        world = worlds(cloud)
        engine = Engine(tmp_path_factory.mktemp("engine"), world.environment)
        install_stand_in(engine.pulumi, engine.home, cloud)
        made = Life(engine, [case for case in all_cases(cloud, world) if case.token in asked], world)
        made.run()
        return made

    return life


@pytest.fixture
def life(lives: Callable[[str], Life], token: str) -> Life:
    return lives(cloud_of(token))


def case_of(life: Life, token: str) -> Case:
    return next(case for case in life.cases if case.token == token)


def skip_if_lacking(life: Life, token: str) -> None:
    if lacking := case_of(life, token).lacking:
        pytest.skip(f"the local cloud does not implement {lacking} yet")


@pytest.mark.parametrize("cloud", VERSIONS)
def test_every_type_of_the_tables_has_a_case(cloud: str) -> None:
    """A type that no case takes through its life is not known to work."""
    tables = TABLES[cloud]
    known = {made.token for module in tables.modules() for made in tables.types_of(module).values()}
    assert known == set(tokens(cloud)) | UNSERVED.keys() & known
    assert len(TOKENS) == len(set(TOKENS))


@pytest.mark.parametrize("token", UNSERVED)
def test_what_has_no_case_is_what_the_local_cloud_does_not_implement(
    token: str, worlds: Callable[[str], World | GoogleWorld]
) -> None:
    """Once it does, the type needs a case."""
    world = worlds(cloud_of(token))
    assert isinstance(world, GoogleWorld)
    api, method, arguments = UNSERVED[token]
    with pytest.raises(HttpError) as refused:
        world.call(api, method, **arguments)
    assert refused.value.status_code == 501


each_type = pytest.mark.parametrize("token", TOKENS)


@each_type
def test_it_is_made_and_then_nothing_is_left_to_do(life: Life, token: str) -> None:
    made = life.steps["up:create"]
    assert "create" in made.operations.get(token, ()), made.diagnostics
    assert life.steps["preview:unchanged"].operations[token] == {"same"}, life.steps["preview:unchanged"].paths


@each_type
def test_a_refresh_finds_nothing(life: Life, token: str) -> None:
    step = life.steps["refresh:unchanged"]
    assert step.operations[token] <= {"same", "refresh"}, step.paths
    made = life.steps["up:create"].states[token]
    for part in ("inputs", "outputs"):
        assert step.states[token][part] == made[part]


@each_type
def test_a_change_is_made_in_place_and_then_nothing_is_left_to_do(life: Life, token: str) -> None:
    step = life.steps["up:change"]
    expected = {"update"} if case_of(life, token).change else {"same"}
    assert step.operations[token] == expected, (step.paths.get(token), step.diagnostics)
    assert step.states[token]["id"] == life.steps["up:create"].states[token]["id"]
    assert life.steps["preview:changed"].operations[token] == {"same"}, life.steps["preview:changed"].paths


@each_type
def test_it_is_imported_without_a_difference(life: Life, token: str) -> None:
    if case_of(life, token).import_as is None:
        pytest.skip("the real type cannot be imported")
    step = life.steps["import"]
    assert step.operations.get(token) == {"import"}, step.diagnostics
    assert not step.paths.get(token)
    assert not [text for text in step.diagnostics if case_of(life, token).name in text]


@each_type
def test_a_change_behind_its_back_is_seen_and_mended(life: Life, token: str) -> None:
    case, seen, mended = case_of(life, token), life.steps["preview_refresh:drift"], life.steps["up:mend"]
    if case.drift is None:
        assert mended.operations[token] == {"same"}
        return
    if case.drifts:
        assert "update" in seen.operations[token], seen.diagnostics
        assert any(path.startswith(case.drifts) for path in seen.paths[token])
    assert mended.operations[token] in ({"update"}, {"create"}), (mended.operations[token], mended.diagnostics)


@each_type
def test_what_cannot_change_is_replaced(life: Life, token: str) -> None:
    skip_if_lacking(life, token)
    step = life.steps["up:replace"]
    if not case_of(life, token).replace:
        assert step.operations[token] == {"same"}
        return
    assert "replace" in step.operations[token], (step.operations[token], step.diagnostics)
    changed = {path.split(".")[0].split("[")[0] for path in step.replaced[token]}
    assert changed == set(case_of(life, token).replace)
    assert life.steps["preview:replaced"].operations[token] == {"same"}, life.steps["preview:replaced"].paths


@each_type
def test_it_is_deleted_and_gone(life: Life, token: str, monkeypatch: pytest.MonkeyPatch) -> None:
    skip_if_lacking(life, token)
    step = life.steps["destroy:all"]
    assert "delete" in step.operations[token], step.diagnostics
    if case_of(life, token).stays:
        return
    for name, value in life.world.environment.items():
        monkeypatch.setenv(name, value)
    plugin = PLUGINS[cloud_of(token)](VERSIONS[cloud_of(token)])
    plugin.configure({})
    identity = life.steps["up:replace"].states[token]["id"]
    spelt = case_of(life, token).import_as
    outputs = {} if spelt else life.steps["up:replace"].states[token]["outputs"]
    asked = spelt(identity, life.steps["up:replace"].states[token]["outputs"]) if spelt else identity
    assert plugin.resource(token).read(ReadCall(urn="", name="it", id=asked, outputs=outputs)) is None
