"""What a training job is asked for, as texts of whichever platform: names, defaults and checks."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from ml_jobs.errors import JobError

Entry = Callable[[Sequence[str]], None]
"""What a container is started for: takes the arguments after its name."""

HYPERPARAMETERS = ("use_case", "candidate", "seed", "shuffle_labels")
_TRUTH = {"true": True, "false": False}


def train(given: Mapping[str, str], told_by: str, features: Path, model: Path) -> None:
    """Train what the texts ask for, from a folder of features into a folder for the model.

    `told_by` names for people where the texts came from. The use case may be in STILE_USE_CASE instead.

    Raises:
        JobError: a hyperparameter is missing or malformed.
    """
    from ml_jobs.settings import read_settings
    from ml_jobs.train import TrainRequest, train_candidate
    from ml_jobs.use_cases import load

    settings = read_settings(use_case=given.get("use_case"))
    use_case = settings.use_case
    missing = [name for name, value in (("use_case", use_case), ("candidate", given.get("candidate"))) if not value]
    if use_case is None or missing:
        raise JobError(f"{told_by} lacks {', '.join(missing)}")
    request = TrainRequest(
        candidate=given["candidate"],
        seed=_integer(given.get("seed", "7")),
        shuffle_labels=_truth(given.get("shuffle_labels", "false")),
    )
    train_candidate(load(use_case), settings, request, features, model)


def _integer(text: str) -> int:
    try:
        return int(text)
    except ValueError as error:
        raise JobError(f"hyperparameter seed is {text!r}; it must be a whole number") from error


def _truth(text: str) -> bool:
    if text.lower() not in _TRUTH:
        raise JobError(f"hyperparameter shuffle_labels is {text!r}; it can be true or false")
    return _TRUTH[text.lower()]
