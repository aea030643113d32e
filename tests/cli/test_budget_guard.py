"""The budget guard: what is over its budget is refused with exit code 6, before anything is started or changed."""

import hashlib
import json
import re
import sys
from collections.abc import Iterator, Mapping
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
import yaml

from infra.cli import main
from infra.cost import guard
from infra.environments import ROOT, read_config
from infra.errors import OverBudget
from infra.program import read
from tests.e2e.project import Project, copy

OVER = 6
CLOUDS = ("aws", "gcp")
PATH = "stile:platform.budget.monthly_usd"
RELEASE = {"version": "1", "sha256": "0" * 64}
PYTHON = (sys.executable, "-m", "infra.cli")
# A real environment with a local endpoint: the guard of accounts refuses it, and comes after that of budgets.
ELSEWHERE = {"AWS_ENDPOINT_URL": "http://127.0.0.1:9"}


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Project:
    return copy(tmp_path_factory.mktemp("clone"))


def write(project: Project, name: str, like: str, budget: Any, **model: Any) -> str:
    """Write an environment that is like another but for its budget, None for none, and keys of its one model."""
    document = yaml.safe_load((ROOT / "stacks" / f"Pulumi.{like}.yaml").read_text())
    platform = document["config"]["stile:platform"]
    del platform["budget"]
    if budget is not None:
        platform["budget"] = {"monthly_usd": budget}
    platform["models"]["flight-delays"] |= model
    (project.folder / "stacks" / f"Pulumi.{name}.yaml").write_text(yaml.safe_dump(document))
    return name


def files(folder: Path) -> Mapping[str, str]:
    """Every file of a copy's state and configuration, by its content."""
    found = [path for part in (".stile", "stacks") for path in (folder / part).rglob("*") if path.is_file()]
    return {str(path): hashlib.sha256(path.read_bytes()).hexdigest() for path in found}


def refused(project: Project, *arguments: str) -> dict[str, Any]:
    """What `up` is refused with; nothing was started or changed for it."""
    before = files(project.folder)
    said = project.stile("up", *arguments, "--json")
    assert said.code == OVER, said.stderr
    assert "Traceback" not in said.stderr
    assert files(project.folder) == before
    document = said.json()
    assert document["schema"] == "stile.error/1"
    assert document["error"]["kind"] == "over-budget"
    assert document["error"]["path"] == PATH
    found: dict[str, Any] = document["error"]
    return found


@pytest.mark.parametrize("cloud", CLOUDS)
def test_over_the_budget_nothing_is_started(project: Project, cloud: str) -> None:
    """With the budget, the estimate, its biggest lines, what would be allowed, what is unknown, and the ways out."""
    name = write(project, f"local-{cloud}-over", f"local-{cloud}", 40.5, release=RELEASE)
    error = refused(project, name)
    assert not (project.folder / ".stile").exists(), "no local cloud, no state, no plugin"
    cost = json.loads(project.must("cost", name, "--json").stdout)
    biggest = sorted((Decimal(one["monthly_usd"]) for one in cost["lines"]), reverse=True)[:3]
    assert all(f"{amount:.2f}" in error["message"] for amount in biggest)
    assert "its budget is 40.5 USD" in error["message"]
    assert f"at least {Decimal(cost['total_monthly_usd']):.2f} USD" in error["message"]
    assert all(one["reason"] in error["message"] for one in cost["unknown"])
    assert cost["unknown"]
    assert "--over-budget" in error["fix"]
    assert "raise the budget" in error["fix"]


def test_what_is_said_to_be_allowed_is(project: Project) -> None:
    """A budget of the amount that the refusal names is enough; a cent less is not."""
    name = write(project, "local-aws-edge", "local-aws", 1)
    (allowed,) = [line for line in refused(project, name)["message"].splitlines() if "allowed" in line]
    enough = Decimal(allowed.split("budget of ")[1].split()[0])
    for amount, verdict in ((enough, "unknown"), (enough - Decimal("0.01"), "over")):
        write(project, name, "local-aws", float(amount))
        assert project.stile("cost", name, "--json").json()["budget"]["verdict"] == verdict


def test_people_read_the_same_on_stderr(project: Project) -> None:
    name = write(project, "local-aws-told", "local-aws", 1)
    said = project.stile("up", name)
    assert (said.code, said.stdout) == (OVER, "")
    assert said.stderr.startswith("error: nothing was changed: local-aws-told is estimated to cost at least ")
    assert f"where: {PATH}" in said.stderr


def test_strict_counts_unknown_lines_as_over(project: Project) -> None:
    """They are refused with each one's reason; how to know them is the fix."""
    name = write(project, "local-gcp-odd", "local-gcp", 1000)
    error = refused(project, name, "--strict")
    assert "no source says whether Google charges for the launcher" in error["message"]
    assert f"stacks/usage/{name}.yaml" in error["fix"]


