"""`stile demo`: the whole value chain on a local cloud, from infrastructure to answered predictions."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any

import typer

from infra import demo_data, engine, failures, program, releases, runs
from infra.cli import console
from infra.cli.options import Json
from infra.cli.predict import Rows, ask, held_out, latency_ms, require_endpoint, told
from infra.cli.run import described, execute, tell
from infra.clouds import Answer, Run
from infra.deployed import Deployed, DeployedModel, find_deployed
from infra.engine import Outcome, Session
from infra.environments import find_environment, read_config
from infra.runs import Decision, RegisteredVersion

PREDICTIONS = 100
CloudName = Annotated[
    str,
    typer.Argument(metavar="CLOUD", help="aws or gcp", envvar="STILE_DEMO_CLOUD", show_envvar=False),
]


@dataclass(frozen=True)
class Shown:
    """What a demo came to."""

    deployed: Deployed
    up: Outcome
    run: Run
    decision: Decision
    endpoint: str | None
    answers: tuple[Answer, ...]


def command(cloud: CloudName = "aws", json: Json = False) -> int:
    """Provision, run the pipeline on real data, release what was promoted, ask its endpoint.

    Everything happens on this machine. Afterwards the local cloud keeps running, for you to look around.
    Exit code 5: nothing was promoted.
    """
    environment = find_environment(f"local-{cloud}")
    program.load_ahead(program.read(environment.name, read_config(environment.config_path)))
    with console.Reporter() as reporter:
        shown = show(engine.open_session(environment, reporter.progress), reporter)
    closing(shown)
    if json:
        console.emit("demo", report(shown))
    return 0 if shown.decision.promoted else 5


def show(session: Session, reporter: console.Reporter) -> Shown:
    """Go through the value chain once."""
    releases.withdraw_lost(session, reporter.progress)
    reporter.heading("1  Provision: the real Pulumi, one Python definition")
    up = failures.provision(session, reporter.watch)
    reporter.say(f"  {console.summary(up.changes)}; {up.seconds:.1f} s")
    deployed = find_deployed(session)
    model = deployed.model(None)
    reporter.heading(f"2  Run: real flights through the pipeline, each step {deployed.words.job}")
    put_raw_data(deployed, model, reporter)
    run = execute(deployed, model, {}, reporter)
    decision = runs.read_decision(deployed.cloud, deployed.bucket, run)
    reporter.heading("3  Govern: artifacts + rules -> one is promoted, every other flagged with its reason")
    tell(decision, reporter.say)
    if decision.promoted is None:
        return Shown(deployed, up, run, decision, None, ())
    reporter.heading("4  Release: a diff of the stack's config, then up")
    deployed = release(deployed, model, decision.promoted.candidate, run, reporter)
    reporter.heading("5  Predict: held-out flights, one request each")
    model = deployed.model(None)
    endpoint = require_endpoint(deployed, model)
    rows: Rows = held_out(deployed, model, PREDICTIONS)
    answers = tuple(ask(deployed, endpoint, rows))
    reporter.say(f"  {told(endpoint, answers)}")
    return Shown(deployed, up, run, decision, endpoint, answers)


def put_raw_data(deployed: Deployed, model: DeployedModel, reporter: console.Reporter) -> None:
    """Put the raw files into the data bucket, where the jobs look for them."""
    use_case = deployed.use_case(model)
    reporter.progress("laying out the raw data")
    files = demo_data.raw_files(use_case, deployed.session.environment.state_dir / "demo")
    sent = deployed.cloud.put_files(deployed.bucket, files)
    to = f"{deployed.words.scheme}://{deployed.bucket}/raw/{use_case}/"
    reporter.progress(f"{sent} of {len(files)} raw files sent to {to}")


def release(deployed: Deployed, model: DeployedModel, candidate: str, run: Run, reporter: console.Reporter) -> Deployed:
    """Release what a run promoted, and bring it up."""
    session = deployed.session
    registered: RegisteredVersion = runs.read_registered(deployed.cloud, deployed.bucket, run)[candidate]
    version = next(found for found in deployed.cloud.versions(model.group) if found.version == registered.version)
    releases.write(session, model.name, version)
    where = session.environment.config_path.relative_to(session.environment.root)
    reporter.say(f"  {where} names version {version.version}, sha256 {version.sha256[:12]}...")
    outcome = failures.provision(session, reporter.watch)
    reporter.say(f"  {console.summary(outcome.changes)}; {outcome.seconds:.1f} s")
    return find_deployed(session)


def report(shown: Shown) -> dict[str, Any]:
    """The demo as scripts read it."""
    return {
        "environment": shown.deployed.name,
        "up": {"created": shown.up.created, "seconds": round(shown.up.seconds, 3)},
        **described(shown.run, shown.decision),
        "endpoint": endpoint_report(shown),
        "urls": urls(shown.deployed),
        "reports": reports(shown),
    }


def endpoint_report(shown: Shown) -> dict[str, Any] | None:
    """The endpoint's name, and how quickly it answered; None where nothing was promoted."""
    if shown.endpoint is None:
        return None
    return {"name": shown.endpoint, "predictions": len(shown.answers), "latency_ms": latency_ms(shown.answers)}


def urls(deployed: Deployed) -> dict[str, str]:
    """What opens in a browser, or answers an official client."""
    found = {"mlflow": deployed.cloud.tracking_url(deployed.tracking)}
    if deployed.session.cloud is not None:
        found["cloud"] = deployed.session.cloud.endpoint_url
    return found


def reports(shown: Shown) -> Mapping[str, str]:
    """Where a run's reports lie in the data bucket."""
    root = f"{shown.deployed.words.scheme}://{shown.deployed.bucket}/runs/{shown.run.execution}"
    return {
        "validation": f"{root}/validate/report/",
        "evaluation": f"{root}/evaluate/evaluation/",
        "decision": f"{root}/govern/decision/decision.json",
    }


def closing(shown: Shown) -> None:
    """Say where everything is, and what to do next."""
    console.say("\nWhere everything is")
    for title, place in {**urls(shown.deployed), **reports(shown)}.items():
        console.say(f"  {title:<11} {place}")
    console.say("\nNext")
    for line, what in next_commands(shown.deployed).items():
        console.say(f"  {line:<40}  {what}")


def next_commands(deployed: Deployed) -> Mapping[str, str]:
    """What one does next, and what that is for."""
    name, cloud = deployed.name, deployed.session.environment.cloud
    return {
        f"./stile status {name}": "what stands, which version is live",
        f"./stile logs pipeline {name}": "what every job of the run wrote",
        f'eval "$(./stile env {name})"': f"then pulumi, {deployed.words.clients} and mlflow work in this shell",
        f"./stile destroy {name}": "data and models stay; --with-data deletes them too",
        f"./stile local stop {cloud}": "ends the local cloud; it keeps nothing",
    }
