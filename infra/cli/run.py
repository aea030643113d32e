"""`stile run`: run a model's pipeline and tell what govern decided."""

from collections.abc import Callable, Mapping
from typing import Annotated, Any

import typer

from infra import engine, runs
from infra.cli import console
from infra.cli.options import DEFAULT_ENVIRONMENT, EnvironmentName, Json, ModelName
from infra.clouds import Run, Step
from infra.deployed import Deployed, DeployedModel, find_deployed
from infra.environments import find_environment
from infra.errors import Interrupted, NothingPromoted
from infra.runs import Decision

STYLES = {"succeeded": "green", "failed": "bold red", "stopped": "yellow"}


def command(
    environment: EnvironmentName = DEFAULT_ENVIRONMENT,
    model: ModelName = None,
    seed: Annotated[int, typer.Option(min=0, help="Seed of every candidate.")] = 7,
    shuffle_labels: Annotated[
        bool, typer.Option("--shuffle-labels", help="Train on shuffled labels: a check that nothing leaks.")
    ] = False,
    json: Json = False,
) -> int:
    """Run a model's pipeline: ingest, validate, train, evaluate, govern, register. Exit code 5: nothing promoted.

    Ctrl-C stops the run and its jobs.
    """
    with console.Reporter() as reporter:
        session = engine.open_session(find_environment(environment), reporter.progress)
        deployed = find_deployed(session)
        chosen = deployed.model(model)
        parameters = {"Seed": str(seed), "ShuffleLabels": str(shuffle_labels).lower()}
        run = execute(deployed, chosen, parameters, reporter)
    decision = runs.read_decision(deployed.cloud, deployed.bucket, run)
    tell(decision, console.say)
    if json:
        console.emit("run", {"environment": deployed.name, **described(run, decision)})
    if decision.promoted is None:
        console.say(f"nothing is released: change the candidates or the rules of {chosen.name}, and run again")
        return NothingPromoted.exit_code
    console.say(f"next: ./stile release {deployed.name}")
    return 0


def execute(deployed: Deployed, model: DeployedModel, parameters: Mapping[str, str], reporter: console.Reporter) -> Run:
    """Run the pipeline to its end, telling each step; stopped when the user stops the command.

    Raises:
        RunFailed: a step failed; carries its reason and the last lines of its log.
        Interrupted: the user stopped it.
    """
    cloud = deployed.cloud
    execution = cloud.start_run(model.pipeline, parameters)
    reporter.progress(f"run {execution.rpartition('/')[2]} of {model.pipeline}")
    try:
        run = runs.follow(cloud, execution, lambda step: tell_step(reporter, step))
    except KeyboardInterrupt as stopped:
        cloud.stop_run(execution)
        runs.follow(cloud, execution, lambda step: tell_step(reporter, step))
        raise Interrupted(f"run {execution.rpartition('/')[2]} was stopped") from stopped
    runs.require_success(cloud, run, deployed.name)
    return run


def tell_step(reporter: console.Reporter, step: Step) -> None:
    """Show a step's new status."""
    if step.status in STYLES:
        reporter.finished(step.name, step.name, step.status, STYLES[step.status], step.seconds)
    else:
        reporter.started(step.name, f"{step.name} ({step.status})")


def tell(decision: Decision, say: Callable[[str], None]) -> None:
    """Tell people what govern decided, and why."""
    if decision.promoted:
        _tell(say, f"promoted {decision.promoted.candidate}", decision.promoted.reason)
    else:
        say("  nothing promoted")
    for loser in decision.rejected:
        _tell(say, f"rejected {loser.candidate}", loser.reason)


def _tell(say: Callable[[str], None], verdict: str, reason: str) -> None:
    say(f"  {verdict}")
    for part in reason.split("; "):
        say(f"    {part}")


def described(run: Run, decision: Decision) -> dict[str, Any]:
    """A run and its decision, as scripts read them."""
    return {
        "pipeline": {
            "execution": run.execution,
            "steps": [
                {"name": step.name, "status": step.status, "seconds": round(step.seconds or 0.0, 3)}
                for step in run.steps
            ],
        },
        "decision": {
            "promoted": decision.promoted.candidate if decision.promoted else None,
            "rejected": [{"candidate": loser.candidate, "reason": loser.reason} for loser in decision.rejected],
        },
    }
