"""Configurations for the tests: a small valid one, and one that uses every stage."""

import copy
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from components.checks import Known

CLOUDS = ("aws", "gcp")
ENVIRONMENT = "test-aws"
SHA256 = "ab" * 32
RELEASE = {"version": "3", "sha256": SHA256}

_PLACES: dict[str, dict[str, Any]] = {
    "aws": {"stile:cloud": "aws", "aws:region": "us-east-1"},
    "gcp": {
        "stile:cloud": "gcp",
        "gcp:region": "us-central1",
        "gcp:project": "our-project",
        "stile:gcp": {"project_number": "123456789012", "billing_account": "012345-6789AB-CDEF01"},
    },
}
_FULL: dict[str, Any] = {
    "stile:platform": {
        "name": "stile",
        "owner": "ml-platform",
        "models": {"flight-delays": {"use_case": "flight_delays"}},
        "budget": {"monthly_usd": 100, "alert_at": [0.8, 1.0]},
    },
}
# A network that exists already.
PRIVATE_NETWORK = {
    "mode": "private",
    "vpc_id": "vpc-0a1b",
    "subnet_ids": ["subnet-0a1b"],
    "security_group_ids": ["sg-0a1b"],
}


def environment(cloud: str) -> str:
    """The name of the tests' stack on a cloud."""
    return f"test-{cloud}"


def full(cloud: str = "aws", **model: Any) -> dict[str, Any]:
    """A configuration with every stage; the keywords are keys of its one model."""
    config = copy.deepcopy(_PLACES[cloud] | _FULL)
    config["stile:platform"]["models"]["flight-delays"] |= model
    return config


def changed(config: Mapping[str, Any], path: str, value: object) -> dict[str, Any]:
    """A copy of a configuration with one value set; `path` has slashes, and begins below stile:platform."""
    copied = copy.deepcopy(dict(config))
    *parents, last = path.split("/")
    current = copied["stile:platform"]
    for parent in parents:
        current = current.setdefault(parent, {})
    current[last] = value
    return copied


def project(root: Path, *use_cases: str) -> Known:
    """A project at `root` whose use cases have rules."""
    for use_case in use_cases:
        folder = root / "ml_jobs" / "use_cases" / use_case
        folder.mkdir(parents=True)
        (folder / "govern.yaml").write_text("rules: []\n")
    return Known(use_cases, root)
