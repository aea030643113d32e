"""Features: each is asked for by a configuration, and a cloud that lacks one refuses it with a reason and what to do.

The parity matrix has these rows. A feature that no configuration can ask for, or that a cloud lacks without a reason,
would be a row that nothing holds.
"""

from pathlib import Path
from typing import Any

import pytest

from components.errors import ConfigError
from components.features import LACKS, Asked, Feature, asks, refused
from components.spec import Spec
from components.validation import parse
from tests.components.configs import CLOUDS, RELEASE, changed, environment, full, project

MODEL = "models/flight-delays"
VPC = {
    "mode": "private",
    "vpc_id": "vpc-0a1b",
    "subnet_ids": ["subnet-0a1b"],
    "security_group_ids": ["sg-0a1b"],
}
BASE = {"base": f"python@sha256:{'ab' * 32}", "python_version": "3.11"}
EXISTING: dict[str, dict[str, Any]] = {
    "aws": {
        "role": "arn:aws:iam::123456789012:role/ours",
        "key": "arn:aws:kms:us-east-1:123456789012:key/ours",
        "repository": "123456789012.dkr.ecr.us-east-1.amazonaws.com/ours",
        "machine": "ml.m5.large",
    },
    "gcp": {
        "role": "ours@our-project.iam.gserviceaccount.com",
        "key": "projects/our-project/locations/us-central1/keyRings/ours/cryptoKeys/ours",
        "repository": "us-central1-docker.pkg.dev/our-project/ours/jobs",
        "machine": "e2-standard-4",
    },
}


def asking(feature: Feature, cloud: str) -> dict[str, Any]:
    """The full configuration of a cloud with what asks for a feature, and as little else as may be."""
    existing = EXISTING[cloud]
    changes: dict[Feature, dict[str, Any]] = {
        Feature.PRIVATE_NETWORK: {"network": VPC},
        Feature.EXISTING_ROLES: {"identity/job_role_arn": existing["role"]},
        Feature.EXISTING_BUCKET: {"storage/bucket": "our-bucket"},
        Feature.EXISTING_KEY: {"storage/kms_key_arn": existing["key"]},
        Feature.EXISTING_REPOSITORY: {"images/repository": existing["repository"]},
        Feature.BASE_IMAGE: {"images": BASE},
        Feature.TRACKING_SERVER: {"tracking/mode": "server"},
        Feature.TRACKING_EXTERNAL: {"tracking": {"mode": "external", "url": "https://mlflow.example.com"}},
        Feature.MACHINE_BY_TYPE: {"training/machine": existing["machine"]},
        Feature.SERVERLESS_ENDPOINT: {f"{MODEL}/endpoint/kind": "serverless"},
        Feature.ASYNC_ENDPOINT: {f"{MODEL}/endpoint/kind": "async"},
        Feature.BATCH_ENDPOINT: {f"{MODEL}/endpoint/kind": "batch"},
        Feature.SCALING_ENDPOINT: {f"{MODEL}/endpoint/instances": {"min": 1, "max": 3}},
        Feature.CAPTURE_MASK: {f"{MODEL}/endpoint/capture/mask": ["origin"]},
        Feature.RELEASE: {f"{MODEL}/release": RELEASE},
        Feature.WATCHED_ROLLOUT: {f"{MODEL}/rollout/bake_seconds": 60},
        Feature.CANARY: {
            f"{MODEL}/rollout": {"canary_percent": 10, "bake_seconds": 60},
            f"{MODEL}/endpoint/instances/min": 2,
        },
        Feature.CANARY_ON_ONE_INSTANCE: {f"{MODEL}/rollout": {"canary_percent": 10, "bake_seconds": 60}},
        Feature.SCHEDULE: {f"{MODEL}/schedule": {"cron": "0 6 * * 1"}},
        Feature.EMAILS: {"monitoring/emails": ["a@example.com"]},
        Feature.LOG_RETENTION: {"monitoring/log_retention_days": 90},
    }
    config = full(cloud)
    for path, value in changes.get(feature, {}).items():
        config = changed(config, path, value)
    return config


def spec_of(config: dict[str, Any], folder: Path) -> Spec:
    return parse(environment(config["stile:cloud"]), config, project(folder, "flight_delays"))


def asked(spec: Spec, feature: Feature) -> list[Asked]:
    return [one for each, one in asks(spec) if each == feature]


@pytest.mark.parametrize("feature", Feature)
def test_each_feature_can_be_asked_for(cloud: str, feature: Feature, tmp_path: Path) -> None:
    """A cloud that has it takes the configuration; one that lacks it refuses that place alone, with a way out."""
    config = asking(feature, cloud)
    if feature not in LACKS[cloud]:
        assert asked(spec_of(config, tmp_path), feature)
        return
    with pytest.raises(ConfigError) as raised:
        spec_of(config, tmp_path)
    lack = LACKS[cloud][feature]
    (problem,) = raised.value.problems
    assert lack.reason
    assert problem.path.startswith("stile:platform.")
    assert problem.fix
    assert not {"{", "}"} & {*problem.fix, *problem.allowed}  # every place to fill in was filled in


@pytest.mark.parametrize(
    ("cloud", "feature"), [(cloud, feature) for cloud in CLOUDS for feature in LACKS[cloud]], ids=str
)
def test_the_way_out_is_one(cloud: str, feature: Feature, tmp_path: Path) -> None:
    """Without what asked for it the same configuration is taken, so the refusal is about that feature alone."""
    without = spec_of(full(cloud), tmp_path)
    assert not asked(without, feature)
    assert list(refused(without)) == []


def test_every_cloud_says_what_it_lacks() -> None:
    assert LACKS.keys() == set(CLOUDS)


def test_the_rows_read_differently() -> None:
    """They are what the matrix shows, and what its test ids are made of."""
    assert len({feature.value for feature in Feature}) == len(Feature)
