"""`stile prices`: the price book: refresh it from the clouds' own price lists, and check it."""

import os
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer
from rich.table import Table

from infra.cli import console
from infra.cli.options import Json, Yes

if TYPE_CHECKING:
    from infra.cost.book import Price
    from infra.cost.update.outcomes import Outcome

app = typer.Typer(no_args_is_help=True)
# The environments that the project comes with, as everything of theirs were released.
DEFAULTS = ("aws-dev", "gcp-dev")
DIFFERS = 3


@app.command()
def update(
    cloud: Annotated[Literal["aws", "gcp"] | None, typer.Option(help="Only one cloud's prices.")] = None,
    check: Annotated[
        bool, typer.Option("--check", help="Only compare: exit code 3 if a price is not what the book says.")
    ] = False,
    json: Json = False,
    yes: Yes = False,
) -> None:
    """Ask the AWS Price List and the Google Cloud Catalog for the book's prices, show what changed, and write it.

    Needs AWS credentials with pricing:GetProducts, and an API key of Google (GOOGLE_API_KEY) or its login.
    """
    from infra.cost import book
    from infra.cost.update.outcomes import write
    from infra.cost.update.refresh import refreshed

    today = datetime.now(tz=UTC).date()
    prices = book.read_book(book.FOLDER)
    with console.Reporter() as reporter:
        found = {
            one: refreshed(prices, one, os.environ, today, reporter.progress)
            for one in ([cloud] if cloud else book.CLOUDS)
        }
    say_outcomes(found)
    answered = sum(one.quote is not None for outcomes in found.values() for one in outcomes)
    changed = sum(one.is_changed for outcomes in found.values() for one in outcomes)
    if answered and not check:
        console.confirm(f"Write {answered} prices, {changed} of them changed, into {book.FOLDER}?", yes=yes)
        for name, outcomes in found.items():
            write(book.FOLDER / f"{name}.csv", outcomes)
        console.say(f"{answered} prices are written; `git diff` shows them")
    if json:
        rows = [described(one) for outcomes in found.values() for one in outcomes]
        console.emit("prices", {"written": bool(answered and not check), "rows": rows})
    if check and changed:
        raise typer.Exit(DIFFERS)


@app.command("check")
def check_book(json: Json = False) -> None:
    """Check every row of the book; list old prices, and those that an environment rests on and nobody verified.

    Exit code 2: the book is malformed.
    """
    from infra.cost import book

    prices = book.read_book(book.FOLDER)
    today = datetime.now(tz=UTC).date()
    stale = [(one, age) for one in prices.prices if (age := age_of(one, today)) is not None]
    undated = [one for one in prices.prices if one.date == book.UNDATED]
    doubted = [(name, one) for name in DEFAULTS for one in used(name) if one.confidence == "unverified"]
    for one, age in sorted(stale, key=lambda pair: -pair[1]):
        console.say(f"  {age} days old: {named(one)}")
    for one in undated:
        console.say(f"  without a date: {named(one)}")
    for name, one in doubted:
        console.say(f"  unverified, and {name} rests on it: {named(one)}")
    console.say(f"{len(prices.prices)} prices are right in form; {len(stale)} are more than a year old")
    if json:
        document = {
            "prices": len(prices.prices),
            "stale": [{**identity(one), "date": one.date, "age_days": age} for one, age in stale],
            "undated": [identity(one) for one in undated],
            "unverified_in_use": [{"environment": name, **identity(one)} for name, one in doubted],
        }
        console.emit("prices-check", document)


def age_of(price: "Price", today: date) -> int | None:
    """Return how many days old a price is if that is too old; one of a month or a year counts from its first day."""
    from infra.cost.book import UNDATED
    from infra.cost.report import STALE_DAYS

    if price.date == UNDATED:
        return None
    age = (today - date.fromisoformat(f"{price.date}-01-01"[:10])).days
    return age if age > STALE_DAYS else None


def used(environment: str) -> Iterator["Price"]:
    """Yield each price that an environment with all its models released rests on, once."""
    from infra.cli.cost_asked import configured, priced
    from infra.cost.plan import plan
    from infra.environments import find_environment

    found = find_environment(environment)
    (estimate,) = priced(found, plan(found.name, configured(found, released=True)))
    yield from dict.fromkeys(one.price for one in estimate.charges if one.price is not None)


def say_outcomes(found: Mapping[str, Sequence["Outcome"]]) -> None:
    """Show what changed as a table, and say of the rest how much is confirmed and why what is kept is kept."""
    from infra.cost.exact import text
    from infra.cost.update.outcomes import NO_MAPPING

    changes = Table(box=None, pad_edge=False, header_style="bold")
    for title in ("changed", "region", "was", "is", ""):
        changes.add_column(title, justify="left" if title in ("changed", "region") else "right")
    for one in (one for outcomes in found.values() for one in outcomes if one.is_changed):
        percent = "" if one.percent is None else f"{one.percent:+.1f} %"
        was, now = text(one.row.price), text(one.new.price)
        changes.add_row(f"{one.row.service}, {one.row.sku}", one.row.region, was, now, percent)
    if changes.row_count:
        console.terminal().print(changes)
    for name, outcomes in found.items():
        for one in outcomes:
            if one.kept and one.kept != NO_MAPPING:
                console.say(f"  kept: {named(one.row)}: {one.kept}")
        answered = [one for one in outcomes if one.quote is not None]
        unmapped = sum(one.kept == NO_MAPPING for one in outcomes)
        console.say(
            f"{name}: {sum(one.is_changed for one in answered)} prices changed,"
            f" {sum(not one.is_changed for one in answered)} confirmed,"
            f" {len(outcomes) - len(answered) - unmapped} kept since the answer is not clear,"
            f" {unmapped} kept, no mapping"
        )


def named(price: "Price") -> str:
    """Return what a price is of, for people."""
    return f"{price.service}, {price.sku}, {price.region} ({price.date})"


def identity(price: "Price") -> dict[str, str]:
    """Return what a price is known by, for scripts."""
    return {"cloud": price.cloud, "service": price.service, "sku": price.sku, "region": price.region}


def described(outcome: "Outcome") -> dict[str, Any]:
    """Return what came of a row, for scripts; amounts are text."""
    from infra.cost.exact import text

    new = outcome.new
    return {
        **identity(outcome.row),
        "was_usd": text(outcome.row.price),
        "price_usd": text(new.price),
        "source": new.source,
        "date": new.date,
        "confidence": new.confidence,
        "kept": outcome.kept or None,
    }
