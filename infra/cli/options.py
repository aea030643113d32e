"""The arguments and options that several commands share."""

from typing import Annotated

import typer

from infra.environments import DEFAULT_ENVIRONMENT

EnvironmentName = Annotated[
    str,
    typer.Argument(
        metavar="ENVIRONMENT",
        help="Name of a file stacks/Pulumi.NAME.yaml; local ones start with `local-`.",
        envvar="STILE_ENVIRONMENT",
        show_envvar=False,
    ),
]
ModelName = Annotated[
    str | None, typer.Option("--model", "-m", help="A model of the environment; left out, the only one.")
]
Json = Annotated[bool, typer.Option("--json", help="Write one JSON object on stdout.")]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")]

__all__ = ["DEFAULT_ENVIRONMENT", "EnvironmentName", "Json", "ModelName", "Yes"]
