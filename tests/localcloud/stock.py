"""The fixture `stock_aws`: LocalStack's own services, in host mode or in a container, as `--localstack` says."""

import subprocess
from collections.abc import Callable, Iterator
from contextlib import closing
from typing import Any

import boto3
import docker
import pytest
from pytest_localstack.session import LocalstackSession

from tests.localcloud.cloud import REGION, LocalAws

SERVICES = ("cloudwatch", "iam", "kms", "logs", "s3", "sns", "sts")
# The version that the local cloud runs in host mode (infra/localcloud/aws/pyproject.toml).
VERSION = "4.13.1"

Client = Callable[[str], Any]


@pytest.fixture(scope="session")
def stock_aws(request: pytest.FixtureRequest) -> Iterator[Client]:
    """A function from a service's name to an official client of it."""
    if request.config.getoption("--localstack") == "docker":
        yield from _container()
    else:
        local: LocalAws = request.getfixturevalue("local_aws")
        yield local.client


def _container() -> Iterator[Client]:
    # By the command, not by the SDK: its client leaks a socket where nothing answers.
    asked = subprocess.run(["docker", "version"], capture_output=True, text=True, check=False)
    if asked.returncode:
        pytest.fail(f"--localstack=docker needs a Docker daemon, and none answers: {asked.stderr.strip()}")
    with closing(docker.from_env()) as daemon:
        yield from _session(daemon)


def _session(daemon: docker.DockerClient) -> Iterator[Client]:
    session = LocalstackSession(daemon, services=SERVICES, region_name=REGION, localstack_version=VERSION)
    session.start(timeout=120)
    try:
        yield lambda service: boto3.client(
            service,
            endpoint_url=session.endpoint_url(service),
            region_name=REGION,
            aws_access_key_id="test",
            aws_secret_access_key="test",
        )
    finally:
        session.stop(timeout=20)
