"""The AWS implementation of every stage, held to the stages' contracts."""

import pytest

from components.place import Place
from components.stages import STAGES
from tests.conformance import suites

ACCOUNT = "us-east-1:123456789012"


@pytest.fixture
def samples() -> suites.Samples:
    return suites.Samples(
        cloud="aws",
        place=Place("us-east-1"),
        role="arn:aws:iam::123456789012:role/ours",
        key=f"arn:aws:kms:{ACCOUNT}:key/ours",
        bucket="our-bucket",
        uri="s3://our-bucket",
        repository="123456789012.dkr.ecr.us-east-1.amazonaws.com/ours",
        topic=f"arn:aws:sns:{ACCOUNT}:ours",
        version=f"arn:aws:sagemaker:{ACCOUNT}:model-package/churn/3",
        machine="ml.m5.large",
        statement={"Action": ["s3:GetObject"], "Resource": ["*"]},
        money="'123.5'",
    )


class TestStorage(suites.StorageSuite):
    """Storage on AWS."""


class TestIdentity(suites.IdentitySuite):
    """Identity on AWS."""


class TestImages(suites.ImagesSuite):
    """Images on AWS."""


class TestRegistry(suites.RegistrySuite):
    """Registry on AWS."""


class TestTracking(suites.TrackingSuite):
    """Tracking on AWS."""


class TestTraining(suites.TrainingSuite):
    """Training on AWS."""


class TestPipeline(suites.PipelineSuite):
    """Pipeline on AWS."""


class TestEndpoint(suites.EndpointSuite):
    """Endpoint on AWS."""


class TestMonitoring(suites.MonitoringSuite):
    """Monitoring on AWS."""


class TestBudget(suites.BudgetSuite):
    """Budget on AWS."""


def test_every_stage_is_held_to_its_contract() -> None:
    held = {
        suite.stage
        for suite in suites.StageSuite.__subclasses__()
        if any(each.__module__ == __name__ for each in suite.__subclasses__())
    }
    assert held == set(STAGES)
