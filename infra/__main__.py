"""The Pulumi program: stack configuration -> Spec -> Platform -> exports; nothing else."""

import os

import pulumi

from components.errors import ConfigError, Problem
from infra import guards
from infra.program import define


def _line(problem: Problem) -> str:
    shown = f" is {problem.value!r}" if problem.value else ""
    return f"{problem.path}{shown}; allowed: {problem.allowed}; {problem.fix}"


def _require_local_cloud(stack: str) -> None:
    """Refuse a local stack that plain `pulumi` would take to a real account, whatever plugin it has."""
    if not guards.is_local(stack):
        return
    cloud = pulumi.Config("stile").get("cloud") or ""
    reasons = "; ".join(reason for _, reason in guards.against_local(os.environ, cloud))
    if reasons:
        raise pulumi.RunError(
            f'{stack} is a local environment, and nothing was changed: {reasons}; run `eval "$(./stile env {stack})"`'
        )


def _main() -> None:
    _require_local_cloud(pulumi.get_stack())
    stile = pulumi.Config("stile")
    config = {
        "stile:cloud": stile.get("cloud"),
        "stile:platform": stile.get_object("platform"),
        "stile:gcp": stile.get_object("gcp"),
        "aws:region": pulumi.Config("aws").get("region"),
        "gcp:project": pulumi.Config("gcp").get("project"),
        "gcp:region": pulumi.Config("gcp").get("region"),
    }
    given = {key: value for key, value in config.items() if value is not None}
    try:
        define(pulumi.get_stack(), given)
    except ConfigError as error:
        lines = "\n".join(f"  {_line(problem)}" for problem in error.problems)
        raise pulumi.RunError(f"{error.message}:\n{lines}") from error


_main()
