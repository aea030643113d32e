"""The estimators that compete; every one takes the object matrix of ml_jobs.matrix and gives probabilities."""

from typing import Any

from sklearn.compose import ColumnTransformer
from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import KBinsDiscretizer, OneHotEncoder, OrdinalEncoder, StandardScaler

from ml_jobs.errors import JobError
from ml_jobs.use_cases.flight_delays import CANDIDATES
from ml_jobs.use_cases.flight_delays.columns import CATEGORIES, NUMBERS

# Columns by position: the estimators see a matrix without names, in training as in serving.
_CATEGORIES = list(range(len(CATEGORIES)))
_NUMBERS = list(range(len(CATEGORIES), len(CATEGORIES) + len(NUMBERS)))


def estimator(candidate: str, seed: int) -> Pipeline:
    """Return an unfitted candidate; one thread, so that a seed and the data settle the model.

    Raises:
        JobError: there is no such candidate.
    """
    makers = {"logistic": _logistic, "hgb": _hgb, "forest": _forest}
    if candidate not in makers:
        raise JobError(f"no candidate {candidate!r} in flight_delays; there are: {', '.join(CANDIDATES)}")
    return makers[candidate](seed)


def _logistic(seed: int) -> Pipeline:
    """Binned and scaled numbers, one-hot categories, and an L1 penalty strong enough to drop what is only noise."""
    binned = Pipeline([("impute", SimpleImputer(strategy="median")), ("bin", _bins())])
    scaled = Pipeline([("impute", SimpleImputer(strategy="median")), ("scale", StandardScaler())])
    encode = ColumnTransformer(
        [
            ("categories", OneHotEncoder(handle_unknown="infrequent_if_exist", min_frequency=200), _CATEGORIES),
            ("binned", binned, _NUMBERS),
            ("scaled", scaled, _NUMBERS),
        ]
    )
    model = LogisticRegression(l1_ratio=1.0, C=0.002, solver="liblinear", max_iter=200, random_state=seed)
    return Pipeline([("encode", encode), ("model", model)])


def _bins() -> KBinsDiscretizer:
    """Bins of equal width: of equal count would fold where most values are one (precipitation is mostly 0)."""
    return KBinsDiscretizer(n_bins=14, strategy="uniform", subsample=None)


def _hgb(seed: int) -> Pipeline:
    """Gradient boosting over histograms; missing numbers go as they are."""
    model = HistGradientBoostingClassifier(
        max_iter=150,
        learning_rate=0.06,
        max_leaf_nodes=31,
        min_samples_leaf=200,
        l2_regularization=5.0,
        max_features=0.5,
        early_stopping=True,
        validation_fraction=0.1,
        n_iter_no_change=10,
        random_state=seed,
    )
    return Pipeline([("encode", _ordinal()), ("model", model)])


def _forest(seed: int) -> Pipeline:
    """Train a forest of small trees, each on a random half of the rows (drawn with the seed)."""
    model = RandomForestClassifier(
        n_estimators=40,
        min_samples_leaf=60,
        max_features="sqrt",
        max_samples=0.5,
        n_jobs=1,
        random_state=seed,
    )
    return Pipeline([("encode", _ordinal()), ("model", model)])


def _ordinal() -> ColumnTransformer:
    encoder: Any = OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-1, min_frequency=100)
    return ColumnTransformer([("categories", encoder, _CATEGORIES), ("numbers", "passthrough", _NUMBERS)])
