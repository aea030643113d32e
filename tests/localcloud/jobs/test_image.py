"""Protects that an image is what its digest says, is unpacked once whoever asks, and says itself how it is run."""

import hashlib
import json
import os
import platform
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from infra.localcloud.jobs import layers
from infra.localcloud.jobs.image import Image, ImageError, ImageStore
from infra.localcloud.jobs.registry import ARCHITECTURES, INDEXES, MANIFESTS, Manifest, Reference, Registry
from tests.localcloud.jobs.conftest import Push, run

ECR = "000000000000.dkr.ecr.us-east-1.amazonaws.com"


def sha(content: bytes) -> str:
    return f"sha256:{hashlib.sha256(content).hexdigest()}"


class Blobs:
    """A registry that answers what it is told to, right or wrong."""

    def __init__(self) -> None:
        self.answers: dict[str, bytes] = {}
        self.url = ""

    def manifest(self, version: str, content: object) -> str:
        body = json.dumps(content).encode()
        self.answers[f"/v2/some/image/manifests/{version}"] = body
        self.answers[f"/v2/some/image/manifests/{sha(body)}"] = body
        return sha(body)

    def blob(self, content: bytes, digest: str | None = None) -> str:
        named = digest or sha(content)
        self.answers[f"/v2/some/image/blobs/{named}"] = content
        return named


@pytest.fixture
def blobs() -> Iterator[Blobs]:
    made = Blobs()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = made.answers.get(self.path)
            self.send_response(404 if body is None else 200)
            self.send_header("Content-Length", str(len(body or b"")))
            self.end_headers()
            self.wfile.write(body or b"")

        def log_message(self, *args: object) -> None:
            assert args

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        made.url = f"http://127.0.0.1:{server.server_address[1]}"
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield made
        server.shutdown()


def plain(blobs: Blobs, config: dict[str, object], tag: str = "latest") -> str:
    described = {"mediaType": MANIFESTS[0], "config": {"digest": blobs.blob(json.dumps(config).encode())}, "layers": []}
    return blobs.manifest(tag, described)


@pytest.mark.parametrize(
    ("uri", "name", "version"),
    [
        (f"{ECR}/team/jobs@sha256:{'a' * 64}", "team/jobs", f"sha256:{'a' * 64}"),
        (f"{ECR}/jobs:v1.2@sha256:{'a' * 64}", "jobs", f"sha256:{'a' * 64}"),
        ("127.0.0.1:5000/jobs:v1.2", "jobs", "v1.2"),
        (f"{ECR}/jobs", "jobs", "latest"),
    ],
)
def test_references_are_taken_apart(uri: str, name: str, version: str) -> None:
    reference = Reference.parse(uri)
    assert (reference.name, reference.version) == (name, version)


@pytest.mark.parametrize("uri", ["jobs", "host/UPPER", "host/jobs@sha256:short", "host/../../etc", ""])
def test_what_is_no_reference_is_refused(uri: str) -> None:
    with pytest.raises(ImageError, match="is no image reference"):
        Reference.parse(uri)


def test_of_an_index_this_machines_platform_is_taken(blobs: Blobs) -> None:
    own = plain(blobs, {"config": {"Cmd": ["own"]}}, "own")
    foreign = plain(blobs, {"config": {"Cmd": ["foreign"]}}, "foreign")
    machine = ARCHITECTURES.get(platform.machine(), platform.machine())
    entries = [
        {"digest": foreign, "platform": {"os": "linux", "architecture": "s390x"}},
        {"digest": foreign, "platform": {"os": "windows", "architecture": machine}},
        {"digest": own, "platform": {"os": "linux", "architecture": machine}},
    ]
    blobs.manifest("all", {"mediaType": INDEXES[0], "manifests": entries})
    blobs.manifest("foreign-only", {"mediaType": INDEXES[0], "manifests": entries[:2]})
    manifest = Registry(blobs.url).manifest(Reference.parse("any.host/some/image:all"))
    assert manifest.digest == own
    assert manifest.config["config"]["Cmd"] == ["own"]
    with pytest.raises(ImageError, match="has no image for linux"):
        Registry(blobs.url).manifest(Reference.parse("any.host/some/image:foreign-only"))


