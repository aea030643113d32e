"""What protected resources hold on Google Cloud is counted truly and goes; so do the models, and nobody else's."""

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any, cast

import httpx
import pytest

from infra.engine import Session, contents
from infra.engine.contents import Holding
from infra.engine.contents_gcp import MODEL, GoogleContents
from infra.environments import Environment
from infra.toolchain import Toolchain
from tests.localcloud.gcp.cloud import PLACE, PROJECT, LocalGcp
from tests.localcloud.gcp.vertex.ground import Ground, ground

pytestmark = pytest.mark.slow

BUCKET = "gcp:storage/bucket:Bucket"
REPOSITORY = "gcp:artifactregistry/repository:Repository"
PROGRAM = "print('a model server that nobody starts')"


@pytest.fixture(scope="module")
def vertex(local_gcp: LocalGcp, crane: str, tmp_path_factory: pytest.TempPathFactory) -> Ground:
    return ground(local_gcp, crane, tmp_path_factory.mktemp("vertex"))


@pytest.fixture
def session(local_gcp: LocalGcp, tmp_path: Path) -> Session:
    """A session of which only the way to the cloud is used."""
    (tmp_path / "stacks").mkdir()
    (tmp_path / "stacks" / "Pulumi.local-gcp.yaml").write_text(
        "config: {stile:cloud: gcp, stile:platform: {name: held}}\n"
    )
    tools = Toolchain(tmp_path / "pulumi", tmp_path / "crane", tmp_path, "3.259.0", "0.20.2")
    environment = Environment("local-gcp", "gcp", tmp_path, tmp_path)
    return Session(environment, tools, local_gcp.cloud, cast("Any", None))


@pytest.fixture
def google(session: Session) -> Iterator[GoogleContents]:
    with closing(GoogleContents(session)) as opened:
        yield opened


def holding(kind: str, identity: str) -> Holding:
    return Holding(f"urn:pulumi:local-gcp::stile::{kind}::held", kind, identity, "")


def models(local_gcp: LocalGcp) -> Any:
    return local_gcp.client("aiplatform", "v1").projects().locations().models()


def upload(vertex: Ground, model: str, stack: str) -> None:
    body = {
        "displayName": model,
        "labels": {"stile-stack": stack},
        "containerSpec": {"imageUri": vertex.image(PROGRAM)},
    }
    models(vertex.gcp).upload(parent=PLACE, body={"modelId": model, "model": body}).execute()


def test_a_versioned_bucket_is_emptied_with_every_generation(
    local_gcp: LocalGcp, session: Session, google: GoogleContents
) -> None:
    """Each is an object to the cloud: one that stays, and the bucket cannot be deleted. More than a batch takes."""
    storage, bucket = local_gcp.client("storage", "v1"), local_gcp.name("bucket")
    storage.buckets().insert(project=PROJECT, body={"name": bucket, "versioning": {"enabled": True}}).execute()
    for number in range(101):
        name = "raw/a b/flights.csv" if number < 2 else f"raw/{number}"
        to = f"{local_gcp.cloud.endpoint_url}/upload/storage/v1/b/{bucket}/o"
        httpx.post(to, params={"uploadType": "media", "name": name}, content=b"a flight").raise_for_status()
    storage.objects().delete(bucket=bucket, object="raw/a b/flights.csv").execute()
    assert google.amount(BUCKET, bucket) == "101 object versions"
    told: list[str] = []
    contents.empty(session, [holding(BUCKET, bucket)], told.append)
    assert google.amount(BUCKET, bucket) == "0 object versions"
    assert told == ["emptied gcp:storage/bucket:Bucket held"]
    storage.buckets().delete(bucket=bucket).execute()


def test_a_repository_tells_its_images_and_goes_with_them(
    vertex: Ground, session: Session, google: GoogleContents
) -> None:
    """As in Artifact Registry: what is made under the same name afterwards is empty."""
    name = vertex.image(PROGRAM).split("/")[2]
    repositories = vertex.gcp.client("artifactregistry", "v1").projects().locations().repositories()
    repository = f"{PLACE}/repositories/{name}"
    body = {"format": "DOCKER"}
    for held in ("1 images", "0 images"):
        repositories.create(parent=PLACE, repositoryId=name, body=body).execute()
        assert google.amount(REPOSITORY, repository) == held
        told: list[str] = []
        contents.empty(session, [holding(REPOSITORY, repository)], told.append)
        assert told == []
        repositories.delete(name=repository).execute()


@pytest.mark.parametrize("kind", [BUCKET, REPOSITORY])
def test_what_is_gone_already_is_empty(session: Session, google: GoogleContents, kind: str) -> None:
    """Somebody deleted it by hand: nothing is left to do, and nothing fails."""
    identity = {BUCKET: "nowhere-1", REPOSITORY: f"{PLACE}/repositories/nowhere-1"}[kind]
    assert google.amount(kind, identity).endswith("it is gone")
    contents.empty(session, [holding(kind, identity)], lambda _: None)


def test_the_models_of_the_stack_are_found_by_label_and_name_and_deleted(
    vertex: Ground, session: Session, google: GoogleContents
) -> None:
    """No resource stands for them. A model of others stays, though this stack's label is on it or its name alike."""
    upload(vertex, "held-local-gcp-delays", "held-local-gcp")
    upload(vertex, "held-local-gcp-two-delays", "held-local-gcp-two")
    upload(vertex, "theirs", "held-local-gcp")
    found = google.made_by_jobs()
    assert [(one.type, one.id, one.amount) for one in found] == [
        (MODEL, "held-local-gcp-delays", "1 registered model versions")
    ]
    told: list[str] = []
    contents.empty(session, found, told.append)
    assert told == []
    contents.delete_made_by_jobs(session, [holding(BUCKET, "not-this"), *found], told.append)
    assert told == [f"deleting {MODEL} held-local-gcp-delays"]
    assert google.made_by_jobs() == []
    left = {model["displayName"] for model in models(vertex.gcp).list(parent=PLACE).execute()["models"]}
    assert left >= {"held-local-gcp-two-delays", "theirs"}
    contents.delete_made_by_jobs(session, found, lambda _: None)
