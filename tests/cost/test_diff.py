"""`--diff`: what stands against what is declared, by hand arithmetic; what nobody knows is never taken for nothing."""

import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from decimal import Decimal
from functools import cache
from typing import Any

import pytest
from rich.console import Console

from components.pipeline import sagemaker, vertex
from components.pipeline.chain import value_chain
from components.training import JobTemplate
from infra.cli import cost_diff, main
from infra.cli.cost import with_releases
from infra.cost import diff_view
from infra.cost.book import PriceBook
from infra.cost.deployed import deployed
from infra.cost.diff import Difference, difference
from infra.cost.estimate import estimate
from infra.cost.model import cost_model
from infra.cost.plan import PIPELINE, Plan, plan
from infra.cost.usage import Usage
from infra.environments import ROOT, find_environment, read_config
from infra.graph import SECRET, SIGNATURE, STACK_TYPE, UNKNOWN, Graph, Resource
from tests.cost.conftest import ENVIRONMENTS
from tests.cost.hand import MODEL, REGIONS, resource

Change = Callable[[dict[str, Any]], None]


def planned(name: str, change: Change | None = None) -> Plan:
    """What a development environment declares, released, with a change to its one model."""
    return as_it_is(name) if change is None else planned_with(name, change)


@cache
def as_it_is(name: str) -> Plan:
    return planned_with(name, lambda platform: None)


def planned_with(name: str, change: Change) -> Plan:
    config = with_releases(read_config(find_environment(name).config_path))
    change(config["stile:platform"])
    return plan(name, config)


def definition(one: Resource, cloud: str) -> str:
    """The pipeline's definition as the program writes it once everything is known."""
    candidates = tuple(f"c{number}" for number in range(one.inputs["candidates"]))
    graph = value_chain("flight_delays", candidates, "any://bucket/raw/")
    machines = one.inputs["trainingMachine"], one.inputs["processingMachine"]
    template = JobTemplate("image@sha256:1", "role", "key", *machines, 3600)
    if cloud == "aws":
        return sagemaker.compile_graph(graph, sagemaker.Run(template, "s3://bucket/runs", {}))
    spec = json.loads(vertex.compile_graph(graph, vertex.Run(template, "gs://bucket/runs", {})))
    return json.dumps({"pipelineSpec": spec})


def exported(declared: Plan) -> list[dict[str, Any]]:
    """The resources of the state that a plan would leave: components have no inputs there, pipelines a definition."""
    runs = {one.urn: definition(one, declared.cloud) for one in declared.graph.resources if one.type == PIPELINE}
    found = []
    for one in declared.graph.resources:
        is_component = one.type.startswith("stile:index:") or one.type == STACK_TYPE
        inputs: dict[str, Any] = {} if is_component else dict(one.inputs)
        text = runs.get(one.parent or "")
        if one.type == "aws:sagemaker/pipeline:Pipeline":
            inputs["pipelineDefinition"] = text
        elif text and one.type == "gcp:storage/bucketObject:BucketObject":
            inputs["content"] = {SIGNATURE: SECRET, "plaintext": json.dumps(text)}
        found.append(
            {"urn": one.urn, "type": one.type, "custom": not is_component, "inputs": inputs, "parent": one.parent}
        )
    return found


def compared(before: Plan | None, after: Plan, book: PriceBook, usage: Usage | None = None) -> Difference:
    """Both sides by one usage and one book."""
    old, new = (
        None if one is None else estimate(one, usage or Usage(), book, cost_model(one.cloud)) for one in (before, after)
    )
    assert new is not None
    return difference(old, new)


def stands(name: str) -> Plan:
    """A development environment as its state has it; to read it changes nothing in it."""
    declared = planned(name)
    state = exported(declared)
    text = json.dumps(state)
    found = deployed(declared, state)
    assert found is not None
    assert json.dumps(state) == text
    return found


@pytest.mark.parametrize("name", ENVIRONMENTS)
def test_nothing_changed_is_nothing(book: PriceBook, name: str) -> None:
    """0.00, exactly, though lines are unknown: they are so on both sides alike."""
    found = compared(stands(name), planned(name), book)
    assert (found.difference_usd, found.bound) == (Decimal(0), "exact")
    assert not found.changes
    assert found.alike == len(found.after.unknown) >= 1
    assert found.before is not None
    assert found.before.total_monthly_usd == found.after.total_monthly_usd > 100
    assert diff_view.closing(found) == f"{name}: the next up changes nothing: 0.00 USD a month"
    assert any("unknown before and after alike, which changes nothing" in line for line in diff_view.remarks(found))


def machine(type_: object) -> Change:
    return lambda platform: platform["models"]["flight-delays"]["endpoint"].update(machine=type_)