def test_content_that_is_not_its_digest_is_refused(blobs: Blobs, tmp_path: Path) -> None:
    """Protects from a registry that answers something else, for manifest, config and layer alike."""
    registry, wrong = Registry(blobs.url), f"sha256:{'0' * 64}"
    blobs.manifest(wrong, {"config": {"digest": "x"}, "layers": []})
    with pytest.raises(ImageError, match="holds something else"):
        registry.manifest(Reference.parse(f"h/some/image@{wrong}"))
    blobs.blob(b"{}", wrong)
    blobs.manifest("bad-config", {"config": {"digest": wrong}, "layers": []})
    with pytest.raises(ImageError, match="holds something else"):
        registry.manifest(Reference.parse("h/some/image:bad-config"))
    config = blobs.blob(b"{}")
    blobs.manifest("bad-layer", {"config": {"digest": config}, "layers": [{"digest": wrong}]})
    with pytest.raises(ImageError, match="holds something else"):
        ImageStore(tmp_path, registry).pull("h/some/image:bad-layer")
    assert not list(tmp_path.glob("layers/*"))


def test_what_is_not_there_is_an_image_error(blobs: Blobs) -> None:
    with pytest.raises(ImageError, match=r"some/image:gone is not in the registry \(HTTP 404\)"):
        Registry(blobs.url).manifest(Reference.parse("h/some/image:gone"))
    with pytest.raises(ImageError, match="does not answer"):
        Registry("http://127.0.0.1:9").manifest(Reference.parse("h/some/image:gone"))


def test_racing_pulls_unpack_once(registry: str, push: Push, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Protects: parallel steps of a pipeline share one copy of a layer, whole from the first moment."""
    uri = push({"opt/data.txt": "from the layer"}, "--entrypoint=true")
    calls: list[Path] = []
    unpack = layers.unpack

    def counted(archive: Path, target: Path) -> None:
        calls.append(target)
        unpack(archive, target)

    monkeypatch.setattr(layers, "unpack", counted)
    store = ImageStore(tmp_path, Registry(f"http://{registry}"))
    with ThreadPoolExecutor(4) as pool:
        pulled = list(pool.map(lambda _: store.pull(uri), range(4)))
    assert len(calls) == 1
    assert {image.files for image in pulled} == {pulled[0].files}
    assert (pulled[0].files / "opt/data.txt").read_text() == "from the layer"


def test_a_tag_follows_what_is_pushed(registry: str, push: Push, tmp_path: Path) -> None:
    store = ImageStore(tmp_path, Registry(f"http://{registry}"))
    for text in ("one", "two"):
        push({"opt/data.txt": text}, "--entrypoint=true")
        assert (store.pull("h/tiny/job:latest").files / "opt/data.txt").read_text() == text


def test_an_upper_layer_of_a_real_image_removes(crane: str, registry: str, push: Push, tmp_path: Path) -> None:
    push({"opt/kept": "low", "opt/removed": "low"}, "--entrypoint=true")
    archive = tmp_path / "upper.tar"
    (tmp_path / "opt").mkdir()
    (tmp_path / "opt/.wh.removed").touch()
    run("tar", "-C", str(tmp_path), "-cf", str(archive), "opt")
    run(crane, "append", "--base", f"{registry}/tiny/job:latest", "-f", str(archive), "-t", f"{registry}/tiny/two:v1")
    files = ImageStore(tmp_path / "cache", Registry(f"http://{registry}")).pull("h/tiny/two:v1").files
    assert [path.name for path in (files / "opt").iterdir()] == ["kept"]


def test_what_was_not_used_for_long_is_removed(registry: str, push: Push, tmp_path: Path) -> None:
    store = ImageStore(tmp_path, Registry(f"http://{registry}"))
    image = store.pull(push({"opt/data.txt": "pruned"}, "--entrypoint=true"))
    half = tmp_path / "layers" / ".building-half"
    half.mkdir()
    store.prune()
    assert image.files.exists()
    for entry in (half, image.files):
        os.utime(entry, (0, 0))
    store.prune()
    assert not image.files.exists()
    assert not half.exists()


def make(entrypoint: tuple[str, ...], command: tuple[str, ...]) -> Image:
    return Image("sha256:x", Path("/nowhere"), {}, entrypoint, command, "/")


@pytest.mark.parametrize(
    ("entrypoint", "arguments", "argv"),
    [
        (None, None, ("python", "-m", "job", "default")),
        (None, ("train",), ("python", "-m", "job", "train")),
        (("sh",), None, ("sh",)),
        (("sh",), ("-c", "x"), ("sh", "-c", "x")),
    ],
)
def test_argv_is_joined_as_a_container_engine_does(
    entrypoint: tuple[str, ...] | None, arguments: tuple[str, ...] | None, argv: tuple[str, ...]
) -> None:
    assert make(("python", "-m", "job"), ("default",)).argv(entrypoint, arguments) == argv


def test_an_image_that_says_nothing_needs_a_request_that_does() -> None:
    with pytest.raises(ImageError, match="what to run"):
        make((), ()).argv(None, None)
    assert Manifest("d", {}, ()).layers == ()
