"""An endpoint that does not start: the vendor's plugin leaves it in the cloud, out of the state; `up` recovers it."""

from pathlib import Path

import pytest

from tests.engine.small_platform import WHOLE, Account, make, prepare
from tests.localcloud.cloud import LocalAws

pytestmark = pytest.mark.slow


def test_an_endpoint_that_failed_is_removed_and_made_anew(local_aws: LocalAws, crane: str, tmp_path: Path) -> None:
    """It takes no update, and its name could not be had twice: without this every further `up` would fail."""
    serving = prepare(local_aws, crane, tmp_path / "image")
    platform = make(tmp_path / "project", local_aws, local_aws.name("fails"), "nobody")
    fixed = {"image": serving.ground.image, "role": serving.ground.role}
    platform.declare(1, **fixed, artifact=serving.artifact(word="broken", broken=True))
    assert "unexpected state 'Failed'" in platform.up().error
    platform.release(2, serving)
    said = platform.up()
    assert said.error == ""
    assert any("removing what was made and failed" in message for message in said.messages)
    assert Account(local_aws, platform.prefix).counts() == WHOLE
    assert serving.invoke(f"{platform.prefix}-endpoint")["Body"]["word"] == "release 2"
