"""What all questions of `stile cost` share: how an environment is priced, and in which form the answer is written."""

import copy
import sys
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from infra.cli import console
from infra.environments import Environment, read_config
from infra.errors import UsageError

if TYPE_CHECKING:
    from rich.console import RenderableType

    from infra.cost.book import PriceBook
    from infra.cost.estimate import Estimate
    from infra.cost.plan import Plan
    from infra.cost.usage import Usage

Form = Literal["table", "json", "markdown", "html"]

# The questions whose answers have no page.
PAGELESS = ("--compare", "--diff")

# Stands in for a version that is not registered yet: a price does not depend on which it is.
ANY_RELEASE = {"version": "1", "sha256": "0" * 64}


@dataclass(frozen=True)
class Answer:
    """An answer in each form; only the one that is asked for is worked out.

    Attributes:
        document: the JSON object, without its schema.
        markdown: the text for a pull request.
        table: the lines for a terminal.
        remarks: what a reader of the table must know.
        closing: the last sentence.
        is_over: whether it is over the budget; told whether unknown lines count as over.
        html: the page; an answer to another question than what one environment will cost has none.
    """

    document: Callable[[], Mapping[str, Any]]
    markdown: Callable[[], str]
    table: Callable[[], "RenderableType"]
    remarks: Callable[[], Iterable[str]]
    closing: str
    is_over: Callable[[bool], bool] = lambda _: False
    html: Callable[[], str] = lambda: ""


def write(answer: Answer, form: Form, target: str = "") -> None:
    """Write an answer: for scripts and pull requests on stdout, for people on stderr, a page where `target` says."""
    if form == "json":
        console.emit("cost", answer.document())
        return
    if form == "markdown":
        sys.stdout.write(answer.markdown())
        return
    if form == "html":
        _write_page(answer, target)
        return
    console.terminal().print(answer.table())
    for remark in answer.remarks():
        console.say(f"  {remark}")
    console.say(answer.closing)


def _write_page(answer: Answer, target: str) -> None:
    """Write a page, and say where it is."""
    from infra.pages import writing

    writing.write_page(answer.html(), target)
    if target != writing.STDOUT:
        console.say(answer.closing)
        console.say(f"the page is {Path(target).resolve()}; open it in a browser, or send it: it is one file")


def check_page(target: str, question: str | None) -> None:
    """Check, before any work, that a page can be made and written.

    Raises:
        UsageError: the question has no page, or nothing can be written there.
        ToolchainError: a library that pages are made with is missing.
    """
    from infra.pages.requirements import require_libraries
    from infra.pages.writing import check_target

    if question in PAGELESS:
        raise UsageError(f"{question} has no page", path="--html", fix="write --markdown, or leave one of them out")
    check_target(target)
    require_libraries()


def one_of(options: Mapping[str, bool], why: str) -> str | None:
    """Return which of some options is given, None if none is.

    Args:
        options: whether each is given.
        why: why only one may be, as the end of a sentence.

    Raises:
        UsageError: two are.
    """
    given = [option for option, is_given in options.items() if is_given]
    if len(given) > 1:
        raise UsageError(f"{' and '.join(given)} {why}", fix="leave one of them out")
    return given[0] if given else None


def configured(environment: Environment, *, released: bool) -> Mapping[str, Any]:
    """Return an environment's configuration, with every model released if that is asked for; raises ConfigError."""
    config = read_config(environment.config_path)
    return with_releases(config) if released else config


def priced(environment: Environment, *plans: "Plan") -> "tuple[Estimate, ...]":
    """Price plans by one environment's usage and the price book; raises ConfigError."""
    from infra.cost.estimate import estimate
    from infra.cost.model import cost_model

    usage, book = usage_and_book(environment, *plans)
    return tuple(estimate(one, usage, book, cost_model(one.cloud)) for one in plans)


def usage_and_book(environment: Environment, *plans: "Plan") -> "tuple[Usage, PriceBook]":
    """Read an environment's usage, which may speak of the models of all these plans, and the prices.

    Raises:
        ConfigError: one of them is wrong.
    """
    from infra.cost.book import read_book
    from infra.cost.usage import read_usage, usage_path

    models = tuple(dict.fromkeys(name for one in plans for name in one.models))
    return read_usage(usage_path(environment.root, environment.name), models), read_book()


def today() -> date:
    """Return the day against which prices age."""
    return datetime.now(tz=UTC).date()


def with_releases(config: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return a configuration in which every model without a release has one."""
    changed = copy.deepcopy(dict(config))
    platform = changed.get("stile:platform")
    models = platform.get("models") if isinstance(platform, dict) else None
    for model in models.values() if isinstance(models, dict) else ():
        if isinstance(model, dict):
            model.setdefault("release", ANY_RELEASE)
    return changed
