"""`stile cost` as people and scripts run it: without a network, credentials, plugins or an engine."""

import json
import os
import shutil
import subprocess
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest

from infra.cli import main
from infra.environments import ROOT
from tests.cost.conftest import ENVIRONMENTS

KEYS = {
    "urn", "stage", "cloud", "sku", "unit", "quantity", "price_usd", "monthly_usd", "source", "date", "confidence",
}  # fmt: skip
ISOLATED = ("unshare", "--map-root-user", "--net")


def can_isolate() -> bool:
    """Whether this machine lets a process have a network of its own."""
    if not shutil.which("unshare"):
        return False
    return subprocess.run([*ISOLATED, "true"], capture_output=True, check=False).returncode == 0


def alone(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run `./stile cost` with no network, and no variable or file of this machine's user."""
    shell = {"PATH": os.defpath, "HOME": str(folder), "COLUMNS": "160", "PULUMI_HOME": str(folder / "none")}
    command = [*ISOLATED, str(ROOT / "stile"), "cost", *arguments]
    return subprocess.run(command, cwd=ROOT, env=shell, capture_output=True, text=True, check=False)


@pytest.mark.skipif(not can_isolate(), reason="this machine gives no process a network of its own")
@pytest.mark.parametrize("name", ENVIRONMENTS)
def test_it_needs_no_network_credentials_plugins_or_engine(tmp_path: Path, name: str) -> None:
    """The object is whole: each line with its source, amounts as text, and a total that is their sum."""
    done = alone(tmp_path, name, "--json")
    assert done.returncode == 0, done.stderr
    assert list(tmp_path.iterdir()) == [], "nothing is installed or kept for it"
    found = json.loads(done.stdout)
    assert found["schema"] == "stile.cost/1"
    assert found["environment"] == name
    assert all(line.keys() >= KEYS and all(isinstance(line[key], str) for key in KEYS) for line in found["lines"])
    assert all(line["source"] and line["date"] for line in found["lines"])
    assert Fraction(found["total_monthly_usd"]) == sum(Fraction(line["monthly_usd"]) for line in found["lines"]) > 0
    assert found["is_at_least"] is bool(found["unknown"])
    assert all(one["reason"] and one["source"] for one in found["free"])
    assert not any(line["what"] == "machines" for line in found["lines"]), "nothing is released"


def output(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    code = main.run(["cost", *arguments])
    return code, *capsys.readouterr()


def test_what_a_release_adds_is_its_endpoint(capsys: pytest.CaptureFixture[str]) -> None:
    """Nothing is released in the file; with --released the machines are there, and every other line is as it was."""

    def lines(*arguments: str) -> dict[tuple[str, str, str], Any]:
        document = json.loads(output(capsys, "aws-dev", "--json", *arguments)[1])
        return {(one["urn"], one["what"], one["sku"]): one for one in document["lines"]}

    before, after = lines(), lines("--released")
    assert before.items() <= after.items()
    added = [one for key, one in after.items() if key not in before]
    assert {one["stage"] for one in added} == {"endpoint"}
    assert Decimal("148.92") in {Decimal(one["monthly_usd"]) for one in added}


def test_people_read_a_table_with_a_total(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """On stderr: each line, why lines are unknown, what is assumed, and `at least`."""
    monkeypatch.setenv("COLUMNS", "160")
    code, stdout, stderr = output(capsys, "aws-dev", "--released")
    assert (code, stdout) == (0, "")
    assert "Host:ml.c5.large" in stderr
    assert "unverified" in stderr
    assert "unknown: stile-aws-dev-mlflow, runs and metrics kept: the price book has no price" in stderr
    assert "figures of usage are assumed; say how it is in stacks/usage/aws-dev.yaml" in stderr
    assert stderr.rstrip().splitlines()[-1].startswith("aws-dev will cost at least ")


def test_a_pull_request_reads_markdown(capsys: pytest.CaptureFixture[str]) -> None:
    """On stdout: a heading with the total, a table by stage, and one of all lines, with as many cells as titles."""
    code, stdout, stderr = output(capsys, "gcp-dev", "--markdown")
    assert (code, stderr) == (0, "")
    heading, _, *rest = stdout.splitlines()
    assert heading.startswith("### Cost of gcp-dev: ")
    tables = [line for line in rest if line.startswith("|")]
    assert {line.replace("\\|", "").count("|") for line in tables} == {3, 9}
    assert any(line.startswith("| tracking | database | db-g1-small zonal | 730 | hour |") for line in tables)


def test_two_forms_at_once_are_wrong_usage(capsys: pytest.CaptureFixture[str]) -> None:
    code, stdout, _ = output(capsys, "aws-dev", "--json", "--markdown")
    assert code == 2
    assert json.loads(stdout)["error"]["kind"] == "usage"


def test_a_usage_file_is_read_and_its_errors_are_told(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """From stacks/usage, by the environment's name; every error at once, with exit code 2."""
    monkeypatch.setattr("infra.cost.usage.FOLDER", tmp_path)
    path = tmp_path / "aws-dev.yaml"
    path.write_text("images: {stored_gib: 30}\n")
    document = json.loads(output(capsys, "aws-dev", "--json")[1])
    (images,) = (one for one in document["lines"] if one["stage"] == "images")
    assert images["monthly_usd"] == "3"
    path.write_text("images: {stored_gib: much}\nstorage: {stored: 1}\n")
    code, stdout, stderr = output(capsys, "aws-dev", "--json")
    assert (code, stderr) == (2, "")
    told = [problem["path"] for problem in json.loads(stdout)["error"]["problems"]]
    assert told == [f"{path}: storage.stored", f"{path}: images.stored_gib"]


def test_the_machines_that_were_chosen_are_told(capsys: pytest.CaptureFixture[str]) -> None:
    """With what else would do, and its price or that there is none; scripts get every runner-up."""
    machines = json.loads(output(capsys, "aws-dev", "--json")[1])["machines"]
    assert [(one["use"], one["model"], one["chosen"]["type"]) for one in machines] == [
        ("training", None, "ml.m5.large"),
        ("processing", None, "ml.m5.large"),
        ("endpoint", "flight-delays", "ml.c5.large"),
    ]
    training = machines[0]
    assert training["need"] == {"cpus": 2, "memory_gib": 8}
    assert training["chosen"]["usd_an_hour"] == "0.115"
    assert training["runners_up"][0]["usd_an_hour"] == "0.23"
    assert training["runners_up"][-1]["usd_an_hour"] is None
    text = output(capsys, "aws-dev", "--markdown")[1]
    assert (
        "| endpoint of flight-delays | 2 cpus, 4 GiB | chosen | ml.c5.large | 2 | 4 | 0.102 | the cheapest of " in text
    )
    assert "| no price here |" in text
    assert "more in --json |" in text
