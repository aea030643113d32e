"""How `up` and `preview` speak of the budget: the one obeys its guard, the other only tells."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any

import typer

from components.spec import Spec
from infra.cli import console
from infra.environments import Environment

if TYPE_CHECKING:
    from infra.cost.guard import Judgement

Strict = Annotated[
    bool, typer.Option("--strict", help="Count lines whose cost is unknown as over the budget: exit code 6.")
]
AnyCost = Annotated[bool, typer.Option("--over-budget", help="Go on although the estimate is over the budget.")]


def told(environment: Environment, spec: Spec, config: Mapping[str, Any]) -> "Judgement | None":
    """Say what a configuration is estimated to cost beside its budget; without a budget nothing is said.

    Raises:
        ConfigError: the usage file or the price book is wrong.
    """
    return guard(environment, spec, config, strict=False, any_cost=True)


def guard(
    environment: Environment, spec: Spec, config: Mapping[str, Any], *, strict: bool, any_cost: bool
) -> "Judgement | None":
    """Refuse a configuration that is estimated over its budget, unless any cost is accepted; say the estimate.

    Nothing is started or changed for it. Without a budget there is no estimate, and nothing is said.

    Raises:
        OverBudget: it is over; or lines are unknown, and `strict` counts those as over.
        ConfigError: the usage file or the price book is wrong.
    """
    from infra.cost.guard import judge

    judgement = judge(spec, config, environment.root)
    if judgement is None:
        return None
    if not any_cost:
        judgement.require(strict=strict)
    for line in judgement.lines():
        console.say(line)
    return judgement
