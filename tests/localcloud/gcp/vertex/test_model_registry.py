"""Versions and aliases of models by ModelServiceClient over REST, as Vertex AI's registry keeps and refuses them."""

from collections.abc import Iterator
from typing import Any

import pytest
from google.api_core import exceptions
from google.cloud import aiplatform_v1 as v1
from google.protobuf import field_mask_pb2

from tests.localcloud.gcp.cloud import PLACE, PROJECT_NUMBER
from tests.localcloud.gcp.vertex.ground import Ground


@pytest.fixture(scope="module")
def models(vertex: Ground) -> Iterator[v1.ModelServiceClient]:
    with vertex.generated(v1.ModelServiceClient) as client:
        yield client


class Uploads:
    """Uploads models and versions.

    Args:
        models: the client.
        image: serves them.
    """

    def __init__(self, models: v1.ModelServiceClient, image: str) -> None:
        self.models, self.image = models, image

    def __call__(self, name: str = "registry", parent: str = "", **more: Any) -> tuple[str, str]:
        """Upload a version and return the model's name and the version's number."""
        container = v1.ModelContainerSpec(image_uri=self.image)
        model = v1.Model(display_name=name, container_spec=container, **more)
        request = v1.UploadModelRequest(parent=PLACE, model=model, parent_model=parent)
        done: Any = self.models.upload_model(request=request).result(timeout=60)  # type: ignore[no-untyped-call]
        return done.model, done.model_version_id


@pytest.fixture(scope="module")
def upload(models: v1.ModelServiceClient, server_image: str) -> Uploads:
    return Uploads(models, server_image)


def aliases(models: v1.ModelServiceClient, name: str) -> dict[str, list[str]]:
    """The aliases of all versions of a model."""
    return {one.version_id: list(one.version_aliases) for one in models.list_model_versions(name=name)}


def test_versions_count_up_and_are_named_by_number_and_alias(models: v1.ModelServiceClient, upload: Uploads) -> None:
    """Protects: the first is the default; others are found by number and alias; a number is given once."""
    name, first = upload(version_description="one")
    assert upload(parent=name, version_description="two", version_aliases=["challenger"]) == (name, "2")
    assert first == "1"
    described = {wanted: models.get_model(name=f"{name}{wanted}").version_description for wanted in ("", "@1", "@2")}
    assert described == {"": "one", "@1": "one", "@2": "two"}
    assert models.get_model(name=f"{name}@challenger").version_id == "2"
    assert models.get_model(name=name).name == name
    assert [one.name for one in models.list_model_versions(name=name)] == [f"{name}@1", f"{name}@2"]
    with pytest.raises(exceptions.NotFound):
        models.get_model(name=f"{name}@nobody")
    models.delete_model_version(name=f"{name}@2").result(timeout=30)  # type: ignore[no-untyped-call]
    assert upload(parent=name) == (name, "3")
    by_number = name.replace("projects/stile-local", f"projects/{PROJECT_NUMBER}")
    assert upload(parent=by_number) == (name, "4")


def test_an_alias_is_at_one_version(models: v1.ModelServiceClient, upload: Uploads) -> None:
    """Protects: an alias moves, a minus takes it away, and there is always one default."""
    name, _ = upload(version_aliases=["champion"])
    upload(parent=name)
    assert aliases(models, name) == {"1": ["champion", "default"], "2": []}
    models.merge_version_aliases(name=f"{name}@2", version_aliases=["champion", "default"])
    assert aliases(models, name) == {"1": [], "2": ["champion", "default"]}
    models.merge_version_aliases(name=f"{name}@2", version_aliases=["-champion"])
    assert aliases(models, name) == {"1": [], "2": ["default"]}
    assert models.get_model(name=name).version_id == "2"
    for wrong in ("-default", "-nobody", "1st", "x"):
        with pytest.raises(exceptions.BadRequest):
            models.merge_version_aliases(name=f"{name}@2", version_aliases=[wrong])
    assert aliases(models, name) == {"1": [], "2": ["default"]}


def test_versions_are_listed_filtered_and_ordered(models: v1.ModelServiceClient, upload: Uploads) -> None:
    """Protects: filter and order of listVersions, which registries look through."""
    name, _ = upload(labels={"stage": "old"})
    upload(parent=name, labels={"stage": "new"})
    upload(parent=name, labels={"stage": "new"})

    def found(**asked: str) -> list[str]:
        request = v1.ListModelVersionsRequest(name=name, page_size=1, **asked)
        return [one.version_id for one in models.list_model_versions(request=request)]

    assert found() == ["1", "2", "3"]
    assert found(filter="labels.stage=new") == ["2", "3"]
    assert found(order_by="version_create_time desc") == ["3", "2", "1"]


def test_the_default_and_the_only_version_stay(models: v1.ModelServiceClient, upload: Uploads) -> None:
    """Protects: a model has always a default version."""
    name, _ = upload()
    with pytest.raises(exceptions.BadRequest, match="only version"):
        models.delete_model_version(name=f"{name}@1")
    upload(parent=name)
    with pytest.raises(exceptions.BadRequest, match="default version"):
        models.delete_model_version(name=f"{name}@1")
    models.delete_model(name=name).result(timeout=30)  # type: ignore[no-untyped-call]
    with pytest.raises(exceptions.NotFound):
        models.get_model(name=f"{name}@2")


def test_model_and_version_are_changed_apart(models: v1.ModelServiceClient, upload: Uploads) -> None:
    """Protects: which fields belong to the model and which to a version; labels of both are shown together."""
    name, _ = upload(description="all")
    upload(parent=name)

    def change(wanted: str, *fields: str, **values: Any) -> v1.Model:
        model = v1.Model(name=f"{name}{wanted}", **values)
        found: v1.Model = models.update_model(model=model, update_mask=field_mask_pb2.FieldMask(paths=list(fields)))
        return found

    change("@-", "labels", labels={"owner": "me"})
    change("@2", "labels", "version_description", labels={"sha": "1"}, version_description="the second")
    second, first = models.get_model(name=f"{name}@2"), models.get_model(name=name)
    assert (dict(second.labels), second.version_description) == ({"owner": "me", "sha": "1"}, "the second")
    assert dict(first.labels) == {"owner": "me"}
    with pytest.raises(exceptions.BadRequest):
        change("@2", "display_name", display_name="other")
    with pytest.raises(exceptions.BadRequest):
        change("", "artifact_uri", artifact_uri="gs://other")
    changed = change("", "display_name", display_name="other")
    assert (changed.display_name, changed.etag != first.etag) == ("other", True)
    with pytest.raises(exceptions.Conflict):
        change("", "display_name", display_name="stale", etag=first.etag)


def test_wrong_uploads_are_refused(models: v1.ModelServiceClient, upload: Uploads, vertex: Ground) -> None:
    """Protects: a missing image or file is told when the model is uploaded, not when it is deployed."""
    wrong = Uploads(models, "us-central1-docker.pkg.dev/stile-local/none/none:1")
    with pytest.raises(exceptions.BadRequest, match="none/none"):
        wrong()
    with pytest.raises(exceptions.BadRequest, match="no files under"):
        upload(artifact_uri=f"gs://{vertex.bucket}/nothing-there")
    with pytest.raises(exceptions.BadRequest, match="cannot be read"):
        upload(artifact_uri="gs://no-such-bucket/model")
    with pytest.raises(exceptions.BadRequest, match="displayName"):
        upload(name="")
    with pytest.raises(exceptions.NotFound):
        upload(parent=f"{PLACE}/models/4711")
