"""A bad release under load: no request fails, the old model stays live, `up` fails naming what was asked and is live.

The endpoint is the project's own component under the real engine, asked without pause by official clients that try
nothing again. Models are of one word, so that a release takes moments.
"""

import sys
from collections.abc import Iterator

import pytest

from tests.localcloud.cloud import LocalAws
from tests.localcloud.endpoint_ground import Serving
from tests.localcloud.job_images import ground
from tests.providers.aws.release_ground import (
    CLIENTS,
    CRASHES,
    ENDPOINT,
    GOOD,
    NEVER_ANSWERS,
    ROLLED_BACK,
    SERVER,
    Load,
    Project,
    register,
    write,
)

pytestmark = pytest.mark.slow

# What is wrong with the model, the local cloud's faults beside it, and what `up` says first.
BAD = {
    "crashes": (CRASHES, '[[fault]]\nmachine="endpoint"\naction="rollback"\nheld=true\n', "RollingBack"),
    "never-passes-its-ping": (
        NEVER_ANSWERS,
        '[[fault]]\nmachine="endpoint"\naction="health_check_seconds"\nlimit=2.0\n'
        '[[fault]]\nmachine="endpoint"\naction="rollback"\nheld=true\n',
        "RollingBack",
    ),
    # The rollback is over before the provider looks: it reports success, and only the check in the graph sees it.
    "rolled-back-between-two-looks": (ROLLED_BACK, "", "does not serve what was asked"),
}


@pytest.fixture(scope="module")
def project(local_aws: LocalAws, crane: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Project]:
    serving = Serving(local_aws, ground(local_aws, crane, tmp_path_factory.mktemp("image"), SERVER))
    root = tmp_path_factory.mktemp("release")
    key = local_aws.client("kms").create_key()["KeyMetadata"]["Arn"]
    made = Project(root, serving, key)
    register(serving)
    write(made)
    made.release(GOOD)
    assert made.up() == ""
    yield made
    serving.delete(ENDPOINT)


@pytest.mark.parametrize("case", BAD)
def test_a_bad_release_costs_no_request_and_leaves_the_old_model_live(project: Project, case: str) -> None:
    """Four clients ask from before the update to after its rollback; each answer is the old model's."""
    version, faults, said_first = BAD[case]
    sagemaker = project.serving.sagemaker
    old = sagemaker.describe_endpoint(EndpointName=ENDPOINT)["EndpointConfigName"]
    project.release(version)
    load = Load(project.serving.aws)
    with load.running():
        with project.faults(faults):
            said = project.up()
        settled = project.serving.settled(ENDPOINT)
    kept = configurations(project)
    sys.stdout.write(
        f"{case}: {len(load.answers)} answered, {len(load.failed)} failed, live {old}, kept {kept}\n"
    )  # pytest -rP shows it
    assert load.failed == []
    assert set(load.answers) == {f"version {GOOD}"}
    assert len(load.answers) > 10 * CLIENTS
    assert said_first in said
    assert f"asked for version {version}" in said
    assert f"live is version {GOOD} by {old}" in said
    assert "the last lines of its newest container" in said
    assert f"loading version {version}" in said
    assert (settled["EndpointStatus"], settled["EndpointConfigName"]) == ("InService", old)
    assert old in kept


def configurations(project: Project) -> list[str]:
    """The names of the endpoint configurations that exist."""
    pages = project.serving.sagemaker.get_paginator("list_endpoint_configs").paginate(NameContains=ENDPOINT)
    return sorted(one["EndpointConfigName"] for page in pages for one in page["EndpointConfigs"])