@pytest.mark.parametrize(
    ("options", "budget", "told"),
    [
        ((), 1000, r"estimated at least [\d.]+ of 1000 USD a month; \d lines are unknown:\n  "),
        (("--over-budget",), 1, r"warning: estimated at least [\d.]+ of 1 USD a month: over the budget; \d lines"),
        (("--over-budget", "--strict"), 1000, r"estimated at least [\d.]+ of 1000 USD a month"),
        ((), None, ""),
    ],
)
def test_what_is_let_through_is_told_in_a_line(
    project: Project, options: tuple[str, ...], budget: float | None, told: str
) -> None:
    """It gets as far as the guard of accounts, which speaks next; where there is no budget, nothing is estimated."""
    name = write(project, "production", "aws-dev", budget)
    said = project.run(*PYTHON, "up", name, *options, "--yes", variables={**project.variables, **ELSEWHERE})
    assert said.code == 1
    told_first, _, refusal = said.stderr.partition("error: ")
    assert re.match(told, told_first)
    assert ("estimated" in told_first) is bool(told)
    assert "AWS_ENDPOINT_URL" in refusal


def test_a_malformed_usage_stops_up_with_every_problem(project: Project) -> None:
    """What cannot be judged by a mistake of the user's is exit code 2, not under the budget."""
    name = write(project, "local-aws-usage", "local-aws", 1000)
    folder = project.folder / "stacks" / "usage"
    folder.mkdir(exist_ok=True)
    (folder / f"{name}.yaml").write_text("storage: {stored_gib: much}\nimages: {stored_gib: -1}\n")
    said = project.stile("up", name, "--json")
    assert said.code == 2, said.stderr
    assert len(said.json()["error"]["problems"]) == 2


@pytest.fixture
def judgement() -> guard.Judgement:
    config = read_config(ROOT / "stacks" / "Pulumi.local-aws.yaml")
    found = guard.judge(read("local-aws", config), config, ROOT)
    assert found is not None
    return found


def test_with_every_line_known_strict_is_content(judgement: guard.Judgement) -> None:
    known = replace(judgement, estimated=replace(judgement.estimated, unknown=()))
    assert (judgement.verdict, known.verdict) == ("unknown", "under")
    known.require(strict=True)
    (line,) = known.lines()
    assert re.fullmatch(r"estimated [\d.]+ of 100 USD a month", line)
    with pytest.raises(OverBudget):
        judgement.require(strict=True)


def test_exactly_the_budget_is_not_over(judgement: guard.Judgement) -> None:
    """To the last digit: amounts are never rounded before they are compared."""
    total = judgement.estimated.total_monthly_usd
    replace(judgement, monthly_usd=total).require(strict=False)
    with pytest.raises(OverBudget):
        replace(judgement, monthly_usd=total - Decimal("1e-20")).require(strict=False)


@pytest.mark.parametrize("tiny", ["1e-30", "1e-300", "1e300"])
def test_no_budget_is_too_odd_to_be_shown(judgement: guard.Judgement, tiny: str) -> None:
    odd = replace(judgement, monthly_usd=Decimal(tiny))
    assert odd.closing
    assert odd.document()["share"]
    assert list(odd.lines())


@pytest.mark.parametrize(
    ("options", "code"),
    [
        ((), 0),
        (("--check",), 0),
        (("--check", "--strict"), OVER),
        (("--strict",), 2),
        (("--check", "--diff"), 2),
    ],
)
def test_cost_judges_where_it_is_asked_to(
    capsys: pytest.CaptureFixture[str], options: tuple[str, ...], code: int
) -> None:
    """The report is written whatever it says of the budget: for scripts one object, with the verdict in it."""
    assert main.run(["cost", "aws-dev", *options, "--json"]) == code
    document = json.loads(capsys.readouterr().out)
    if code != 2:
        assert document["budget"] == {
            "monthly_usd": "250",
            "estimated_monthly_usd": document["total_monthly_usd"],
            "share": f"{Decimal(document['total_monthly_usd']) / 250:.3f}",
            "verdict": "unknown",
        }


def test_cost_over_the_budget(project: Project) -> None:
    name = write(project, "local-aws-check", "local-aws", 5)
    assert project.stile("cost", name).code == 0
    said = project.stile("cost", name, "--check")
    assert said.code == OVER
    assert re.search(r", 1\d\d\.\d% of its budget of 5 USD: over the budget$", said.stderr.rstrip())


@pytest.mark.parametrize("released", [True, False])
@pytest.mark.parametrize("name", ["aws-dev", "gcp-dev", "local-aws", "local-gcp"])
def test_the_projects_own_environments_are_within_their_budgets(name: str, *, released: bool) -> None:
    """Before their first release and after it, so that the demo and a first `up` are not refused."""
    config = read_config(ROOT / "stacks" / f"Pulumi.{name}.yaml")
    if released:
        config["stile:platform"]["models"]["flight-delays"]["release"] = RELEASE
    judged = guard.judge(read(name, config), config, ROOT)
    assert judged is not None
    assert judged.verdict != "over", judged.closing


@pytest.fixture
def standing(tmp_path: Path) -> Iterator[Project]:
    made = copy(tmp_path)
    yield made
    made.stile("local", "stop")


@pytest.mark.e2e
@pytest.mark.slow
def test_an_environment_that_stands_stays_as_it_is(standing: Project) -> None:
    """The whole stack goes up though over its budget, where that is asked; without, its state stays byte for byte."""
    write(standing, "local-aws", "local-aws", 1)
    refused(standing, "local-aws")
    assert not (standing.folder / ".stile").exists()
    up = standing.must("up", "local-aws", "--over-budget", "--json").json()
    assert up["created"] > 50
    assert up["budget"]["verdict"] == "over"
    refused(standing, "local-aws")
    planned = standing.must("preview", "local-aws", "--json")
    assert planned.json()["budget"]["verdict"] == "over"
    assert "over the budget" in planned.stderr
