"""The implementation on Google Cloud of every stage, held to the stages' contracts."""

import pytest

from components.google import statement
from components.place import Place
from components.stages import STAGES
from tests.conformance import suites

PLACE = Place("us-central1", "our-project", "123456789012", "012345-6789AB-CDEF01")


@pytest.fixture
def samples() -> suites.Samples:
    return suites.Samples(
        cloud="gcp",
        place=PLACE,
        role="ours@our-project.iam.gserviceaccount.com",
        key=f"{PLACE.parent}/keyRings/ours/cryptoKeys/ours",
        bucket="our-bucket",
        uri="gs://our-bucket",
        repository="us-central1-docker.pkg.dev/our-project/ours/jobs",
        topic="projects/our-project/topics/ours",
        version=f"{PLACE.parent}/models/churn@3",
        machine="e2-standard-2",
        statement=statement("reads", "roles/storage.objectViewer", "bucket", "our-bucket"),
        money="'units': '123'",
    )


class TestStorage(suites.StorageSuite):
    """Storage on Google Cloud."""


class TestIdentity(suites.IdentitySuite):
    """Identity on Google Cloud."""


class TestImages(suites.ImagesSuite):
    """Images on Google Cloud."""


class TestRegistry(suites.RegistrySuite):
    """Registry on Google Cloud."""


class TestTracking(suites.TrackingSuite):
    """Tracking on Google Cloud."""


class TestTraining(suites.TrainingSuite):
    """Training on Google Cloud."""


class TestPipeline(suites.PipelineSuite):
    """Pipeline on Google Cloud."""


class TestEndpoint(suites.EndpointSuite):
    """Endpoint on Google Cloud."""


class TestMonitoring(suites.MonitoringSuite):
    """Monitoring on Google Cloud."""


class TestBudget(suites.BudgetSuite):
    """Budget on Google Cloud."""


def test_every_stage_is_held_to_its_contract() -> None:
    held = {
        suite.stage
        for suite in suites.StageSuite.__subclasses__()
        if any(each.__module__ == __name__ for each in suite.__subclasses__())
    }
    assert held == set(STAGES)