# Two instances for 730 h, and in two releases of half an hour twice as many: 2 x (730 + 2 x 0.5) = 1462 h.
# AWS: ml.c5.large at 0.102 becomes ml.m5.large at 0.115: 1462 x 0.013 = 19.006.
# Google: e2-standard-2 at 0.07706313 becomes n1-standard-4 at 0.219: 1462 x 0.14193687 = 207.51170394.
MACHINES = [("aws-dev", "ml.m5.large", "19.006", "18.98"), ("gcp-dev", "n1-standard-4", "207.51170394", "207.2278302")]


@pytest.mark.parametrize(("name", "type_", "added", "of_machines"), MACHINES)
def test_another_machine_is_its_hours_by_the_difference_of_prices(
    book: PriceBook, name: str, type_: str, added: str, of_machines: str
) -> None:
    """1460 h of them on the machines' own line: 1460 x 0.013 = 18.98; 1460 x 0.14193687 = 207.2278302."""
    found = compared(stands(name), planned(name, machine(type_)), book)
    assert (found.difference_usd, found.bound) == (Decimal(added), "exact")
    parts = {one.line.what: (one.kind, one.difference_usd) for one in found.changes}
    assert parts.keys() == {"machines", "second fleet while a release takes over"}
    assert parts["machines"] == ("changed", Decimal(of_machines))
    assert sum(amount for _, amount in parts.values()) == Decimal(added)
    back = compared(deployed(planned(name), exported(planned(name, machine(type_)))), planned(name), book)
    assert back.difference_usd == -Decimal(added)
    assert diff_view.total(back) == f"saves {Decimal(added):.2f} USD a month"


# 3 candidates x 4 runs x 0.25 h = 3 h of training. AWS: ml.m5.xlarge at 0.23 for ml.m5.large at 0.115: 3 x 0.115.
# Google: n1-standard-4 at 0.21849885 for e2-highmem-2, whose 2 cores at 0.0250833285 and 16 GiB at 0.0033620595 are
# 0.103959609 an hour: 3 x 0.114539241.
TRAINING = [("aws-dev", "ml.m5.xlarge", "0.345"), ("gcp-dev", "n1-standard-4", "0.343617723")]


@pytest.mark.parametrize(("name", "type_", "added"), TRAINING)
def test_another_machine_for_training_is_read_off_the_pipelines_definition(
    book: PriceBook, name: str, type_: str, added: str
) -> None:
    """Which a state has whole, on Google as a secret; other steps may be given another machine by it too."""
    after = planned(name, lambda platform: platform["training"].update(machine=type_))
    found = compared(stands(name), after, book)
    amounts: dict[str, Decimal] = {}
    for one in found.changes:
        amounts[one.line.what] = amounts.get(one.line.what, Decimal(0)) + one.difference_usd
    assert amounts["training of all candidates"] == Decimal(added)
    assert {one.line.stage for one in found.changes} == {"pipeline"}


def test_a_definition_that_cannot_be_read_is_unknown(book: PriceBook) -> None:
    """Encrypted, no JSON, of another program, or with machines of several kinds: never the declared one instead."""
    declared = planned("aws-dev")
    state = exported(declared)
    (pipeline,) = (one for one in state if one["type"] == "aws:sagemaker/pipeline:Pipeline")
    steps = json.loads(pipeline["inputs"]["pipelineDefinition"])
    training = [step for step in steps["Steps"] if step["Type"] == "Training"]
    training[0]["Arguments"]["ResourceConfig"]["InstanceType"] = "ml.m5.xlarge"
    for text in (
        {SIGNATURE: SECRET, "ciphertext": "v1:abc"},
        "{",
        '{"Steps": [{"Type": "Tuning"}]}',
        json.dumps(steps),
    ):
        pipeline["inputs"]["pipelineDefinition"] = text
        found = compared(deployed(declared, state), declared, book)
        unknown = {one.line.what for one in found.changes if one.before is not None and one.before.unknown}
        assert {"training of all candidates", "all other steps"} <= unknown
        assert found.bound in ("at most", "unknown")


def test_what_was_never_deployed_is_added_whole(plans: dict[str, Plan], book: PriceBook) -> None:
    """Nor does anything stand after `destroy`, or where only components do."""
    declared = plans["gcp-dev"]
    components = [one for one in exported(declared) if not one["custom"]]
    gone = [{**one, "delete": True} for one in exported(declared)]
    assert [deployed(declared, state) for state in ([], components, gone)] == [None, None, None]
    found = compared(None, declared, book)
    assert {one.kind for one in found.changes} == {"added"}
    assert found.difference_usd == found.after.total_monthly_usd
    assert found.bound == "at least"
    assert diff_view.NOTHING in diff_view.remarks(found)
    assert diff_view.document(found)["diff"]["has_state"] is False


