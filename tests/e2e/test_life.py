"""An environment is destroyed and comes again: data and models stay unless they are named."""

import socket
from urllib.parse import urlsplit

import psutil
import pytest

from tests.e2e.conftest import Demo, both_clouds
from tests.e2e.project import Project

pytestmark = [pytest.mark.e2e, pytest.mark.slow, pytest.mark.ends_the_demo, both_clouds]

# What holds data and models, as `destroy` names it; on Google Cloud no resource stands for a model.
KEPT = {
    "aws": ("aws:s3/bucket:Bucket", "ModelPackageGroup"),
    "gcp": ("gcp:storage/bucket:Bucket", "/models/stile-local-gcp-flight-delays"),
}


# What `destroy --with-data` leaves: what an earlier release was made of, which the first `destroy` retained; and keys,
# which Google Cloud deletes never. With the exit code of `leftovers`.
LEFT = {
    "aws": ({"aws:sagemaker/endpointConfiguration:EndpointConfiguration", "aws:sagemaker/model:Model"}, 3),
    "gcp": ({"gcp:kms/cryptoKey:CryptoKey"}, 0),
}


def in_state(demo: Demo) -> list[str]:
    done = demo.project.shell(f"pulumi stack export -s {demo.environment}", demo.environment)
    assert done.code == 0, done.stderr
    resources = done.json()["deployment"].get("resources", [])
    return [one["type"] for one in resources if not one["type"].startswith("pulumi:")]


def processes(project: Project) -> list[str]:
    """Command lines of processes that work in the project's state directory."""
    mark = str(project.folder)
    found = []
    for process in psutil.process_iter(["cmdline", "environ"]):
        facts = [*(process.info["cmdline"] or []), *(process.info["environ"] or {}).values()]
        if process.pid != psutil.Process().pid and any(mark in fact for fact in facts):
            found.append(" ".join(process.info["cmdline"] or [])[:200])
    return found


def test_an_environment_is_destroyed_and_comes_again(demo: Demo) -> None:
    """destroy, demo, destroy --with-data, demo, local stop: each step leaves what it says, and nothing else."""
    project, environment = demo.project, demo.environment
    kept = project.must("destroy", environment, "--json").json()["kept"]
    for what in KEPT[demo.cloud]:
        assert any(what in urn for urn in kept), kept
    again = project.must("demo", demo.cloud, "--json").json()
    assert again["endpoint"]["predictions"] > 0
    assert project.outputs(environment)["data_bucket"] == demo.outputs["data_bucket"]

    project.must("destroy", environment, "--with-data", "--yes")
    assert in_state(demo) == []
    left = project.stile("leftovers", environment, "--json")
    assert ({one["type"] for one in left.json()["things"]}, left.code) == LEFT[demo.cloud], left.stdout
    assert demo.vendor.models() == []
    assert project.must("demo", demo.cloud, "--json").json()["endpoint"]["predictions"] > 0

    project.must("local", "stop", demo.cloud)
    blind = project.stile("drift", environment, "--json")
    assert (blind.code, blind.json()["infra"]["status"]) == (4, "unknown"), blind.stdout + blind.stderr
    assert processes(project) == []
    where = urlsplit(demo.address)
    with socket.socket() as one:
        assert one.connect_ex((str(where.hostname), int(where.port or 0))) != 0
