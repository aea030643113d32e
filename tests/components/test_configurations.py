"""Wrong configurations: each mistake is told with its path, what is allowed and the fix, and all at once."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from components.errors import ConfigError
from components.validation import parse
from tests.components.configs import ENVIRONMENT, RELEASE, SHA256, changed, environment, full, project

MODEL = "models/flight-delays"


@dataclass(frozen=True)
class Bad:
    """One change that makes the full configuration wrong, and what must be said of it."""

    path: str
    value: object
    told: str  # property path of the problem, below stile:platform
    allowed: str  # part of what is allowed
    fix: str  # part of the fix


BAD = [
    Bad("netwrk", {"mode": "public"}, "netwrk", "network", "did you mean `network`?"),
    Bad("storage/retention_day", 30, "storage.retention_day", "retention_days", "did you mean `retention_days`?"),
    Bad("training/max_minutes", 90, "training.max_minutes", "max_hours", "did you mean `max_hours`?"),
    Bad("training/max_hours", "2h", "training.max_hours", "hours", "a number of hours, such as 2"),
    Bad("storage/retention_days", "90 days", "storage.retention_days", "days", "a number of days"),
    Bad(f"{MODEL}/rollout/bake_seconds", "5m", f"{MODEL}.rollout.bake_seconds", "seconds", "300 for five minutes"),
    Bad("name", "Stile_One", "name", "lower-case letters", "write"),
    Bad("owner", None, "owner", "lower-case", "write"),
    Bad("models", {}, "models", "at least one model", "write"),
    Bad("models/Flight Delays", {"use_case": "flight_delays"}, "models.Flight Delays", "hyphens", "rename"),
    Bad("tracking/mode", "external", "tracking.url", "URL or ARN", "add `url`"),
    Bad("tracking/url", "http://127.0.0.1:5000", "tracking.url", "nothing when mode is managed", "set"),
    Bad("tracking/mode", "manged", "tracking.mode", "managed", "did you mean `managed`?"),
    Bad(f"{MODEL}/release", {"version": 3}, f"{MODEL}.release.sha256", "64 hexadecimal", "add `sha256`"),
    Bad(
        f"{MODEL}/release",
        RELEASE | {"version": "latest"},
        f"{MODEL}.release.version",
        "a registered version",
        "such as 3",
    ),
    Bad(
        f"{MODEL}/rollout",
        {"canary_percent": 10, "bake_seconds": 60},
        f"{MODEL}.rollout.canary_percent",
        "at least 2 instances",
        "instances.min to 2",
    ),
    Bad(f"{MODEL}/endpoint/instances", {"min": 3, "max": 2}, f"{MODEL}.endpoint.instances.min", "at most max", "2"),
    Bad("images/base", f"python@sha256:{SHA256}", "images.python_version", "the base's Python", "add `python_version`"),
    Bad("images/base", "python:3.11-slim", "images.base", "with its digest", "write"),
    Bad("images/python_version", 3.11, "images.python_version", "in quotes", "write"),
    Bad("network/mode", "private", "network.vpc_id", "existing network", "add `vpc_id`"),
    Bad("training/machine", {"cpus": 500, "memory_gib": 8}, "training.machine", "at most", "ask for less"),
    Bad("training/machine", {"cpus": 2}, "training.machine.memory_gib", "GiB", "add `memory_gib`"),
    Bad(f"{MODEL}/endpoint/machine", "ml.t3.medium", f"{MODEL}.endpoint.machine", "ml.m5.large", "no endpoint machine"),
    Bad(f"{MODEL}/rules", "rules/strict.yaml", f"{MODEL}.rules", "govern.yaml", "write the rules in"),
    Bad(f"{MODEL}/use_case", "flight_delay", f"{MODEL}.use_case", "flight_delays", "did you mean `flight_delays`?"),
    Bad(f"{MODEL}/endpoint/kind", "serverless", f"{MODEL}.endpoint.kind", "realtime", "not built yet"),
    Bad(f"{MODEL}/endpoint/capture/mask", ["origin"], f"{MODEL}.endpoint.capture.mask", "nothing on aws", "remove"),
    Bad(f"{MODEL}/endpoint/capture/share", 20, f"{MODEL}.endpoint.capture.share", "0 (nothing) to 1", "write"),
    Bad(f"{MODEL}/schedule", {"cron": "0 6 * * 1"}, f"{MODEL}.schedule", "nothing yet", "remove"),
    Bad("name", "a-platform-with-quite-a-long-name", "models.flight-delays", "63 characters", "shorten"),
    Bad("budget/monthly_usd", -5, "budget.monthly_usd", "above 0", "write"),
    Bad("budget/alert_at", [0.8, 0.8], "budget.alert_at", "each share once", "remove"),
]


# Mistakes of which none hides another: single values, unknown keys and combinations, each in its own part
TOGETHER = {
    "netwrk",
    "storage.retention_day",
    "training.max_hours",
    "tracking.mode",
    f"{MODEL}.use_case",
    f"{MODEL}.release.sha256",
    f"{MODEL}.endpoint.instances.min",
    f"{MODEL}.endpoint.machine",
    "budget.monthly_usd",
}


@pytest.mark.parametrize("bad", BAD, ids=lambda bad: f"{bad.path}={bad.value}")
def test_one_mistake_is_told_once_with_path_and_fix(bad: Bad, tmp_path: Path) -> None:
    known = project(tmp_path, "flight_delays")
    parse(ENVIRONMENT, full(), known)  # the configuration is right but for this one change
    with pytest.raises(ConfigError) as raised:
        parse(ENVIRONMENT, changed(full(), bad.path, bad.value), known)
    path = "stile:platform." + bad.told.replace("/", ".")
    (problem,) = [problem for problem in raised.value.problems if problem.path == path]
    assert bad.allowed in problem.allowed
    assert bad.fix in problem.fix
    others = [problem.path for problem in raised.value.problems if problem.path != path]
    assert all(other.startswith("stile:platform.network.") for other in others)  # a private network lacks all its ids


def test_all_mistakes_are_told_at_once(tmp_path: Path) -> None:
    """Mistakes of single values hide neither each other nor the combinations that cannot work."""
    known = project(tmp_path, "flight_delays")
    config: dict[str, Any] = full()
    wanted = set()
    for bad in (bad for bad in BAD if bad.told in TOGETHER):
        config = changed(config, bad.path, bad.value)
        wanted.add("stile:platform." + bad.told.replace("/", "."))
    with pytest.raises(ConfigError) as raised:
        parse(ENVIRONMENT, config, known)
    assert len(wanted) == len(TOGETHER)
    assert {problem.path for problem in raised.value.problems} == wanted


def test_missing_rules_are_told(tmp_path: Path) -> None:
    known = project(tmp_path, "flight_delays")
    (tmp_path / "ml_jobs/use_cases/flight_delays/govern.yaml").unlink()
    with pytest.raises(ConfigError) as raised:
        parse(ENVIRONMENT, full(), known)
    assert [problem.path for problem in raised.value.problems] == ["stile:platform.models.flight-delays.rules"]


def test_the_top_of_the_file_is_judged_too(tmp_path: Path) -> None:
    """No platform, an unknown cloud and an unknown key are three problems, not a crash."""
    known = project(tmp_path, "flight_delays")
    with pytest.raises(ConfigError) as raised:
        parse(ENVIRONMENT, {"stile:cloud": "azure", "stile:paltform": {}}, known)
    told = {problem.path: problem for problem in raised.value.problems}
    assert set(told) == {"stile:platform", "stile:cloud", "stile:paltform"}
    assert "aws" in told["stile:cloud"].allowed


def test_a_project_is_named_and_numbered_on_google(tmp_path: Path) -> None:
    config = full() | {"stile:cloud": "gcp"}
    with pytest.raises(ConfigError) as raised:
        parse(ENVIRONMENT, config, project(tmp_path, "flight_delays"))
    assert [problem.path for problem in raised.value.problems] == ["gcp:project", "stile:gcp"]


@dataclass(frozen=True)
class Misplaced:
    """What one cloud takes and another does not: set in a configuration of `cloud`, and what must be said of it."""

    cloud: str
    changes: dict[str, Any]
    told: str
    fix: str


ARN = "arn:aws:iam::123456789012:role/ours"
EMAIL = "ours@our-project.iam.gserviceaccount.com"
MISPLACED = [
    Misplaced("aws", {"aws:region": "us-central1"}, "aws:region", "us-east-1"),
    Misplaced("gcp", {"gcp:region": "us-east-1"}, "gcp:region", "us-central1"),
    Misplaced("aws", {"stile:gcp": {"project_number": "123456789012"}}, "stile:gcp", "remove"),
    Misplaced("gcp", {"stile:gcp": {"project_number": "123456789012"}}, "stile:gcp.billing_account", "budget"),
    Misplaced(
        "gcp", {"stile:gcp": {"project_nmber": "1"}}, "stile:gcp.project_nmber", "did you mean `project_number`?"
    ),
    Misplaced("gcp", {"gcp:project": "Our Project"}, "gcp:project", "the id of a project"),
    Misplaced("aws", {"identity": {"job_role_arn": EMAIL}}, "stile:platform.identity.job_role_arn", "an ARN"),
    Misplaced("gcp", {"identity": {"job_role_arn": ARN}}, "stile:platform.identity.job_role_arn", "address"),
    Misplaced("gcp", {"storage": {"kms_key_arn": ARN}}, "stile:platform.storage.kms_key_arn", "projects/<p>"),
    Misplaced("gcp", {"images": {"repository": "host/ours"}}, "stile:platform.images.repository", "docker.pkg.dev"),
    Misplaced(
        "gcp",
        {"tracking": {"mode": "external", "url": "arn:aws:sagemaker:us-east-1:1:mlflow-app/x"}},
        "stile:platform.tracking.url",
        "http(s)",
    ),
    Misplaced("gcp", {"name": "a-quite-long-name"}, "stile:platform.name", "shorten"),
]


@pytest.mark.parametrize("wrong", MISPLACED, ids=lambda wrong: f"{wrong.cloud}-{wrong.told}")
def test_what_is_another_clouds_is_told(wrong: Misplaced, tmp_path: Path) -> None:
    known = project(tmp_path, "flight_delays")
    config = full(wrong.cloud)
    parse(environment(wrong.cloud), config, known)  # right but for the one change
    for key, value in wrong.changes.items():
        config = config | {key: value} if ":" in key else changed(config, key, value)
    with pytest.raises(ConfigError) as raised:
        parse(environment(wrong.cloud), config, known)
    assert wrong.told in [problem.path for problem in raised.value.problems]
    assert all(problem.path.startswith(("stile:gcp", wrong.told)) for problem in raised.value.problems)
    assert wrong.fix in raised.value.problems[-1].fix


def test_a_project_number_may_be_written_as_a_number(tmp_path: Path) -> None:
    config = full("gcp")
    config["stile:gcp"]["project_number"] = 123456789012
    spec = parse(environment("gcp"), config, project(tmp_path, "flight_delays"))
    assert spec.place.project_number == "123456789012"
    assert spec.place.parent == "projects/our-project/locations/us-central1"


def test_a_spec_holds_what_was_written_and_cannot_be_changed(tmp_path: Path) -> None:
    """A version written as a number is text in the Spec; what is left out has the documented default."""
    known = project(tmp_path, "flight_delays")
    spec = parse(ENVIRONMENT, full(release=RELEASE | {"version": 3}), known)
    model = spec.platform.models["flight-delays"]
    assert model.release is not None
    assert model.release.version == "3"
    assert (model.endpoint.instances.min, spec.platform.storage.retention_days) == (1, 90)
    with pytest.raises(ValueError, match="frozen"):
        spec.platform.name = "other"