def alone(cloud: str, *made: Resource) -> Plan:
    return Plan("test", cloud, REGIONS[cloud], "acme-test", (MODEL,), Graph(made))


ALARM = resource("aws", "aws:cloudwatch/metricAlarm:MetricAlarm", {"period": 60})
DASHBOARD = resource("aws", "aws:cloudwatch/dashboard:Dashboard", {})


def test_added_and_removed_resources_are_their_own_lines(book: PriceBook) -> None:
    """A dashboard at 3.00 goes, an alarm at 0.10 comes: 0.10 - 3.00 = -2.90."""
    found = compared(alone("aws", DASHBOARD), alone("aws", ALARM), book)
    assert {(one.kind, one.line.what, one.difference_usd) for one in found.changes} == {
        ("removed", "dashboard", Decimal("-3")),
        ("added", "alarm", Decimal("0.1")),
    }
    assert (found.difference_usd, found.bound) == (Decimal("-2.9"), "exact")
    assert diff_view.total(found) == "saves 2.90 USD a month"


def test_a_resource_under_another_name_is_the_same_thing(book: PriceBook) -> None:
    """What is made anew with the hash of what is in it in its name is no removal and no addition."""
    renamed = replace(ALARM, urn=f"{ALARM.urn}-4a50f3b8", name=f"{ALARM.name}-4a50f3b8")
    assert compared(alone("aws", ALARM), alone("aws", renamed), book).changes == ()


def endpoint(count: object, type_: str = "ml.m5.large") -> Plan:
    variant = {"instanceType": type_, "initialInstanceCount": count}
    kind = "aws:sagemaker/endpointConfiguration:EndpointConfiguration"
    return alone("aws", resource("aws", kind, {"productionVariants": [variant]}))


NOTHING_ELSE = Usage.model_validate({"models": {MODEL: {"releases": 0, "requests": 1}}})


@pytest.mark.parametrize(
    ("before", "after", "bound", "told"),
    [
        # 730 h x 0.115 = 83.95 are known on one side, nothing on the other
        (endpoint(1), endpoint(1, "ml.m9.huge"), "at least", "saves at most 83.95 USD a month"),
        (endpoint(1, "ml.m9.huge"), endpoint(1), "at most", "adds at most 83.95 USD a month"),
        (endpoint(1), endpoint(UNKNOWN), "at least", "saves at most 83.95 USD a month"),
        # of one thing that has no price, more is more
        (endpoint(1, "ml.m9.huge"), endpoint(2, "ml.m9.huge"), "at least", "adds at least 0.00 USD a month"),
        (endpoint(2, "ml.m9.huge"), endpoint(1, "ml.m9.huge"), "at most", "saves at least 0.00 USD a month"),
        # of two things that have none, nobody knows
        (
            endpoint(1, "ml.m9.huge"),
            endpoint(1, "ml.m9.vast"),
            "unknown",
            "changes by an unknown amount; the lines with an amount, by 0.00 USD a month",
        ),
        (endpoint(1, "ml.m9.huge"), endpoint(1, "ml.m9.huge"), "exact", "changes nothing: 0.00 USD a month"),
    ],
)
def test_what_is_unknown_on_a_side_bounds_the_difference(
    book: PriceBook, before: Plan, after: Plan, bound: str, told: str
) -> None:
    """It is never 0: a line that nobody can price may cost anything."""
    found = compared(before, after, book, NOTHING_ELSE)
    assert (found.bound, diff_view.total(found)) == (bound, told)
    assert {one.bound for one in found.changes} <= {bound}


def test_one_side_at_least_and_another_at_most_is_unknown(book: PriceBook) -> None:
    """One line without a price comes, another goes."""
    before = alone("aws", resource("aws", "aws:ec2/vpc:Vpc", {}))
    after = alone("aws", resource("aws", "aws:ec2/natGateway:NatGateway", {}), DASHBOARD)
    found = compared(before, after, book)
    assert found.bound == "unknown"
    assert "|  | at least 0.00 | at least 3.00 | unknown |" in diff_view.markdown(found)
    assert diff_view.total(found) == "changes by an unknown amount; the lines with an amount, by +3.00 USD a month"


def test_an_unknown_quantity_of_other_inputs_is_a_change(book: PriceBook) -> None:
    """Lines that are unknown in the same words are alike only if all that they are made of is."""
    serverless = {"serverlessConfig": {"memorySizeInMb": 2048}}
    kind = "aws:sagemaker/endpointConfiguration:EndpointConfiguration"
    usage = Usage.model_validate({"models": {MODEL: {"requests": "unknown", "releases": 0}}})
    one = alone("aws", resource("aws", kind, {"productionVariants": [serverless]}))
    more = alone("aws", resource("aws", kind, {"productionVariants": [serverless, serverless]}))
    assert compared(one, one, book, usage).bound == "exact"
    assert compared(one, more, book, usage).bound == "unknown"


