"""What is read back keeps the program's own spelling, and gives the inputs that would make what is live."""

from hypothesis import given
from hypothesis import strategies as st

from infra.providers.kit.differences import differences
from infra.providers.kit.live import DEFAULTS_KEY, keep_spelling, live_inputs
from infra.providers.kit.schema import Property
from infra.providers.kit.values import Properties

RULE = {
    "id": Property("id", required=True),
    "days": Property("days", "integer"),
    "made": Property("made", computed=True),
}
PROPERTIES = {
    "name": Property("name", replace=True),
    "mode": Property("mode", default="plain"),
    "made": Property("made", computed=True),
    "force": Property("force", "boolean", local=True, default=False),
    "rules": Property("rules", "list", unordered=True, children=RULE),
    "tags": Property("tags", "map"),
}
texts = st.text("ab", min_size=1, max_size=2)
rules = st.fixed_dictionaries({"id": texts}, optional={"days": st.integers(1, 2), "made": texts})
inputs = st.fixed_dictionaries(
    {"name": texts},
    optional={
        "mode": texts,
        "made": texts,
        "force": st.booleans(),
        "rules": st.lists(rules, min_size=1, max_size=3),
        "tags": st.dictionaries(texts, texts, min_size=1, max_size=2),
    },
)


@given(inputs, inputs)
def test_the_live_inputs_make_what_is_live(live: Properties, recorded: Properties) -> None:
    """After a refresh, a program that said just these inputs would have nothing to do."""
    found = live_inputs(PROPERTIES, live, recorded)
    readable = {name: known for name, known in PROPERTIES.items() if known.readable}
    assert differences(readable, live, found) == {}
    assert found.get("force") == recorded.get("force")


@given(inputs)
def test_a_refresh_without_a_change_changes_no_input(recorded: Properties) -> None:
    assert live_inputs(PROPERTIES, recorded, {**recorded, DEFAULTS_KEY: ["name"]}) == {
        **recorded,
        DEFAULTS_KEY: ["name"],
    }


@given(inputs)
def test_an_import_says_all_that_is_not_a_default(live: Properties) -> None:
    found = live_inputs(PROPERTIES, live, {})
    assert found.pop(DEFAULTS_KEY) == []
    said = {name: value for name, value in live.items() if name != "force" and PROPERTIES[name].default != value}
    assert {name: value for name, value in found.items() if name != "force"} == said


def test_a_document_keeps_the_programs_words() -> None:
    policy = Property("policy", "policy")
    written, stored = '{ "Statement": [] }', '{"Statement":[]}'
    assert keep_spelling(policy, written, stored) == written
    assert keep_spelling(policy, written, '{"Statement":[1]}') == '{"Statement":[1]}'


def test_items_keep_the_programs_order_and_gain_what_the_cloud_adds() -> None:
    prior = [{"id": "b", "days": 2}, {"id": "a"}]
    live = [{"id": "a", "made": "x"}, {"id": "b", "days": 2, "made": "y"}, {"id": "c"}]
    assert keep_spelling(PROPERTIES["rules"], prior, live) == [
        {"id": "b", "days": 2, "made": "y"},
        {"id": "a", "made": "x"},
        {"id": "c"},
    ]
