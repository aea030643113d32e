"""For each feature a configuration that asks for it and one that does not, and what a cloud's sign of it is made of."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from components.features import Feature
from ml_jobs.use_cases.flight_delays import CANDIDATES
from tests.components.configs import PRIVATE_NETWORK, RELEASE, changed, full
from tests.components.mocked import Declared

MODEL = "models/flight-delays"
STEPS = 5 + len(CANDIDATES)
"""Ingest, validate, evaluate, govern and register, and each candidate's training."""

BASE = f"python@sha256:{'ab' * 32}"
URL = "https://mlflow.example.com"
EMAIL = "a@example.com"
# By the name of the role in the configuration
ROLES = ("job", "pipeline", "serving", "tracking")
EXISTING: Mapping[str, Mapping[str, str]] = {
    "aws": {
        "role": "arn:aws:iam::123456789012:role/our-{}",
        "key": "arn:aws:kms:us-east-1:123456789012:key/ours",
        "repository": "123456789012.dkr.ecr.us-east-1.amazonaws.com/ours",
        "training_machine": "ml.t3.xlarge",
        "endpoint_machine": "ml.t2.medium",
    },
    "gcp": {
        "role": "our-{}@our-project.iam.gserviceaccount.com",
        "key": "projects/our-project/locations/us-central1/keyRings/ours/cryptoKeys/ours",
        "repository": "us-central1-docker.pkg.dev/our-project/ours/jobs",
        "training_machine": "n1-standard-8",
        "endpoint_machine": "n1-standard-4",
    },
}

Changes = Mapping[str, Any]


@dataclass(frozen=True)
class Sign:
    """What makes a feature real in what a program declares.

    Attributes:
        look: reads it off, and finds something else where the feature is missing.
        shows: what it finds where the feature is there.
    """

    look: Callable[[Declared], object]
    shows: object


def changes(feature: Feature, cloud: str) -> Changes:
    """What asks for a feature, by the path below stile:platform; nothing where every configuration does."""
    existing = EXISTING[cloud]
    asked: Mapping[Feature, Changes] = {
        Feature.PRIVATE_NETWORK: {"network": PRIVATE_NETWORK},
        Feature.EXISTING_ROLES: {f"identity/{role}_role_arn": existing["role"].format(role) for role in ROLES},
        Feature.EXISTING_BUCKET: {"storage/bucket": "our-bucket"},
        Feature.EXISTING_KEY: {"storage/kms_key_arn": existing["key"]},
        Feature.EXISTING_REPOSITORY: {"images/repository": existing["repository"]},
        Feature.BASE_IMAGE: {"images": {"base": BASE, "python_version": "3.12"}},
        Feature.TRACKING_SERVER: {"tracking/mode": "server"},
        Feature.TRACKING_EXTERNAL: {"tracking": {"mode": "external", "url": URL}},
        Feature.MACHINE_BY_NEED: {
            "training/machine": {"cpus": 4, "memory_gib": 16.5},
            f"{MODEL}/endpoint/machine": {"cpus": 16, "memory_gib": 64},
        },
        Feature.MACHINE_BY_TYPE: {
            "training/machine": existing["training_machine"],
            f"{MODEL}/endpoint/machine": existing["endpoint_machine"],
        },
        Feature.SERVERLESS_ENDPOINT: {f"{MODEL}/endpoint/kind": "serverless"},
        Feature.ASYNC_ENDPOINT: {f"{MODEL}/endpoint/kind": "async"},
        Feature.BATCH_ENDPOINT: {f"{MODEL}/endpoint/kind": "batch"},
        Feature.SCALING_ENDPOINT: {f"{MODEL}/endpoint/instances": {"min": 1, "max": 3}},
        Feature.CAPTURE: {f"{MODEL}/endpoint/capture/share": 0.25},
        Feature.CAPTURE_MASK: {f"{MODEL}/endpoint/capture/mask": ["origin", "dest"]},
        Feature.WATCHED_ROLLOUT: {f"{MODEL}/rollout/bake_seconds": 60},
        Feature.CANARY: {
            f"{MODEL}/rollout": {"canary_percent": 10, "bake_seconds": 60},
            f"{MODEL}/endpoint/instances/min": 2,
        },
        Feature.CANARY_ON_ONE_INSTANCE: {f"{MODEL}/rollout": {"canary_percent": 10, "bake_seconds": 60}},
        Feature.SCHEDULE: {f"{MODEL}/schedule": {"cron": "0 6 * * 1"}},
        Feature.EMAILS: {"monitoring/emails": [EMAIL]},
        Feature.LOG_RETENTION: {"monitoring/log_retention_days": 90},
        Feature.BUDGET: {"budget": {"monthly_usd": 99.99, "alert_at": [0.5, 1.2]}},
    }
    return asked.get(feature, {})


# Where every configuration asks for a feature, or where one thing more than it is left away
WITHOUT: Mapping[Feature, Changes] = {
    Feature.PUBLIC_NETWORK: {"network": PRIVATE_NETWORK},
    Feature.TRACKING_MANAGED: {"tracking/mode": "server"},
    Feature.REALTIME_ENDPOINT: {f"{MODEL}/release": None},
    Feature.RELEASE: {f"{MODEL}/release": None},
    Feature.CAPTURE: {f"{MODEL}/endpoint/capture/share": 0},
    Feature.CANARY: {f"{MODEL}/rollout/bake_seconds": 60, f"{MODEL}/endpoint/instances/min": 2},
    Feature.CANARY_ON_ONE_INSTANCE: {f"{MODEL}/rollout/bake_seconds": 60},
    Feature.BUDGET: {"budget": None},
}


def asking(feature: Feature, cloud: str) -> dict[str, Any]:
    """The full configuration of a cloud, released, with what asks for a feature and as little else as may be."""
    return _with(changes(feature, cloud), cloud)


def without(feature: Feature, cloud: str) -> dict[str, Any]:
    """The same without what makes the feature."""
    return _with(WITHOUT.get(feature, {}), cloud)


def _with(wanted: Changes, cloud: str) -> dict[str, Any]:
    config = full(cloud, release=RELEASE)
    for path, value in wanted.items():
        config = changed(config, path, value)
    return config
