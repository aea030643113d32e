"""What commands write: one JSON object on stdout, everything for people on stderr, the engine's work as it happens."""

import json
import sys
import time
from collections.abc import Mapping
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

import typer
from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.spinner import Spinner
from rich.text import Text

from infra.errors import ConfigError, StileError

if TYPE_CHECKING:
    from infra.engine.events import Message, Step

ERROR_SCHEMA = "stile.error/1"
SHOWN_AT_ONCE = 8
STYLES = {"create": "green", "delete": "red", "replace": "magenta", "update": "yellow", "warning": "yellow"}


def terminal() -> Console:
    """Return the console for people. Made anew: tests and shells exchange stderr."""
    return Console(stderr=True, highlight=False, soft_wrap=True)


def say(text: str) -> None:
    """Tell a person something."""
    terminal().print(text, markup=False)


def emit(command: str, document: Mapping[str, Any]) -> None:
    """Write a command's answer for scripts: one JSON object with its schema first."""
    write_json({"schema": f"stile.{command}/1", **document})


def write_json(document: Mapping[str, Any]) -> None:
    """Write one JSON object on stdout."""
    sys.stdout.write(json.dumps(document, indent=2, default=str) + "\n")
    sys.stdout.flush()


def report(error: StileError, *, as_json: bool) -> None:
    """Tell an error: for people what, where and the fix; for scripts the same as an object."""
    if as_json:
        write_json({"schema": ERROR_SCHEMA, "error": described(error)})
        return
    console = terminal()
    console.print(Text.assemble(("error: ", "bold red"), error.message))
    if isinstance(error, ConfigError):
        for problem in error.problems:
            shown = f" is {problem.value!r}" if problem.value else ""
            console.print(f"  {problem.path}{shown}", style="bold", markup=False)
            console.print(f"    allowed: {problem.allowed}\n    fix: {problem.fix}", markup=False)
        return
    if error.path:
        console.print(f"  where: {error.path}", markup=False)
    if error.fix:
        console.print(f"  fix: {error.fix}", markup=False)


def described(error: StileError) -> dict[str, Any]:
    """Return an error as scripts read it."""
    found: dict[str, Any] = {"kind": error.kind, "message": error.message, "path": error.path, "fix": error.fix}
    if isinstance(error, ConfigError):
        found["problems"] = [vars(problem) for problem in error.problems]
    return found


def report_usage(error: typer.TyperException, command: str, *, as_json: bool) -> None:
    """Tell that a command line is wrong; `command` is the subcommand that it names, if there is one of that name."""
    message = error.format_message().strip()
    fix = f"stile {command} --help" if command else "stile --help"
    if as_json:
        described = {"kind": "usage", "message": message, "path": None, "fix": fix}
        write_json({"schema": ERROR_SCHEMA, "error": described})
        return
    terminal().print(Text.assemble(("error: ", "bold red"), message or "no command was given"))
    say(f"  fix: {fix}")


class Reporter:
    """Shows progress and the engine's steps while a command works.

    On a terminal what runs is shown live, with its seconds; elsewhere each finished step is one line.
    """

    def __init__(self) -> None:
        self._console = terminal()
        self._running: dict[str, tuple[str, float]] = {}
        self._doing: tuple[str, float] | None = None
        self._live = Live(get_renderable=self._render, console=self._console, refresh_per_second=8, transient=True)

    def __enter__(self) -> Self:
        if self._console.is_terminal:
            self._live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._live.is_started:
            self._live.stop()

    def progress(self, text: str) -> None:
        """Show what is being done; the line stays until the next."""
        if self._live.is_started:
            self._doing = (text, time.monotonic())
        else:
            self._console.print(text, markup=False)

    def watch(self, seen: "Step | Message") -> None:
        """Show a step or a message of the engine."""
        from infra.engine.events import Message

        self._doing = None
        if isinstance(seen, Message):
            label = "" if seen.severity == "info" else f"{seen.severity}: "
            self._console.print(Text(f"  {label}{seen.text}", style=STYLES.get(seen.severity, "dim")))
        else:
            self._step(seen)

    def say(self, text: str) -> None:
        """Write a line above what runs."""
        self._doing = None
        self._console.print(text, markup=False)

    def heading(self, text: str) -> None:
        """Write the title of a part of a long command."""
        self._doing = None
        self._console.print(Text(f"\n{text}", style="bold"))

    def started(self, key: str, label: str) -> None:
        """Show that something runs, until `finished` is told of the same key."""
        self._doing = None
        if self._live.is_started:
            self._running[key] = (label, self._running.get(key, ("", time.monotonic()))[1])

    def finished(self, key: str, label: str, outcome: str, style: str, seconds: float | None) -> None:
        """Write the line of something that ended: its outcome, what it was, how long it took."""
        self._running.pop(key, None)
        took = f"{seconds:.1f} s" if seconds is not None else ""
        self._console.print(Text.assemble("  ", (f"{outcome:<9}", style), f" {label}  ", (took, "dim")))

    def _step(self, step: "Step") -> None:
        label = f"{step.type} {step.name}"
        if step.state == "running":
            self.started(step.urn, f"{step.op} {label}")
        elif step.op == "refresh":
            self._running.pop(step.urn, None)
        else:
            failed = step.state == "failed"
            style = "bold red" if failed else STYLES.get(step.op, "")
            self.finished(step.urn, label, f"{step.op} failed" if failed else step.op, style, step.seconds)

    def _render(self) -> RenderableType:
        now = time.monotonic()
        shown = [self._doing] if self._doing else []
        lines: list[RenderableType] = [
            Spinner("dots", Text(f"{text}  {now - since:.0f} s", overflow="ellipsis", no_wrap=True))
            for text, since in [*shown, *list(self._running.values())[:SHOWN_AT_ONCE]]
        ]
        hidden = len(self._running) - SHOWN_AT_ONCE
        return Group(*lines, Text(f"  and {hidden} more", style="dim")) if hidden > 0 else Group(*lines)


def confirm(question: str, *, yes: bool) -> None:
    """Ask before something that cannot be taken back.

    Args:
        question: what is about to happen.
        yes: the user has answered already, on the command line.

    Raises:
        UsageError: nobody is there to ask.
        Abort: the answer was no.
    """
    from infra.errors import UsageError

    if yes:
        return
    if not sys.stdin.isatty():
        raise UsageError("this asks before it acts, and no terminal is there to ask", fix="add --yes")
    typer.confirm(question, abort=True, err=True)


def summary(changes: Mapping[str, int]) -> str:
    """Return counts of changes as people read them."""
    changed = [f"{count} {op}" for op, count in sorted(changes.items()) if op != "same" and count]
    same = changes.get("same", 0)
    return ", ".join(changed) + f"; {same} unchanged" if changed else f"nothing changed; {same} resources as they were"
