"""How `stile status` looks to a person."""

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from rich.console import Console
from rich.table import Table
from rich.text import Text

from infra import standing
from infra.cli import console
from infra.clouds import Live, ModelVersion
from infra.stages import Stage
from infra.standing import LastRun, Standing

if TYPE_CHECKING:
    from infra.cli.status import Status

SHOWN_VERSIONS = 9
DIGITS = 12  # of a SHA-256, enough to tell two apart
WIDE = 160  # where no terminal says how wide it is
STYLES = {
    "there": "green", "none": "dim", "missing": "red", "gone": "yellow",
    "approved": "green", "rejected": "dim", "succeeded": "green", "failed": "bold red", "stopped": "yellow",
}  # fmt: skip


def show(found: "Status") -> None:
    """Show it."""
    terminal = console.terminal()
    if not terminal.is_terminal:
        terminal.width = WIDE
    head(terminal, found)
    if found.state:
        title(terminal, "Stages")
        table(terminal, (stage_row(stage) for stage in found.stages))
    for model in found.models:
        show_model(terminal, model)
    if found.silent:
        terminal.print(Text(f"\nthe cloud does not say how the models stand: {found.silent}", style="red"))
    show_due(terminal, found)


def head(terminal: Console, found: "Status") -> None:
    """Say which environment it is, where, and what happened to it last."""
    name = found.environment.name
    where = f" on {found.environment.cloud}"
    if found.environment.is_local:
        where = (
            f" on the local cloud at {found.cloud.endpoint_url}" if found.cloud else "; its local cloud does not run"
        )
    terminal.print(Text.assemble((name, "bold"), where))
    if not found.state:
        terminal.print("nothing was deployed yet", markup=False)
        return
    last = found.state["last_update"]
    when = f"; last {last['kind']} {last['result']}, {moment(last['at'])}" if last else ""
    terminal.print(f"{found.state['resources']} resources{when}", markup=False)
    if found.busy:
        who = f"process {found.busy.pid} of {found.busy.user} on {found.busy.host}"
        state = "works on it" if found.busy.is_alive else "died with its lock; the next `up` releases it"
        terminal.print(Text(f"{who} {state}, since {found.busy.since}", style="yellow"))


def stage_row(stage: Stage) -> list[Text]:
    """One stage."""
    words = {"missing": "not in the state", "gone": "gone with the local cloud", "none": "not yet"}
    return [Text(stage.name), Text(words.get(stage.status, stage.status), style=STYLES[stage.status]), Text(stage.what)]


def show_model(terminal: Console, model: Standing) -> None:
    """One model: what is live, what is to be, the last run, the versions."""
    title(terminal, f"Model {model.model}")
    released = (
        f"version {model.released.version}, sha256 {model.released.sha256[:DIGITS]}" if model.released else "nothing"
    )
    rows = [
        ["live", live(model.live)],
        ["released", f"{released} (the stack's config)"],
        ["last run", last_run(model.last_run)],
    ]
    table(terminal, ([Text(name), Text(value)] for name, value in rows))
    if not model.versions:
        return
    terminal.print()
    table(terminal, [header(), *(version_row(version, model) for version in model.versions[:SHOWN_VERSIONS])])
    if len(model.versions) > SHOWN_VERSIONS:
        terminal.print(f"  and {len(model.versions) - SHOWN_VERSIONS} older; --json has them all")


def live(found: Live | None) -> str:
    """What an endpoint serves."""
    if found is None:
        return "nothing: there is no endpoint"
    digest = f", sha256 {found.sha256[:DIGITS]}" if found.sha256 else ""
    failed = f"; the last change failed: {found.reason}" if found.reason else ""
    return f"{standing.told(found)}{digest}, since {moment(found.since)}; {found.endpoint} is {found.status}{failed}"


def last_run(run: LastRun | None) -> str:
    """When the last run was, and how it ended."""
    if run is None:
        return "none yet"
    how = run.verdict or (f"step {run.failed_step}: {run.reason}" if run.failed_step else run.reason)
    return f"{run.execution} {run.status}, {moment(run.started)}" + (f": {how}" if how else "")


def header() -> list[Text]:
    """The titles of the versions' columns."""
    return [Text(name, style="bold") for name in ("version", "candidate", "status", "auc", "registered", "why")]


def version_row(version: ModelVersion, model: Standing) -> list[Text]:
    """One version."""
    is_live = model.live is not None and model.live.version == version.version
    status = "approved" if version.approved else "rejected"
    auc = standing.held_out(version).get("auc")
    return [
        Text(f"{version.version}{' live' if is_live else ''}"),
        Text(version.properties.get("candidate", "")),
        Text(status, style=STYLES[status]),
        Text(f"{auc:.4f}" if auc is not None else ""),
        Text(moment(version.created)),
        Text(version.reason.partition("; ")[0] if version.approved else version.reason),
    ]


def show_due(terminal: Console, found: "Status") -> None:
    """What waits to be done."""
    title(terminal, "Due")
    due = found.due()
    table(terminal, ([Text(one.command, style="bold"), Text(one.why)] for one in due))
    if not due:
        terminal.print("  nothing")
    if found.state and not found.is_gone:
        name = found.environment.name
        terminal.print(
            Text(f"  whether the config says more than was deployed is judged by ./stile preview {name}", style="dim")
        )


def title(terminal: Console, text: str) -> None:
    """The title of a part."""
    terminal.print(Text(f"\n{text}", style="bold"))


def table(terminal: Console, rows: Iterable[list[Text]]) -> None:
    """Rows in columns; the last folds where the terminal ends."""
    grid = Table.grid(padding=(0, 2))
    for row in rows:
        if not grid.columns:
            grid.add_column(width=0)
            for number in range(len(row)):
                grid.add_column(no_wrap=number < len(row) - 1)
        grid.add_row("", *row)
    if grid.rows:
        terminal.print(grid, soft_wrap=False)


def moment(at: datetime) -> str:
    """A time as a person reads it. The CLI's times have no zone and are UTC."""
    known = at.replace(tzinfo=UTC) if at.tzinfo is None else at.astimezone(UTC)
    return f"{known:%Y-%m-%d %H:%M} UTC"