def test_the_state_says_where_it_stands(book: PriceBook) -> None:
    """The region of the stack's outputs, and the cloud of its resources, whatever the configuration says now."""
    declared = planned("aws-dev")
    state = exported(declared)
    (stack,) = (one for one in state if one["type"] == STACK_TYPE)
    stack["outputs"] = {"region": "eu-west-1"}
    found = deployed(replace(declared, cloud="gcp", region="us-central1"), state)
    assert found is not None
    assert (found.cloud, found.region, found.prefix, found.models) == (
        "aws", "eu-west-1", declared.prefix, declared.models,
    )  # fmt: skip


def shown(found: Difference, width: int = 200) -> list[list[str]]:
    """The table's rows, as a terminal shows them."""
    console = Console(width=width, file=None, record=True, quiet=False)
    with console.capture() as captured:
        console.print(diff_view.table(found))
    return [line.split() for line in captured.get().splitlines()]


def test_all_forms_say_the_same(book: PriceBook) -> None:
    """19.006 added in the object, as text; 19.01 in the pull request's and the terminal's, by stage and by line."""
    found = compared(stands("aws-dev"), planned("aws-dev", machine("ml.m5.large")), book)
    document = diff_view.document(found)
    assert json.loads(json.dumps(document)) == document
    diff = document["diff"]
    before, after = (Decimal(diff[f"{side}_monthly_usd"]) for side in ("before", "after"))
    assert (diff["difference_monthly_usd"], after - before, diff["bound"]) == ("19.006", Decimal("19.006"), "exact")
    sums = [Decimal(one["after_monthly_usd"]) - Decimal(one["before_monthly_usd"]) for one in diff["stages"]]
    lines = [Decimal(one["difference_monthly_usd"]) for one in diff["lines"]]
    assert sum(sums) == sum(lines) == Decimal("19.006")
    assert all(one["before"]["source"] and one["after"]["source"] for one in diff["lines"])

    text = diff_view.markdown(found)
    assert text.startswith("### Cost of aws-dev: this change adds 19.01 USD a month\n")
    assert "| images | 0.20 | 0.20 | 0.00 |" in text
    assert "| tracking | at least 0.00 | at least 0.00 | 0.00 |" in text, "alike, and not nothing"
    machines = "| changed | endpoint | machines | Host:ml.c5.large, 1460 instance-hour, 148.92 | "
    assert f"{machines}Host:ml.m5.large, 1460 instance-hour, 167.90 | +18.98 |" in text
    tables = [line for line in text.splitlines() if line.startswith("|")]
    assert {line.count("|") for line in tables} == {5, 7}
    assert any(row[:3] == ["changed", "endpoint", "machines"] and row[-1] == "+18.98" for row in shown(found))


def test_the_document_shows_what_the_command_writes(book: PriceBook) -> None:
    """The lines of docs/cost.md, of an endpoint that asks for more memory; who changes prices writes them anew."""
    found = compared(stands("local-aws"), planned("local-aws", machine({"cpus": 2, "memory_gib": 8})), book)
    table = diff_view.markdown(found).split("\n\n")[2]
    assert table.startswith("| change | stage |")
    assert f"{table}\n\n730 h x " in (ROOT / "docs" / "cost.md").read_text()
    same = diff_view.closing(compared(stands("local-aws"), planned("local-aws"), book))
    assert f"`{same}`" in (ROOT / "docs" / "cost.md").read_text()


def test_where_nothing_differs_the_table_is_empty(book: PriceBook) -> None:
    """No titles above no lines."""
    assert shown(compared(stands("local-aws"), planned("local-aws"), book)) in ([], [[]])


@pytest.fixture
def state(monkeypatch: pytest.MonkeyPatch) -> dict[str, list[Mapping[str, Any]]]:
    """What the command finds as the state of each environment, in place of an engine."""
    found: dict[str, list[Mapping[str, Any]]] = {}
    monkeypatch.setattr(cost_diff, "resources_of", lambda environment: found[environment.name])
    return found


def test_the_command_compares_the_state_with_the_file(
    capsys: pytest.CaptureFixture[str], state: dict[str, list[Mapping[str, Any]]]
) -> None:
    """The environment's usage and the price book for both sides; one object for scripts."""
    state["aws-dev"] = list(exported(planned("aws-dev", machine("ml.m5.large"))))
    assert main.run(["cost", "aws-dev", "--diff", "--released", "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert document["schema"] == "stile.cost/1"
    assert document["diff"]["difference_monthly_usd"] == "-19.006"
    assert main.run(["cost", "aws-dev", "--diff", "--released"]) == 0
    told = capsys.readouterr().err
    assert told.rstrip().splitlines()[-1] == "aws-dev: the next up saves 19.01 USD a month"
