"""Protects that a pipeline definition is read whole before anything runs, a wrong one with the place of its fault."""

import copy
import json
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from infra.localcloud.jobs.definition import DefinitionError, UnsupportedError
from infra.localcloud.jobs.definition_sagemaker import Definition, parse
from infra.localcloud.jobs.expressions_sagemaker import Reference, read_property, resolve

PROPERTIES = {"Training": ("ModelArtifacts", "TrainingJobName"), "Processing": ("ProcessingOutputConfig",)}
Document = dict[str, Any]
GOOD: Document = {
    "Version": "2020-12-01",
    "Parameters": [
        {"Name": "Seed", "Type": "Integer", "DefaultValue": 7},
        {"Name": "Rate", "Type": "Float", "DefaultValue": 1},
        {"Name": "Mode", "Type": "String", "EnumValues": ["fast", "slow"]},
        {"Name": "Flag", "Type": "Boolean", "DefaultValue": False},
    ],
    "Steps": [
        {"Name": "ingest", "Type": "Processing", "Arguments": {"Environment": {"S": {"Get": "Parameters.Mode"}}}},
        {
            "Name": "train",
            "Type": "Training",
            "DependsOn": ["check"],
            "DisplayName": "Train",
            "Arguments": {
                "List": [
                    {"Get": "Steps.ingest.ProcessingOutputConfig.Outputs['x'].S3Output.S3Uri"},
                    {"Std:Join": {"On": "/", "Values": ["a", 1, {"Get": "Execution.PipelineExecutionId"}]}},
                ]
            },
        },
        {"Name": "check", "Type": "Processing", "Arguments": {}},
    ],
}


def read(document: Document) -> Definition:
    return parse(json.dumps(document), PROPERTIES)


def test_a_step_waits_for_what_it_names_and_for_what_it_reads() -> None:
    definition = read(GOOD)
    assert {name: step.after for name, step in definition.steps.items()} == {
        "ingest": frozenset(),
        "train": frozenset({"ingest", "check"}),
        "check": frozenset(),
    }
    assert definition.steps["train"].display_name == "Train"


def test_values_come_from_the_run_then_from_the_defaults() -> None:
    values = read(GOOD).values({"Mode": "fast", "Seed": "11", "Flag": "TRUE"})
    assert values == {"Mode": "fast", "Seed": 11, "Rate": 1.0, "Flag": True}
    assert [type(values[name]) for name in ("Seed", "Rate", "Flag")] == [int, float, bool]


@pytest.mark.parametrize(
    ("given_values", "message"),
    [
        ({}, r"PipelineParameters.Mode: a value is needed"),
        ({"Mode": "other"}, "'other' is none of fast, slow"),
        ({"Mode": "fast", "Seed": "1.5"}, r"PipelineParameters.Seed: '1.5' is no value of type Integer"),
        ({"Mode": "fast", "Flag": "yes"}, "is no value of type Boolean"),
        ({"Mode": "fast", "Extra": "1"}, r"PipelineParameters.Extra: the pipeline has no such parameter"),
    ],
)
def test_wrong_values_of_a_run_are_refused(given_values: dict[str, str], message: str) -> None:
    with pytest.raises(DefinitionError, match=message):
        read(GOOD).values(given_values)


def put(*path: Any, value: Any) -> Callable[[Document], None]:
    """Make a change that sets one place of a document."""

    def change(document: Document) -> None:
        target: Any = document
        for part in path[:-1]:
            target = target[part]
        target[path[-1]] = value

    return change


