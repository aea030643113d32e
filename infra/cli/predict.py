"""`stile predict`: ask an endpoint, with rows of a file or with held-out rows of the newest run."""

import json as jsons
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import quantiles
from typing import Annotated, Any

import typer

from infra import engine, samples
from infra.cli import console
from infra.cli.options import DEFAULT_ENVIRONMENT, EnvironmentName, Json, ModelName
from infra.clouds import Answer
from infra.deployed import Deployed, DeployedModel, find_deployed
from infra.environments import find_environment
from infra.errors import UsageError

Rows = Sequence[Mapping[str, Any]]


def command(
    environment: EnvironmentName = DEFAULT_ENVIRONMENT,
    model: ModelName = None,
    file: Annotated[
        Path | None,
        typer.Option(help="JSON: a list of rows, or {instances: [...]}; - reads stdin. Left out: held-out rows."),
    ] = None,
    count: Annotated[int, typer.Option(min=1, max=10_000, help="How many held-out rows, one request each.")] = 10,
    json: Json = False,
) -> None:
    """Ask a model's endpoint, one request per row."""
    with console.Reporter() as reporter:
        session = engine.open_session(find_environment(environment), reporter.progress)
        deployed = find_deployed(session)
        chosen = deployed.model(model)
        endpoint = require_endpoint(deployed, chosen)
        rows = read_rows(file) if file else held_out(deployed, chosen, count)
        reporter.progress(f"asking {endpoint} about {len(rows)} rows")
        answers = ask(deployed, endpoint, rows)
    for answer in answers[:10]:
        console.say("  " + ", ".join(f"{key} {value}" for key, value in answer.predictions[0].items()))
    if len(answers) > 10:
        console.say(f"  and {len(answers) - 10} more")
    console.say(told(endpoint, answers))
    if json:
        predictions = [prediction for answer in answers for prediction in answer.predictions]
        console.emit(
            "predict",
            {
                "environment": deployed.name,
                "endpoint": endpoint,
                "model": answers[0].model,
                "predictions": predictions,
                "latency_ms": latency_ms(answers),
            },
        )


def require_endpoint(deployed: Deployed, model: DeployedModel) -> str:
    """The model's endpoint; raises UsageError where nothing is released."""
    if model.endpoint is None:
        raise UsageError(
            f"no version of {model.name} is live", fix=f"./stile release {deployed.name} && ./stile up {deployed.name}"
        )
    return model.endpoint


def held_out(deployed: Deployed, model: DeployedModel, count: int) -> Rows:
    """Held-out rows of the newest run; raises UsageError where there was none."""
    execution = deployed.cloud.newest_run(model.pipeline)
    if execution is None:
        raise UsageError(f"{model.name} has no run to take rows from", fix=f"./stile run {deployed.name}, or --file")
    use_case = deployed.use_case(model)
    return samples.held_out_rows(deployed.cloud, deployed.bucket, execution.rpartition("/")[2], use_case, count)


def read_rows(file: Path) -> Rows:
    """Rows of a file, or of stdin.

    Raises:
        UsageError: it cannot be read, or holds no rows.
    """
    try:
        document = jsons.loads(sys.stdin.read() if str(file) == "-" else file.read_text())
    except (OSError, ValueError) as error:
        raise UsageError(f"no rows can be read: {error}", path=str(file), fix="a JSON list of objects") from error
    rows = document.get("instances") if isinstance(document, dict) else document
    if not isinstance(rows, list) or not rows or not all(isinstance(row, dict) for row in rows):
        raise UsageError("these are no rows", path=str(file), fix="a JSON list of objects, or {instances: [...]}")
    return rows


def ask(deployed: Deployed, endpoint: str, rows: Rows) -> list[Answer]:
    """One request per row, one after the other; raises CloudError."""
    return [deployed.cloud.predict(endpoint, [row]) for row in rows]


def latency_ms(answers: Sequence[Answer]) -> dict[str, float]:
    """Median and 95th percentile of the requests' time, in milliseconds, as this client saw them."""
    times = [answer.seconds * 1000 for answer in answers]
    cuts = quantiles(times, n=20, method="inclusive") if len(times) > 1 else times * 19
    return {"p50": round(cuts[9], 3), "p95": round(cuts[18], 3)}


def told(endpoint: str, answers: Sequence[Answer]) -> str:
    """One line for people."""
    times, model = latency_ms(answers), answers[0].model
    return (
        f"{len(answers)} predictions from {endpoint} (version {model['version']}); "
        f"p50 {times['p50']:.1f} ms, p95 {times['p95']:.1f} ms"
    )
