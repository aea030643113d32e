"""The value chain's page says what the program declares now."""

from components.stages import STAGES
from infra.reports import value_chain
from infra.stages import stage_of


def test_the_page_is_not_stale() -> None:
    """Whoever changes what a stage declares writes the page anew."""
    fresh = value_chain.page(value_chain.released_graph())
    assert fresh == value_chain.PAGE.read_text(), "run: python -m infra.reports.value_chain"


def test_every_stage_has_its_activity() -> None:
    """A stage that stands for no activity of the value chain would be missing from the page."""
    placed = [stage for stages in value_chain.ACTIVITIES.values() for stage in stages]
    assert sorted(placed) == sorted(STAGES)


def test_every_resource_stands_in_a_stage() -> None:
    """Nothing is provisioned beside the stages."""
    graph = value_chain.released_graph()
    beside = [
        one.type
        for one in graph.resources
        if not stage_of(one.urn) and not one.type.startswith(("stile:index:", "pulumi:"))
    ]
    assert beside == []
