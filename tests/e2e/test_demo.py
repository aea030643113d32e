"""What the demo promises: provisioned by the real engine, run on real data, governed, served."""

import pytest

from tests.e2e.conftest import Demo, both_clouds

pytestmark = [pytest.mark.e2e, pytest.mark.slow, both_clouds]


def test_the_demo_reports_what_scripts_read(demo: Demo) -> None:
    """The keys of `stile.demo/1` are a contract."""
    assert demo.report["schema"] == "stile.demo/1"
    assert {"environment", "up", "pipeline", "decision", "endpoint", "urls", "reports"} <= demo.report.keys()
    assert demo.report["up"]["created"] > 0


def test_every_step_of_the_pipeline_really_ran(demo: Demo) -> None:
    """Each step is a job of the cloud that succeeded and took time."""
    steps = {step["name"]: step for step in demo.report["pipeline"]["steps"]}
    assert {"ingest", "validate", "evaluate", "govern", "register"} <= steps.keys()
    assert sum(name.startswith("train-") for name in steps) >= 2
    assert {step["status"] for step in steps.values()} == {"succeeded"}
    assert all(step["seconds"] > 0 for step in steps.values())


def test_govern_promotes_one_and_flags_every_other_with_its_reason(demo: Demo) -> None:
    """Nobody has to guess why a candidate is not live."""
    decision = demo.report["decision"]
    candidates = [step["name"] for step in demo.report["pipeline"]["steps"] if step["name"].startswith("train-")]
    assert decision["promoted"]
    assert len(decision["rejected"]) == len(candidates) - 1
    assert all(item["candidate"] and item["reason"] for item in decision["rejected"])


def test_every_candidate_is_a_model_version(demo: Demo) -> None:
    """The registry holds the losers too, rejected, with govern's reason."""
    by_candidate = {version.candidate: version for version in demo.vendor.versions(demo.group)}
    assert by_candidate[demo.report["decision"]["promoted"]].approved
    for loser in demo.report["decision"]["rejected"]:
        version = by_candidate[loser["candidate"]]
        assert (version.approved, version.reason) == (False, loser["reason"])


def test_the_endpoint_answered(demo: Demo) -> None:
    """The demo's predictions came from the endpoint, and their latency was measured."""
    endpoint = demo.report["endpoint"]
    assert endpoint["predictions"] > 0
    assert 0 < endpoint["latency_ms"]["p50"] <= endpoint["latency_ms"]["p95"]
