"""What people say of an environment's use: typed, each figure with a documented default, `unknown` where nobody knows.

It stands in stacks/usage/<environment>.yaml, and says what no configuration can: requests a month, GiB stored, hours.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Any

import yaml
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError
from pydantic_core import PydanticCustomError

from components.problems import did_you_mean, problems_of
from infra.errors import ConfigError, Problem

FOLDER = Path("stacks") / "usage"
UNKNOWN = "unknown"
MOST = Decimal(10) ** 15
ROOT_KEYS = "an object with the keys "


def _amount(value: object) -> Decimal | None:
    """Read a number exactly as it is written; `unknown` is nothing, and nothing is no number."""
    if value == UNKNOWN:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float | Decimal):
        raise PydanticCustomError("amount", "a number, or unknown")
    return Decimal(str(value))


Amount = Annotated[
    Annotated[Decimal, Field(ge=0, le=MOST, allow_inf_nan=False)] | None,
    BeforeValidator(_amount),
]
"""A number from 0 to 10^15; None is `unknown`."""


def _of(default: str, meaning: str) -> Any:
    """A figure: what it is taken to be where the file says nothing, and what it means."""
    known = None if default == UNKNOWN else Decimal(default)
    return Field(default=known, description=f"{meaning}: a number of 0 or more, or unknown")


class Part(BaseModel):
    """A part of the usage: it cannot be changed, and takes no key that it does not know."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Storage(Part):
    """The data bucket and its key."""

    stored_gib: Amount = _of("50", "GiB in the bucket on average, older versions among them")
    written_requests: Amount = _of("50000", "objects written or listed in a month")
    read_requests: Amount = _of("500000", "objects read in a month")
    transfer_out_gib: Amount = _of("5", "GiB of objects that leave for the internet in a month")
    key_requests: Amount = _of("50000", "times the key is used in a month")
    key_versions: Amount = _of("4", "versions of the key that still decrypt: one per rotation in the first year")


class Images(Part):
    """The repository of the job image."""

    stored_gib: Amount = _of("2", "GiB of images kept")


class Tracking(Part):
    """MLflow."""

    active_hours: Amount = _of("40", "hours in a month in which a server that scales to nothing runs")
    requests: Amount = _of("20000", "requests to MLflow in a month")
    metadata_gib: Amount = _of("1", "GiB of runs, parameters and metrics in its database")
    backup_gib: Amount = _of("7", "GiB of the database's backups: one a day for a week")
    image_gib: Amount = _of("1", "GiB of the server's own image")
    secret_reads: Amount = _of("1000", "times the database's address is read in a month")


class Monitoring(Part):
    """Alarms and those who hear of them."""

    notifications: Amount = _of("100", "messages that alarms and budgets send in a month")


class Model(Part):
    """One model: its runs and its requests."""

    requests: Amount = _of("100000", "predictions asked for in a month")
    request_kib: Amount = _of("4", "KiB of a request and its answer")
    request_seconds: Amount = _of("0.02", "seconds in which a request is answered, where seconds are charged")
    transfer_out_kib: Amount = _of("1", "KiB of an answer that leave for the internet; 0 where all ask from the region")
    logs_gib: Amount = _of("1", "GiB of logs that the endpoint writes in a month")
    logs_kept_gib: Amount = _of("1", "GiB of logs kept on average")
    scaled_hours: Amount = _of(UNKNOWN, "hours in a month of instances above the fewest, where an endpoint scales")
    releases: Amount = _of("2", "releases in a month")
    rollout_hours: Amount = _of("0.5", "hours in which a release runs both fleets, the old and the new")
    runs: Amount = _of("4", "runs of the pipeline in a month")
    training_hours: Amount = _of("0.25", "hours in which each candidate trains in a run")
    processing_hours: Amount = _of("0.5", "hours of all other steps of a run together")
    run_logs_gib: Amount = _of("0.01", "GiB of logs that a run writes")
    batch_hours: Amount = _of("0", "hours of all machines of batch predictions, which people start, in a month")


class Usage(Part):
    """The whole file; what it leaves out is as documented."""

    storage: Storage = Storage()
    images: Images = Images()
    tracking: Tracking = Tracking()
    monitoring: Monitoring = Monitoring()
    models: dict[str, Model] = Field(default_factory=dict, description="an object with the models' names as keys")


@dataclass(frozen=True)
class Figure:
    """One figure of the usage.

    Attributes:
        path: its path in the file, such as `models.flight-delays.runs`.
        value: the number; None is unknown.
        is_assumed: the file does not give it: it is the documented default.
    """

    path: str
    value: Decimal | None
    is_assumed: bool


def figure(usage: Usage, path: str, model: str | None) -> Figure:
    """Return a figure by its path below the file's root; `models.runs` is that of the resource's model.

    Raises:
        KeyError: there is no such figure.
    """
    part, name = path.split(".")
    owner: Part = usage.models.get(model or "", Model()) if part == "models" else getattr(usage, part)
    if name not in type(owner).model_fields:
        raise KeyError(path)
    return Figure(written(path, model), getattr(owner, name), name not in owner.model_fields_set)


def written(path: str, model: str | None) -> str:
    """Return how a figure's path is written in the file: that of a model's has the model's name in it."""
    part, name = path.split(".")
    return f"{part}.{model}.{name}" if part == "models" else path


def usage_path(root: Path, environment: str) -> Path:
    """Return where an environment's usage stands."""
    return root / FOLDER / f"{environment}.yaml"


def read_usage(path: Path, models: tuple[str, ...]) -> Usage:
    """Read a usage file; without one, every figure is as documented.

    Args:
        path: the file.
        models: the names of the environment's models.

    Raises:
        ConfigError: with everything that is wrong: file and path in it, value, what is allowed, the fix.
    """
    if not path.exists():
        return Usage()
    document = _document(path)
    problems = list(_unknown_models(path, document, models))
    try:
        usage = Usage.model_validate(document)
    except ValidationError as error:
        prefix = {str(key): f"{path}: {key}" for key in (*Usage.model_fields, *document)}
        problems += problems_of(error, Usage, prefix)
    if problems:
        raise ConfigError(tuple(problems))
    return usage


def _document(path: Path) -> Mapping[str, Any]:
    try:
        document = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, yaml.YAMLError, UnicodeDecodeError, RecursionError) as error:
        raise ConfigError((Problem(str(path), "", "YAML", f"mend the file: {error}"),)) from error
    if document is None:
        return {}
    if not isinstance(document, dict):
        allowed = ROOT_KEYS + ", ".join(Usage.model_fields)
        raise ConfigError((Problem(str(path), str(document)[:80], allowed, f"write {allowed}"),))
    return {str(key): value for key, value in document.items()}


def _unknown_models(path: Path, document: Mapping[str, Any], models: tuple[str, ...]) -> Iterator[Problem]:
    given = document.get("models")
    for name in given if isinstance(given, dict) else ():
        if name not in models:
            meant = did_you_mean(str(name), models)
            fix = f"did you mean `{meant}`?" if meant else f"remove `{name}`"
            yield Problem(f"{path}: models.{name}", str(name), "one of the models " + ", ".join(models), fix)
