"""The steps of the value chain for one use case: ingest, validate, train each candidate, evaluate, govern, register."""

from collections.abc import Sequence

from components.pipeline import Channel, FromModel, FromOutput, FromParameter, Graph, Parameter, Step
from components.stages import StepRole


def value_chain(use_case: str, candidates: Sequence[str], raw_uri: str) -> Graph:
    """Return the graph of a use case; `raw_uri` is where its raw data lie unless a run says otherwise."""
    parameters = (
        Parameter("Seed", "Integer", 7),
        Parameter("ShuffleLabels", "String", "false"),
        Parameter("RawDataUri", "String", raw_uri),
    )
    features = _output_of("ingest", "features")
    evaluation = _output_of("evaluate", "evaluation")
    decision = _output_of("govern", "decision")
    models = tuple(_model_of(candidate) for candidate in candidates)
    raw = Channel("raw", FromParameter("RawDataUri"), "raw")
    steps = (
        _job("ingest", (raw,), "features"),
        _job("validate", (features,), "report"),
        *(_training(use_case, candidate, features) for candidate in candidates),
        _job("evaluate", (features, *models), "evaluation"),
        _job("govern", (evaluation,), "decision"),
        _job("register", (decision, evaluation, *models), "registered"),
    )
    return Graph(use_case, parameters, steps)


def training_step(candidate: str) -> str:
    """Return the name of the step that trains a candidate."""
    return f"train-{candidate.replace('_', '-')}"


def _output_of(step: str, output: str) -> Channel:
    return Channel(output, FromOutput(step, output), output)


def _model_of(candidate: str) -> Channel:
    return Channel(f"model-{candidate}", FromModel(training_step(candidate)), f"models/{candidate}")


def _job(name: StepRole, inputs: tuple[Channel, ...], output: str) -> Step:
    return Step(name, name, "processing", module=f"ml_jobs.{name}", inputs=inputs, outputs=(output,))


def _training(use_case: str, candidate: str, features: Channel) -> Step:
    hyperparameters = (
        ("use_case", use_case),
        ("candidate", candidate),
        ("seed", FromParameter("Seed")),
        ("shuffle_labels", FromParameter("ShuffleLabels")),
    )
    return Step(
        training_step(candidate),
        "train",
        "training",
        inputs=(features,),
        hyperparameters=hyperparameters,
        after=("validate",),
    )
