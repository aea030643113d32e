"""Asks the clouds' price lists for every row of the book that they know."""

import importlib
from collections.abc import Callable, Mapping, Sequence
from datetime import date

from infra.cost.book import PriceBook
from infra.cost.update.mapping import mapped
from infra.cost.update.outcomes import NO_MAPPING, Outcome, keeping


def refreshed(
    book: PriceBook, cloud: str, environ: Mapping[str, str], today: date, progress: Callable[[str], None]
) -> Sequence[Outcome]:
    """Return what comes of each row of a cloud, in the book's order.

    Raises:
        CloudError: the cloud's price list is not reached, or refuses.
        WrongCloud: the variables are those of a local environment.
    """
    rows = [one for one in book.prices if one.cloud == cloud]
    asked = [one for one in rows if mapped(one) is not None]
    module = importlib.import_module(f"infra.cost.update.{cloud}")
    answers = {id(one.row): one for one in module.outcomes(asked, environ, today, progress)}
    return [answers.get(id(row)) or keeping(row, NO_MAPPING) for row in rows]
