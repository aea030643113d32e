"""`stile prices` as people call it: what it writes, asks, tells and leaves alone."""

import os
import signal
import subprocess
import sys
import threading
from decimal import Decimal
from pathlib import Path

import pytest

from infra.cli import main, prices
from infra.cost.book import CLOUDS, PriceBook, read_book
from infra.cost.update import outcomes
from infra.environments import ROOT
from tests.cost.listed import fill
from tests.cost.price_lists import PriceLists, product


def test_the_command_writes_what_it_was_answered_and_nothing_else(
    lists: PriceLists, own: Path, book: PriceBook
) -> None:
    """Other rows keep their letters and all rows their order; the book is right afterwards."""
    fill(lists)
    before = {cloud: (own / f"{cloud}.csv").read_text().splitlines() for cloud in CLOUDS}
    assert main.run(["prices", "update", "--yes"]) == 0
    changed = 0
    for cloud in CLOUDS:
        after = (own / f"{cloud}.csv").read_text().splitlines()
        pairs = [(old, new) for old, new in zip(before[cloud], after, strict=True) if old != new]
        assert all(lists.url in new and lists.url not in old for old, new in pairs)
        changed += len(pairs)
    assert changed > 30
    written = read_book(own)
    assert [outcomes.key(one) for one in written.prices] == [outcomes.key(one) for one in book.prices]
    key = written.find("aws", "KMS", "customer managed key", "us-east-1")
    assert key is not None
    assert key.price == Decimal("0.000001")
    assert not list(own.glob("*.new"))


def test_the_changes_are_told_with_their_share(
    lists: PriceLists, own: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """--check writes nothing, and its exit code says that the book is not what the lists say."""
    before = (own / "aws.csv").read_bytes()
    lists.products["awskms"] = [product("A", "us-east-1-KMS-Keys", "Keys", [("0", "1.2500000000")])]
    assert main.run(["prices", "update", "--cloud", "aws", "--check"]) == prices.DIFFERS
    told = capsys.readouterr().err
    assert "KMS, customer managed key" in told
    assert "+25.0 %" in told
    assert "aws: 1 prices changed, 0 confirmed, 102 kept since the answer is not clear, 33 kept, no mapping" in told
    assert (own / "aws.csv").read_bytes() == before


def test_nobody_to_ask_is_told(lists: PriceLists, own: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a terminal and without --yes nothing is written."""
    lists.products["awskms"] = [product("A", "us-east-1-KMS-Keys", "Keys", [("0", "1.25")])]
    before = (own / "aws.csv").read_bytes()
    with Path(os.devnull).open() as nobody:
        monkeypatch.setattr(sys, "stdin", nobody)
        assert main.run(["prices", "update", "--cloud", "aws"]) == 2
    assert (own / "aws.csv").read_bytes() == before


def test_ctrl_c_leaves_the_book_whole(lists: PriceLists, own: Path) -> None:
    """While an answer is awaited: exit code 130, and not a letter is changed."""
    before = {path.name: path.read_bytes() for path in own.iterdir()}
    lists.held = threading.Event()
    code = "import sys; from pathlib import Path; import infra.cost.book as book; from infra.cli import main;"
    code += "book.FOLDER = Path(sys.argv.pop(1)); sys.exit(main.main())"
    command = [sys.executable, "-c", code, str(own), "prices", "update", "--yes"]
    with subprocess.Popen(command, cwd=ROOT, stderr=subprocess.PIPE, text=True) as running:
        assert running.stderr is not None
        assert "AWS Price List" in running.stderr.readline()
        running.send_signal(signal.SIGINT)
        assert running.wait(60) == 130
    assert {path.name: path.read_bytes() for path in own.iterdir()} == before


def test_a_file_that_cannot_be_written_leaves_nothing_half(own: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What fails at the last moment leaves the old file, and no other."""
    before = (own / "aws.csv").read_bytes()

    def refuse(*_: object) -> None:
        raise OSError("disk full")

    monkeypatch.setattr(os, "fsync", refuse)
    with pytest.raises(OSError, match="disk full"):
        outcomes.write(own / "aws.csv", [])
    assert (own / "aws.csv").read_bytes() == before
    assert sorted(path.name for path in own.iterdir()) == ["aws.csv", "gcp.csv"]


def test_a_book_that_nothing_is_answered_of_stays_as_it_is(own: Path) -> None:
    """Quotes, commas and ends of lines are written as they were."""
    for cloud in CLOUDS:
        before = (own / f"{cloud}.csv").read_bytes()
        outcomes.write(own / f"{cloud}.csv", [])
        assert (own / f"{cloud}.csv").read_bytes() == before


def test_check_lists_what_is_old_and_what_nobody_verified(own: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main.run(["prices", "check"]) == 0
    told = capsys.readouterr().err
    assert "days old: KMS, customer managed key, us-east-1 (2024-07-01)" in told
    assert "unverified, and aws-dev rests on it: SageMaker real-time inference, Host:ml.c5.large" in told


def test_check_refuses_a_malformed_book(own: Path) -> None:
    """Exit code 2, as for any file of the user's that is wrong."""
    text = (own / "aws.csv").read_text().replace("key-month,1,", "key-month,one,", 1)
    (own / "aws.csv").write_text(text)
    assert main.run(["prices", "check"]) == 2
