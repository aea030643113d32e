"""One demo on a local cloud, shared by the tests that only look at what it made."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import boto3
import pytest

from tests.e2e.project import ENVIRONMENT, Project, copy


@dataclass(frozen=True)
class Demo:
    """What `stile demo aws --json` said, and where it ran."""

    project: Project
    report: dict[str, Any]
    outputs: dict[str, Any]
    variables: dict[str, str]

    def client(self, service: str) -> Any:
        """An official client, with nothing but what `stile env` exports."""
        return boto3.client(
            service,
            endpoint_url=self.variables["AWS_ENDPOINT_URL"],
            region_name=self.variables["AWS_REGION"],
            aws_access_key_id=self.variables["AWS_ACCESS_KEY_ID"],
            aws_secret_access_key=self.variables["AWS_SECRET_ACCESS_KEY"],
        )


@pytest.fixture(scope="session")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Demo]:
    project = copy(tmp_path_factory.mktemp("clone"))
    try:
        report = project.must("demo", "aws", "--json").json()
        yield Demo(project, report, project.outputs(), project.exported())
    finally:
        project.stile("local", "stop")


@pytest.fixture(scope="session")
def environment() -> str:
    return ENVIRONMENT
