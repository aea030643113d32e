"""kill -9 of CLI and of plugin before and after every call on a plugin that an `up` makes: the next one goes on.

Calls that change nothing (Check, Diff, Read and the like) have a point for each method; with STILE_EVERY_RPC set, for
each resource too, which takes twice as long.
"""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.engine.small_platform import WHOLE, Account, SmallPlatform, make, prepare
from tests.localcloud.cloud import LocalAws
from tests.localcloud.endpoint_ground import Serving

# A kill and an update for each point: minutes on a quiet machine, and more where others work too.
pytestmark = [pytest.mark.slow, pytest.mark.timeout(3600)]
KINDS = ("cli", "plugin")
MOST_UPS = 300
CHANGES = (
    "aws Create aws:kms/key:Key {}-key 1",
    "aws Create aws:s3/bucket:Bucket {}-data 1",
    "aws Create aws:sagemaker/mlflowApp:MlflowApp {}-tracking 1",
    "aws Create aws:sagemaker/model:Model {}-model-1 1",
    "aws Create aws:sagemaker/endpointConfiguration:EndpointConfiguration {}-config 1",
    "aws Create aws:sagemaker/endpoint:Endpoint {}-endpoint 1",
    "stile Create stile:endpoint:Live {}-live 1",
    "aws Create aws:sagemaker/model:Model {}-model-2 2",
    "aws Create aws:sagemaker/endpointConfiguration:EndpointConfiguration {}-config 2",
    "aws Update aws:sagemaker/endpoint:Endpoint {}-endpoint 2",
    "stile Update stile:endpoint:Live {}-live 2",
    "aws Delete aws:sagemaker/endpointConfiguration:EndpointConfiguration {}-config 2",
    "aws Delete aws:sagemaker/model:Model {}-model-1 2",
)
OTHERS = ("Handshake", "GetPluginInfo", "CheckConfig", "DiffConfig", "Configure", "Check", "Diff", "Read", "Cancel")


def until_done(platform: SmallPlatform) -> None:
    """Run `up` until nothing is killed any more, each time at points where nothing was before."""
    for _ in range(MOST_UPS):
        said = platform.up()
        if not platform.shot():
            assert said.error == "", said
            return
    raise AssertionError(f"still killed after {MOST_UPS} updates")


def release_twice(platform: SmallPlatform, serving: Serving) -> None:
    """Make the platform, then release another model: a create of everything, an update, a replacement, a deletion."""
    for release in (1, 2):
        platform.release(release, serving)
        until_done(platform)


def test_killed_at_every_call_the_next_up_goes_on(local_aws: LocalAws, crane: str, tmp_path: Path) -> None:
    """Nothing is there twice, nothing is nobody's, nothing still runs, and no lock stays."""
    serving = prepare(local_aws, crane, tmp_path / "image")
    prefix = local_aws.name("fatal")
    platforms = [make(tmp_path / kind, local_aws, f"{prefix}-{kind}", kind) for kind in KINDS]
    with ThreadPoolExecutor() as pool:
        list(pool.map(lambda platform: release_twice(platform, serving), platforms))
    for platform in platforms:
        assert every_point(platform) <= set(platform.points())
        assert Account(local_aws, platform.prefix).counts() == WHOLE
        assert serving.invoke(f"{platform.prefix}-endpoint")["Body"]["word"] == "release 2"
        assert platform.pending() == []
        assert platform.locks() == []
        assert platform.processes() == []


def every_point(platform: SmallPlatform) -> set[str]:
    """The points that every run has: before and after each change, and each other call on both plugins."""
    calls = [change.format(platform.prefix) for change in CHANGES]
    if not platform.each:
        calls += [f"{package} {method}" for package in ("aws", "stile") for method in OTHERS]
    return {f"{call}: {moment}" for call in calls for moment in ("before", "after")}
