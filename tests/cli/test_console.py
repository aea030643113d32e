"""What people read while the engine works, where no terminal can show it live."""

import pytest

from infra.cli import console
from infra.engine import Message, Step

URN = "urn:pulumi:local-aws::stile::stile:index:Storage$aws:s3/bucket:Bucket::data"


def test_each_finished_step_is_one_line_on_stderr(capsys: pytest.CaptureFixture[str]) -> None:
    """What begins is shown on terminals only; what a refresh finds as it was is no line."""
    with console.Reporter() as reporter:
        reporter.progress("starting the local cloud")
        reporter.watch(Step("create", URN, "running"))
        reporter.watch(Step("create", URN, "done", 1.25))
        reporter.watch(Step("refresh", URN, "done", 0.5))
        reporter.watch(Step("update", URN, "failed", 2.0))
        reporter.watch(Message("warning", "an old [bold]option[/bold]", URN))
    said = capsys.readouterr()
    assert said.out == ""
    lines = [" ".join(line.split()) for line in said.err.splitlines()]
    assert lines[0] == "starting the local cloud"
    assert lines[1].startswith("create aws:s3/bucket:Bucket data 1.2 s")
    assert lines[2].startswith("update failed aws:s3/bucket:Bucket data 2.0 s")
    assert lines[3] == "warning: an old [bold]option[/bold]"
    assert len(lines) == 4


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"create": 3, "same": 1}, "3 create; 1 unchanged"),
        ({"update": 1, "create": 2}, "2 create, 1 update; 0 unchanged"),
        ({"same": 48}, "nothing changed; 48 resources as they were"),
    ],
)
def test_changes_are_summed_up_in_a_line(changes: dict[str, int], said: str) -> None:
    assert console.summary(changes) == said
