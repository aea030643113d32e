"""Flight delays as the jobs see it; pandas and scikit-learn are imported when features or estimators are made."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

from ml_jobs.use_cases import Features, UseCase
from ml_jobs.use_cases.flight_delays import CANDIDATES, columns

if TYPE_CHECKING:
    from pandera.pandas import DataFrameSchema


def _build(raw: Path) -> Features:
    from ml_jobs.use_cases.flight_delays import features

    return features.build(raw)


def _contract() -> "DataFrameSchema":
    from ml_jobs.use_cases.flight_delays import contract

    return contract.schema()


def _estimator(candidate: str, seed: int) -> Any:
    from ml_jobs.use_cases.flight_delays import candidates

    return candidates.estimator(candidate, seed)


USE_CASE = UseCase(
    name="flight_delays",
    candidates=CANDIDATES,
    raw_files=columns.RAW_FILES,
    event_id=columns.EVENT_ID,
    label=columns.LABEL,
    positive="late",
    threshold=0.3,
    slice_by="carrier",
    categories=columns.CATEGORIES,
    numbers=columns.NUMBERS,
    build=_build,
    contract=_contract,
    estimator=_estimator,
    rules=Path(__file__).with_name("govern.yaml"),
    monitor=Path(__file__).with_name("monitor.yaml"),
)
