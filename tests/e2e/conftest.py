"""One demo on each local cloud, shared by the tests that only look at what it made."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import cache
from typing import Any

import pytest
from skops import io as skops_io

from tests.e2e.project import ENVIRONMENT, Project, copy
from tests.e2e.vendors import VENDORS, Aws, Vendor, Version

both_clouds = pytest.mark.parametrize("demo", ["aws", "gcp"], indirect=True)
"""For tests that hold on both clouds; the others see the one on AWS."""


@dataclass(frozen=True)
class Demo:
    """What `stile demo CLOUD --json` said, and where it ran.

    Attributes:
        vendor: asks its cloud by official clients.
    """

    cloud: str
    project: Project
    report: dict[str, Any]
    outputs: dict[str, Any]
    variables: dict[str, str]
    vendor: Vendor

    @property
    def environment(self) -> str:
        """The environment's name."""
        return f"local-{self.cloud}"

    @property
    def address(self) -> str:
        """Where the local cloud answers."""
        return str(self.report["urls"]["cloud"])

    @property
    def group(self) -> str:
        """What the cloud's registry calls the model."""
        (model,) = self.outputs["models"].values()
        return str(model["model_package_group"])

    @property
    def bucket_uri(self) -> str:
        """The data bucket's address, as the reports' begin."""
        return str(self.report["reports"]["decision"]).partition("/runs/")[0]

    def client(self, service: str) -> Any:
        """An official client of AWS, with nothing but what `stile env` exports."""
        assert isinstance(self.vendor, Aws)
        return self.vendor.client(service)

    def model(self, version: Version) -> Any:
        """A registered version's model, read with no module of ours."""
        content = self.vendor.model_file(version)
        return skops_io.loads(content, trusted=skops_io.get_untrusted_types(data=content))


@contextmanager
def shown(cloud: str, project: Project) -> Iterator[Demo]:
    """Show a demo in a copy of the project; its cloud is stopped afterwards."""
    environment = f"local-{cloud}"
    with ExitStack() as after:
        after.callback(project.stile, "local", "stop", cloud)
        report = project.must("demo", cloud, "--json").json()
        variables = project.exported(environment)
        vendor = VENDORS[cloud](variables)
        after.callback(vendor.close)
        yield Demo(cloud, project, report, project.outputs(environment), variables, vendor)


@pytest.fixture(scope="session")
def demos(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[str], Demo]]:
    """Returns the demo of a cloud, which is shown when it is first asked for."""
    with ExitStack() as running:

        @cache
        def of(cloud: str) -> Demo:
            return running.enter_context(shown(cloud, copy(tmp_path_factory.mktemp(f"clone-{cloud}"))))

        yield of


@pytest.fixture(scope="session")
def demo(request: pytest.FixtureRequest, demos: Callable[[str], Demo]) -> Demo:
    return demos(getattr(request, "param", "aws"))


@pytest.fixture(scope="session")
def environment() -> str:
    return ENVIRONMENT