ARGUMENT = ("Steps", 0, "Arguments", "Environment", "S")
WRONG = {
    "version": (put("Version", value="2019-01-01"), "Version: must be 2020-12-01"),
    "no steps": (put("Steps", value=[]), "Steps: there must be at least one step"),
    "steps no list": (put("Steps", value={}), "Steps: must be of type list"),
    "step no object": (put("Steps", 1, value="train"), r"Steps\[1\]: must be of type dict, not str"),
    "unknown member": (put("Steps", 0, "Argument", value={}), r"Steps\[0\].Argument: is not a member"),
    "no type": (put("Steps", 0, "Type", value=None), r"Steps\[0\].Type: must be of type str, not NoneType"),
    "unknown type": (put("Steps", 0, "Type", value="Proces"), r"Steps\[0\].Type: 'Proces' is no type of step"),
    "bad name": (put("Steps", 0, "Name", value="in gest"), r"Steps\[0\].Name: 'in gest' must be"),
    "name twice": (put("Steps", 2, "Name", value="ingest"), r"Steps\[2\]: the step name 'ingest' is given twice"),
    "depends on nothing": (put("Steps", 1, "DependsOn", value=["gone"]), r"Steps\[1\]: the step 'train' needs 'gone'"),
    "depends on a text": (put("Steps", 1, "DependsOn", value="check"), r"Steps\[1\].DependsOn: must be of type list"),
    "circle": (put("Steps", 0, "DependsOn", value=["train"]), r"Steps\[[01]\]: .* in a circle"),
    "circle by reading": (put(*ARGUMENT, value={"Get": "Steps.train.TrainingJobName"}), r"Steps\[[01]\]: .* circle"),
    "step's own": (put(*ARGUMENT, value={"Get": "Steps.ingest.ProcessingOutputConfig"}), r"circle: ingest -> ingest"),
    "unknown step": (put(*ARGUMENT, value={"Get": "Steps.gone.ModelArtifacts"}), r"Steps\[0\]: .* needs 'gone'"),
    "no property": (put(*ARGUMENT, value={"Get": "Steps.check.Nothing.X"}), r"S: a step of type Processing has no"),
    "no parameter": (put(*ARGUMENT, value={"Get": "Parameters.Sed"}), r"Environment.S: there is no parameter 'Sed'"),
    "no fact": (put(*ARGUMENT, value={"Get": "Execution.Id"}), r"Environment.S: an execution has no 'Id'"),
    "nonsense": (put(*ARGUMENT, value={"Get": "Step.x"}), r"Environment.S: Get cannot resolve 'Step.x'"),
    "broken path": (put(*ARGUMENT, value={"Get": "Steps.check.Proc[x"}), "Get cannot resolve"),
    "get of an object": (put(*ARGUMENT, value={"Get": {}}), "Get cannot resolve"),
    "other function": (put(*ARGUMENT, value={"Std:JsonGet": {}}), "Std:JsonGet is not implemented"),
    "join of nothing": (put(*ARGUMENT, value={"Std:Join": {"On": ","}}), "Std:Join needs On and Values"),
    "join of objects": (put(*ARGUMENT, value={"Std:Join": {"On": "", "Values": [{}]}}), "only plain values"),
    "join on a number": (put(*ARGUMENT, value={"Std:Join": {"On": 1, "Values": []}}), "On must be a text"),
    "parameter twice": (put("Parameters", 1, "Name", value="Seed"), r"Parameters\[1\].Name: .* given twice"),
    "parameter's type": (put("Parameters", 0, "Type", value="Int"), r"Parameters\[0\].Type: must be one of"),
    "default's type": (put("Parameters", 0, "DefaultValue", value="7"), r"DefaultValue: must be of type Integer"),
    "true is no number": (put("Parameters", 0, "DefaultValue", value=True), "must be of type Integer"),
    "default outside": (
        put("Parameters", 2, "DefaultValue", value="no"),
        r"Parameters\[2\].DefaultValue: 'no' is none",
    ),
}


@pytest.mark.parametrize("name", WRONG)
def test_a_wrong_definition_is_refused_with_its_place(name: str) -> None:
    change, message = WRONG[name]
    document = copy.deepcopy(GOOD)
    change(document)
    with pytest.raises(DefinitionError, match=message):
        read(document)


@pytest.mark.parametrize("text", ["", "{", "[]", "null", '"text"'])
def test_what_is_no_object_is_refused(text: str) -> None:
    with pytest.raises(DefinitionError):
        parse(text, PROPERTIES)


def test_the_vendors_other_steps_are_not_taken_for_mistakes() -> None:
    document = copy.deepcopy(GOOD)
    put("Steps", 0, "Type", value="Condition")(document)
    with pytest.raises(UnsupportedError, match=r"Steps\[0\].Type: steps of type Condition are not implemented"):
        read(document)


def test_a_property_is_followed_through_names_keys_and_positions() -> None:
    described = {
        "ProcessingOutputConfig": {"Outputs": [{"OutputName": "a", "Uri": 1}, {"OutputName": "b", "Uri": 2}]},
        "Map": {"key": {"x": 3}},
    }

    def follow(path: str) -> Any:
        return read_property(described, Reference("Steps", "s", path), "here")

    assert follow("ProcessingOutputConfig.Outputs['b'].Uri") == 2
    assert follow("ProcessingOutputConfig.Outputs[0].Uri") == 1
    assert follow("Map['key'].x") == 3
    for wrong in ("ProcessingOutputConfig.Outputs['c'].Uri", "ProcessingOutputConfig.Outputs[2]", "Nothing"):
        with pytest.raises(DefinitionError, match="here: the step 's' has no"):
            follow(wrong)


PLAIN = st.one_of(st.text(), st.integers(), st.booleans(), st.none(), st.floats(allow_nan=False))
JSON = st.recursive(PLAIN, lambda inner: st.lists(inner) | st.dictionaries(st.text().map("k".__add__), inner))


@given(JSON)
def test_what_holds_no_expression_stays_as_it_is(value: Any) -> None:
    def never(reference: Reference) -> Any:
        raise AssertionError(reference)

    assert resolve(value, "", never) == value


@given(st.text(), st.lists(st.one_of(st.text(), st.integers()), min_size=1))
def test_a_join_of_parameters_is_the_join_of_their_values(separator: str, values: list[str | int]) -> None:
    names = {f"p{index}": value for index, value in enumerate(values)}
    join = {"Std:Join": {"On": separator, "Values": [{"Get": f"Parameters.{name}"} for name in names]}}
    assert resolve(join, "", lambda reference: names[reference.name]) == separator.join(map(str, values))


def test_truth_is_joined_as_json_writes_it() -> None:
    assert resolve({"Std:Join": {"On": "-", "Values": [True, {"Get": "Parameters.x"}]}}, "", lambda _: False) == (
        "true-false"
    )
