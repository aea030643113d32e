"""Flight delays as the jobs see it: puts features, contract, candidates and rules together."""

from pathlib import Path

from ml_jobs.use_cases import UseCase
from ml_jobs.use_cases.flight_delays import CANDIDATES, candidates, contract, features

USE_CASE = UseCase(
    name="flight_delays",
    candidates=CANDIDATES,
    raw_files=features.RAW_FILES,
    event_id=features.EVENT_ID,
    label=features.LABEL,
    positive="late",
    threshold=0.3,
    slice_by="carrier",
    categories=features.CATEGORIES,
    numbers=features.NUMBERS,
    build=features.build,
    contract=contract.schema,
    estimator=candidates.estimator,
    rules=Path(__file__).with_name("govern.yaml"),
)
