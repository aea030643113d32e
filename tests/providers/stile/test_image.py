"""`stile:images:Image`: a preview tells which layer changes, an update pushes beside, a refresh sees a loss."""

import sys
from pathlib import Path
from typing import Any

import pytest

from infra.providers.kit.resource import (
    Change,
    CheckCall,
    CreateCall,
    DeleteCall,
    DiffCall,
    PluginError,
    ReadCall,
    UpdateCall,
)
from infra.providers.kit.values import UNKNOWN, Properties
from infra.providers.stile.image import Image
from tests.providers.stile.conftest import Listening
from tests.providers.stile.small_aws import SmallAws, ecr

pytestmark = pytest.mark.usefixtures("fresh_cache")
URL = "000000000000.dkr.ecr.us-east-1.amazonaws.com/jobs"
URN = "urn:pulumi:dev::demo::stile:images:Image::jobs"
MINOR = f"{sys.version_info.major}.{sys.version_info.minor}"
ASKED = {"repositoryUrl": URL, "pythonVersion": MINOR, "platform": "linux/amd64"}


@pytest.fixture
def image(plugin: Listening, project: Path, registry: str, aws: SmallAws) -> Image:
    """The resource type, with a small project and a registry behind a small ECR."""
    ecr(aws, registry)
    return Image(plugin)


def checked(image: Image, **changes: Any) -> Properties:
    answer = image.check(CheckCall(URN, "jobs", {**ASKED, **changes}))
    assert list(answer.failures) == []
    return answer.inputs


def created(image: Image) -> tuple[Properties, Properties]:
    inputs = checked(image)
    return inputs, image.create(CreateCall(URN, "jobs", inputs)).outputs


def changes(image: Image, old_inputs: Properties, news: Properties) -> dict[str, Change]:
    return dict(image.diff(DiffCall(URN, URL, olds={}, news=news, old_inputs=old_inputs)).changes)


def test_nothing_changed_is_no_difference(image: Image) -> None:
    assert changes(image, checked(image), checked(image)) == {}


def test_one_changed_line_of_the_jobs_updates_the_code_layer_only(image: Image, project: Path) -> None:
    before = checked(image)
    (project / "ml_jobs" / "container.py").write_text("print('changed')\n")
    assert changes(image, before, checked(image)) == {"layers.code": Change.UPDATE}


def test_another_lock_updates_the_packages_layer_only(image: Image, project: Path) -> None:
    before = checked(image)
    lock = project / "uv.lock"
    lock.write_text(lock.read_text().replace('version = "1.0"', 'version = "2.0"').replace("small-1.0-", "small-2.0-"))
    assert changes(image, before, checked(image)) == {"layers.packages": Change.UPDATE}


def test_another_repository_needs_another_image(image: Image) -> None:
    assert changes(image, checked(image), checked(image, repositoryUrl=f"{URL}-two")) == {
        "repositoryUrl": Change.UPDATE_REPLACE
    }


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ({"pythonVersion": "3.11.7"}, "pythonVersion: 3.11.7 is no minor version"),
        ({"platform": "linux/arm64"}, "platform: linux/arm64 is not one of linux/amd64"),
        ({"platform": None}, "platform: is missing"),
        ({"layers": {}}, "layers: is no input of an image"),
        ({"pythonVersion": UNKNOWN}, "pythonVersion: must be known before the update"),
    ],
)
def test_wrong_inputs_are_refused_by_name(image: Image, asked: Properties, said: str) -> None:
    answer = image.check(CheckCall(URN, "jobs", {**ASKED, **asked}))
    assert any(f"{failure.property}: {failure.reason}".startswith(said) for failure in answer.failures)


def test_a_preview_pushes_nothing_and_knows_no_digest(image: Image, aws: SmallAws) -> None:
    preview = image.create(CreateCall(URN, "jobs", checked(image, repositoryUrl=UNKNOWN), preview=True))
    assert preview.outputs["imageUri"] is UNKNOWN
    assert aws.asked == []


def test_an_update_pushes_beside_and_the_old_image_stays(image: Image, project: Path) -> None:
    inputs, outputs = created(image)
    (project / "ml_jobs" / "container.py").write_text("print('changed')\n")
    updated = image.update(UpdateCall(URN, "jobs", URL, olds=outputs, inputs=checked(image), old_inputs=inputs))
    assert updated["imageUri"] == f"{URL}@{updated['digest']}" != outputs["imageUri"]
    assert image.read(ReadCall(URN, "jobs", URL, inputs, outputs)) is not None
    assert image.read(ReadCall(URN, "jobs", URL, inputs, updated)) is not None


def test_a_change_between_check_and_push_stops_the_update(image: Image, project: Path) -> None:
    inputs = checked(image)
    (project / "ml_jobs" / "container.py").write_text("print('changed')\n")
    with pytest.raises(PluginError, match="changed while the update ran"):
        image.create(CreateCall(URN, "jobs", inputs))


def test_a_deleted_image_is_gone_and_made_again_with_the_same_digest(image: Image) -> None:
    inputs, outputs = created(image)
    image.delete(DeleteCall(URN, "jobs", URL, outputs, inputs))
    assert image.read(ReadCall(URN, "jobs", URL, inputs, outputs)) is None
    image.delete(DeleteCall(URN, "jobs", URL, outputs, inputs))
    assert image.create(CreateCall(URN, "jobs", inputs)).outputs == outputs


def test_an_unreachable_registry_is_no_missing_image(image: Image, aws: SmallAws) -> None:
    """A refresh must not drop an image from the state because the network is down."""
    inputs, outputs = created(image)
    ecr(aws, "http://127.0.0.1:1")
    with pytest.raises(PluginError, match="does not answer"):
        image.read(ReadCall(URN, "jobs", URL, inputs, outputs))


def test_progress_reaches_the_user(image: Image, plugin: Listening) -> None:
    created(image)
    assert plugin.heard.messages[0] == "installing the locked packages of the jobs"
    assert plugin.heard.messages[-1] == "pushing the image"
