"""Finds the subcommand's module, runs it, and turns what it raises into a message and an exit code."""

import importlib
import importlib.util
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import typer

from infra.cli import console
from infra.errors import StileError

INTERRUPTED = 130
# Commands that one stops oneself when one has seen enough: nothing was broken off.
ENDED_BY_CTRL_C = ("logs",)


@dataclass(frozen=True)
class Command:
    """A subcommand: its name is its module's under infra.cli, its line of help is here so that --help imports nothing.

    Its module has `app`, a typer.Typer with one command or several, or `command`, a function.
    """

    name: str
    help: str
    group: str
    module: str = ""

    @property
    def dotted(self) -> str:
        """The module's name."""
        return f"infra.cli.{self.module or self.name}"

    def exists(self) -> bool:
        """True if the module is there."""
        return importlib.util.find_spec(self.dotted) is not None


TRY, WORK, AROUND = "Try it", "Environments", "This machine"
COMMANDS = (
    Command("demo", "The whole value chain on a local cloud, from infrastructure to answered predictions.", TRY),
    Command("up", "Make an environment what its configuration says.", WORK),
    Command("preview", "Show what `up` would change.", WORK),
    Command("cost", "Show what an environment will cost in a month, before it exists.", WORK),
    Command("run", "Run a model's pipeline: data, training, evaluation, govern, registration.", WORK),
    Command("release", "Name the model version that is to be live; the next `up` deploys it.", WORK),
    Command("predict", "Ask an endpoint.", WORK),
    Command("status", "Show the platform: its stages, its models, what is live, and what is due.", WORK),
    Command("logs", "Write the log of a job, an endpoint or a whole pipeline's run; --follow stays with it.", WORK),
    Command("drift", "Say whether all is right: infrastructure, data and model quality, with one exit code.", WORK),
    Command("refresh", "Compare the state with the cloud, and make the state true.", WORK),
    Command("destroy", "Delete an environment; data and registered models stay.", WORK),
    Command("leftovers", "List what still exists of an environment in its cloud, by tag.", WORK),
    Command("env", "Print the variables with which plain `pulumi` does the same as `stile`.", AROUND),
    Command("local", "Start, stop and look at the local cloud.", AROUND),
    Command("prices", "Check the price book, or refresh it from the clouds' own price lists.", AROUND),
    Command("doctor", "Show what is found on this machine, what is missing, and how to mend it.", AROUND),
    Command("test", "Check and test the project.", AROUND, module="check"),
)


def main() -> int:
    """Run the command line of this process; returns its exit code."""
    return run(sys.argv[1:])


def run(arguments: Sequence[str]) -> int:
    """Run a command line.

    Returns:
        The exit code: 0 done, 1 failed, 2 wrong usage or configuration, 130 interrupted; others as commands document.
    """
    as_json = "--json" in arguments
    try:
        result = build(invoked(arguments))(args=list(arguments), standalone_mode=False, prog_name="stile")
    except StileError as error:
        console.report(error, as_json=as_json)
        return error.exit_code
    except typer.TyperException as error:
        name = invoked(arguments)
        known = name if any(command.name == name for command in COMMANDS) else None
        console.report_usage(error, known or "", as_json=as_json)
        return 2
    except (KeyboardInterrupt, typer.Abort):
        result = INTERRUPTED
    if result == INTERRUPTED and invoked(arguments) not in ENDED_BY_CTRL_C:
        console.say("stopped")
    return result if isinstance(result, int) else 0


def invoked(arguments: Sequence[str]) -> str | None:
    """Return the subcommand that a command line names, if it names one."""
    return next((argument for argument in arguments if not argument.startswith("-")), None)


def build(name: str | None) -> typer.Typer:
    """Return the application, with the module of one subcommand and only the names of the others."""
    app = typer.Typer(
        help="Production machine learning from one Python definition, provisioned by Pulumi.",
        no_args_is_help=True,
        add_completion=False,
        pretty_exceptions_enable=False,
        context_settings={"help_option_names": ["-h", "--help"]},
    )
    app.callback()(lambda: None)
    for command in COMMANDS:
        if command.exists():
            add(app, command, imported=command.name == name)
    return app


def add(app: typer.Typer, command: Command, *, imported: bool) -> None:
    """Add a subcommand; one whose module is not imported can only be named in the help."""
    if not imported:
        app.command(command.name, help=command.help, rich_help_panel=command.group)(lambda: None)
        return
    module = importlib.import_module(command.dotted)
    function = single(module)
    if function is None:
        app.add_typer(module.app, name=command.name, help=command.help, rich_help_panel=command.group)
        return
    settings = getattr(module, "CONTEXT_SETTINGS", None)
    app.command(command.name, rich_help_panel=command.group, context_settings=settings)(function)


def single(module: Any) -> Callable[..., Any] | None:
    """Return the function of a module with one command; None if it has several."""
    app = getattr(module, "app", None)
    if app is None:
        function: Callable[..., Any] = module.command
        return function
    only = app.registered_commands[0].callback if len(app.registered_commands) == 1 else None
    return None if app.registered_groups or app.registered_callback else only
