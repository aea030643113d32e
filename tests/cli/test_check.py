"""`stile test`: every check runs, pytest comes last, and one failure of any is a failure of all."""

import sys

import pytest

from infra.cli import check, main

GOOD, BAD = [sys.executable, "-c", ""], [sys.executable, "-c", "raise SystemExit(3)"]


@pytest.mark.parametrize(("lint", "types", "code"), [(GOOD, GOOD, 0), (BAD, GOOD, 1), (GOOD, BAD, 1)])
def test_pytest_is_last_and_a_failed_check_is_not_forgotten(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str], lint: list[str], types: list[str], code: int
) -> None:
    """What follows the options goes to pytest as it is; here it asks for pytest's version only."""
    monkeypatch.setattr(check, "CHECKS", (("lint", lint), ("types", types)))
    assert main.run(["test", "--quick", "--version"]) == code
    said = capfd.readouterr()
    lines = (said.out + said.err).splitlines()
    assert sum("failed (exit code 3)" in line for line in lines) == code
    assert any(line.startswith("pytest ") for line in lines)


def test_pytests_own_exit_code_is_kept(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(check, "CHECKS", ())
    assert main.run(["test", "--quick", "--no-such-option"]) == 4
    assert "no-such-option" in capfd.readouterr().err


def test_the_checks_see_nothing_of_an_environment_that_the_shell_was_set_to(monkeypatch: pytest.MonkeyPatch) -> None:
    """After eval "$(stile env ...)" the tests still use states and clouds of their own."""
    for name in ("AWS_ENDPOINT_URL", "AWS_PROFILE", "PULUMI_BACKEND_URL", "STILE_STATE_DIR", "STILE_ENVIRONMENT"):
        monkeypatch.setenv(name, "somewhere")
    assert "somewhere" not in check.environment().values()
