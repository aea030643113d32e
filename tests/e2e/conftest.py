"""One demo on a local cloud, shared by the tests that only look at what it made."""

import io
import tarfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import boto3
import pytest
from skops import io as skops_io

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

    def read(self, uri: str) -> bytes:
        """An object of S3."""
        bucket, _, key = uri.removeprefix("s3://").partition("/")
        body: bytes = self.client("s3").get_object(Bucket=bucket, Key=key)["Body"].read()
        return body

    def model(self, package: Mapping[str, Any]) -> Any:
        """The model in a registered version's archive, read with no module of ours."""
        archive = io.BytesIO(self.read(package["InferenceSpecification"]["Containers"][0]["ModelDataUrl"]))
        with tarfile.open(fileobj=archive) as files:
            member = files.extractfile(next(name for name in files.getnames() if name.endswith("model.skops")))
            assert member is not None
            content = member.read()
        return skops_io.loads(content, trusted=skops_io.get_untrusted_types(data=content))


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
