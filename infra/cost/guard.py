"""The budget guard: what a configuration is estimated to cost a month against what it says a month may cost."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from decimal import ROUND_CEILING, Decimal
from pathlib import Path
from typing import Any, Literal

from components.spec import Spec
from infra.cost.estimate import Charge, Estimate, estimate
from infra.cost.exact import text
from infra.cost.machines import product_book
from infra.cost.model import cost_model
from infra.cost.plan import plan
from infra.cost.report import CENT, dollars, ordered, total
from infra.cost.usage import read_usage, usage_path
from infra.errors import OverBudget

PATH = "stile:platform.budget.monthly_usd"
BIGGEST = 3
Verdict = Literal["under", "unknown", "over"]


@dataclass(frozen=True)
class Judgement:
    """An estimate beside its budget.

    Attributes:
        estimated: what the configuration will cost.
        monthly_usd: what it says that a month may cost, in US dollars.
    """

    estimated: Estimate
    monthly_usd: Decimal

    @property
    def verdict(self) -> Verdict:
        """`over` if what is known is more than the budget; else `unknown` if a line is; else `under`."""
        if self.estimated.total_monthly_usd > self.monthly_usd:
            return "over"
        return "unknown" if self.estimated.unknown else "under"

    @property
    def used(self) -> Decimal:
        """The share of the budget that the estimate takes, to 28 digits."""
        return self.estimated.total_monthly_usd / self.monthly_usd

    def document(self) -> dict[str, Any]:
        """Return it for scripts: amounts are exact, and text."""
        return {
            "monthly_usd": text(self.monthly_usd),
            "estimated_monthly_usd": text(self.estimated.total_monthly_usd),
            "share": f"{self.used:.3f}",
            "verdict": self.verdict,
        }

    @property
    def closing(self) -> str:
        """The end of a sentence about the estimate: its share of the budget, and where it is over, that."""
        over = ": over the budget" if self.verdict == "over" else ""
        return f", {self.used:.1%} of its budget of {_dollars(self)} USD{over}"

    def lines(self) -> Iterator[str]:
        """Yield what people are told: the estimate beside the budget, then each line that nobody can price."""
        unknown = self.estimated.unknown
        told = f"estimated {total(self.estimated).removesuffix(' USD a month')} of {_dollars(self)} USD a month"
        if self.verdict == "over":
            told = f"warning: {told}: over the budget"
        yield f"{told}; {_count(unknown)} unknown:" if unknown else told
        yield from self._reasons()

    def is_over(self, *, strict: bool) -> bool:
        """Whether it is over; if strict, whether it may be, since lines are unknown."""
        return self.verdict == "over" or (strict and self.verdict == "unknown")

    def require(self, *, strict: bool) -> None:
        """Refuse what is over the budget.

        Args:
            strict: count lines whose cost is unknown as over.

        Raises:
            OverBudget: it is over, with its biggest lines; or, if strict, it may be, with its unknown lines.
        """
        name = self.estimated.plan.environment
        if not self.is_over(strict=strict):
            return
        if self.verdict == "over":
            raise OverBudget(
                "\n".join(self._refusal()),
                path=PATH,
                fix=f"raise the budget, take smaller machines, or `./stile up {name} --over-budget`; "
                f"every line: `./stile cost {name}`",
            )
        raise OverBudget(
            "\n".join([f"{self._beside()}; --strict counts unknown lines as over:", *self._reasons()]),
            path=PATH,
            fix=f"say the usage in stacks/usage/{name}.yaml, add the prices, or leave out --strict",
        )

    def _reasons(self) -> Iterator[str]:
        return (_reason(one) for one in ordered(self.estimated.unknown))

    def _beside(self) -> str:
        cost = f"{self.estimated.plan.environment} is estimated to cost {total(self.estimated)}"
        return f"nothing was changed: {cost}, and its budget is {_dollars(self)} USD"

    def _refusal(self) -> Iterator[str]:
        estimated = self.estimated
        yield self._beside()
        yield f"  allowed: a budget of {enough(estimated)} USD or more for this configuration"
        biggest = sorted(estimated.charges, key=lambda one: one.monthly_usd or Decimal(0), reverse=True)
        yield "  its biggest lines, in USD a month:"
        yield from (f"  {dollars(one.monthly_usd or Decimal(0)):>10}  {_named(one)}" for one in biggest[:BIGGEST])
        if estimated.unknown:
            yield f"  {_count(estimated.unknown)} unknown, and not in it:"
            yield from self._reasons()


def judge(spec: Spec, config: Mapping[str, Any], root: Path) -> Judgement | None:
    """Estimate a configuration, as it stands, against its own budget; None if it has no budget.

    It runs the program under mocks: no engine, plugin, network or account; nothing is started.

    Args:
        spec: what the configuration says.
        config: the configuration itself.
        root: the project's folder, which has the environment's usage.

    Raises:
        ConfigError: the usage file or the price book is wrong.
    """
    if spec.platform.budget is None:
        return None
    planned = plan(spec.environment, config)
    usage = read_usage(usage_path(root, spec.environment), planned.models)
    return beside(spec, estimate(planned, usage, product_book(), cost_model(planned.cloud)))


def beside(spec: Spec, estimated: Estimate) -> Judgement | None:
    """Put an estimate of a configuration beside its budget, which is as exact as it is written; None if it has none."""
    budget = spec.platform.budget
    return None if budget is None else Judgement(estimated, Decimal(str(budget.monthly_usd)))


def enough(estimated: Estimate) -> str:
    """Return the least budget in whole cents that an estimate is not over."""
    return f"{estimated.total_monthly_usd.quantize(CENT, rounding=ROUND_CEILING):f}"


def _dollars(judgement: Judgement) -> str:
    """Return a budget as it is written in the configuration."""
    return text(judgement.monthly_usd)


def _count(charges: tuple[Charge, ...]) -> str:
    return f"{len(charges)} line is" if len(charges) == 1 else f"{len(charges)} lines are"


def _named(charge: Charge) -> str:
    return f"{charge.urn.rsplit('::', 1)[-1]}, {charge.what}: {charge.sku}"


def _reason(charge: Charge) -> str:
    return f"  {charge.urn.rsplit('::', 1)[-1]}, {charge.what}: {charge.unknown}"
