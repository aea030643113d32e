"""`stile logs`: the log of a job, an endpoint or a run, on stdout, as the cloud keeps it."""

import os
import sys
from typing import Annotated

import typer
from rich.console import Console
from rich.text import Text

from infra import following
from infra.cli import console
from infra.cli.options import DEFAULT_ENVIRONMENT, EnvironmentName, ModelName
from infra.clouds import LogLine
from infra.deployed import Deployed, find_deployed
from infra.engine.session import session_as_it_stands
from infra.environments import Environment, find_environment
from infra.errors import UsageError
from infra.following import ENDPOINT, PIPELINE

COLOURS = ("cyan", "magenta", "green", "yellow", "blue", "red")
# An endpoint's log goes back as far as it is kept; a job's is read whole.
LINES_OF_ENDPOINT = 100


def command(
    name: Annotated[
        str,
        typer.Argument(
            metavar="NAME",
            help=f"A step of the last run (`train-hgb`), a job's name, `{ENDPOINT}` or its name, or `{PIPELINE}`.",
        ),
    ],
    environment: EnvironmentName = DEFAULT_ENVIRONMENT,
    model: ModelName = None,
    follow: Annotated[
        bool, typer.Option("--follow", "-f", help="Stay with it: until the job has ended, or Ctrl-C.")
    ] = False,
    since: Annotated[
        str | None, typer.Option(metavar="TIME", help="Leave out what is older: 30s, 10m, 2h, 1d.")
    ] = None,
    lines: Annotated[
        int | None,
        typer.Option(min=1, max=10_000, help=f"Only the last lines; of an endpoint {LINES_OF_ENDPOINT} if left out."),
    ] = None,
) -> int:
    """Write the log of a job, an endpoint or a whole run; a run's lines begin with their step.

    Exit code 130: stopped by Ctrl-C.
    """
    began = following.moment(since) if since else None
    found = following.find(open_deployed(find_environment(environment)), name, model, began)
    tell = Teller()
    last = lines or (None if began or not found.is_endless else LINES_OF_ENDPOINT)
    try:
        written = found.tail(tell, last) if last else found.read(tell)
        if follow:
            found.follow(tell)
        elif not written:
            console.say(f"nothing was written{f' in the last {since}' if since else ' yet'}")
    except BrokenPipeError:  # whoever read it has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return 0


def open_deployed(environment: Environment) -> Deployed:
    """Open an environment to look at; raises UsageError where nothing stands, or its local cloud does not run."""
    session = session_as_it_stands(environment)
    up = f"./stile up {environment.name}"
    if session is None:
        raise UsageError(f"{environment.name} is not up", fix=up)
    if environment.is_local and session.cloud is None:
        raise UsageError(f"the local cloud of {environment.name} does not run; its logs went with it", fix=up)
    return find_deployed(session)


class Pipe(Console):
    """The console's stdout: its reader may go before the end."""

    def on_broken_pipe(self) -> None:
        """Say so, rather than end the process."""
        raise BrokenPipeError


class Teller:
    """Writes lines on stdout, each after the name of its step where there are several."""

    def __init__(self) -> None:
        self._console = Pipe(highlight=False, soft_wrap=True)
        self._colours: dict[str, str] = {}

    def __call__(self, name: str, line: LogLine) -> None:
        """Write one line."""
        text = Text(line.text)
        if name:
            colour = self._colours.setdefault(name, COLOURS[len(self._colours) % len(COLOURS)])
            text = Text.assemble((f"{name} | ", colour), text)
        self._console.print(text)
