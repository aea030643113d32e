"""The price book: every row of the product's is right, a wrong one is told in full, and no region lends a price."""

import csv
from decimal import Decimal
from pathlib import Path

import pytest

from infra.cost.book import CLOUDS, COLUMNS, FOLDER, GLOBAL, PriceBook, read_book
from infra.errors import ConfigError

GOOD = ["aws", "KMS", "customer managed key", "us-east-1", "key-month", "1", "a page", "2024-07-01", "exact"]


def written(folder: Path, *rows: list[str]) -> Path:
    """A price book whose file of AWS has these rows, and whose other has none."""
    for cloud, lines in zip(CLOUDS, (rows, ()), strict=True):
        with (folder / f"{cloud}.csv").open("w", newline="") as file:
            csv.writer(file).writerows([COLUMNS, *lines])
    return folder


def test_the_products_own_book_is_right(book: PriceBook) -> None:
    """Every row passes the checker, and the files hold no more rows than were read."""
    rows = sum(len((FOLDER / f"{cloud}.csv").read_text().splitlines()) - 1 for cloud in CLOUDS)
    assert len(book.prices) == rows > 300
    assert {one.confidence for one in book.prices} == {"exact", "derived", "unverified"}


def test_a_price_is_kept_as_it_is_written(tmp_path: Path) -> None:
    """Digits that a binary number would lose stay."""
    row = [*GOOD[:5], "0.0000166667000000000001", *GOOD[6:]]
    (price,) = read_book(written(tmp_path, row)).prices
    assert str(price.price) == "0.0000166667000000000001"


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("cloud", "gcp"),
        ("service", " "),
        ("sku", ""),
        ("region", "Virginia"),
        ("unit", "fortnight"),
        ("price", "1e3"),
        ("price", "-1"),
        ("price", "NaN"),
        ("price", ""),
        ("source", ""),
        ("date", "2026-13-01"),
        ("date", "yesterday"),
        ("confidence", "sure"),
    ],
)
def test_a_wrong_cell_is_told_with_its_place(tmp_path: Path, column: str, value: str) -> None:
    """File, line, column, what stands there, what may, and the fix."""
    wrong = list(GOOD)
    wrong[COLUMNS.index(column)] = value
    with pytest.raises(ConfigError) as caught:
        read_book(written(tmp_path, GOOD, wrong))
    told = [problem for problem in caught.value.problems if problem.path.endswith(column)]
    assert [problem.path for problem in told] == [f"{tmp_path / 'aws.csv'}:3 {column}"]
    assert told[0].value == value
    assert told[0].allowed
    assert told[0].fix


def test_every_wrong_row_is_told_at_once(tmp_path: Path) -> None:
    """Wrong cells, a row of another length, the same price twice, and a file that is not there."""
    folder = written(tmp_path, GOOD, GOOD, GOOD[:3], [*GOOD[:4], "?", "?", *GOOD[6:]])
    (folder / "gcp.csv").unlink()
    with pytest.raises(ConfigError) as caught:
        read_book(folder)
    aws, gcp = folder / "aws.csv", folder / "gcp.csv"
    assert [problem.path for problem in caught.value.problems] == [
        f"{aws}:3",
        f"{aws}:4",
        f"{aws}:5 unit",
        f"{aws}:5 price",
        f"{aws}:5",
        str(gcp),
    ]


def test_a_file_without_its_header_is_refused(tmp_path: Path) -> None:
    folder = written(tmp_path, GOOD)
    (folder / "aws.csv").write_text("cloud,price\naws,1\n")
    with pytest.raises(ConfigError, match="1 problem"):
        read_book(folder)


def test_no_region_lends_its_price_to_another(tmp_path: Path) -> None:
    """What holds everywhere holds here too; another region's price is named, and not found."""
    west = [*GOOD[:3], "us-west-2", *GOOD[4:]]
    europe = [*GOOD[:3], "eu-west-1", *GOOD[4:]]
    everywhere = ["aws", "Pipelines", "run", GLOBAL, "run", "0", *GOOD[6:]]
    found = read_book(written(tmp_path, west, europe, everywhere))
    assert found.find("aws", "KMS", "customer managed key", "us-east-1") is None
    nearest = found.elsewhere("aws", "KMS", "customer managed key", "us-east-1")
    assert nearest is not None
    assert nearest.region == "us-west-2"
    free = found.find("aws", "Pipelines", "run", "us-east-1")
    assert free is not None
    assert free.price == Decimal(0)
