"""Cloud Storage by pyarrow's file system, which is Google's C++ client: what jobs read and write tables with."""

import os
import time
from collections.abc import Iterator
from contextlib import closing
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pyarrow
import pytest
from google.auth.credentials import AnonymousCredentials
from google.cloud import storage
from pyarrow import fs, parquet

from tests.localcloud.gcp.storage.server import serving_apart


@pytest.fixture(scope="module")
def apart(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A server in another process: the file system holds Python's lock while it waits for some answers."""
    with serving_apart(tmp_path_factory.mktemp("apart")) as url:
        yield url


@pytest.fixture
def bucket(apart: str) -> Any:
    """A bucket, seen by the official client."""
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("STORAGE_EMULATOR_HOST", apart)
        credentials = AnonymousCredentials()  # type: ignore[no-untyped-call]
        client = storage.Client(project="stile-local", credentials=credentials)
    with closing(client):
        yield client.create_bucket(f"arrow-{time.time_ns()}")


@pytest.fixture
def arrow(apart: str) -> Any:
    """pyarrow's file system, which is Google's C++ client."""
    return fs.GcsFileSystem(
        anonymous=True,
        endpoint_override=urlsplit(apart).netloc,
        scheme="http",
        project_id="stile-local",
        retry_time_limit=timedelta(seconds=5),
    )


def test_arrow_writes_and_reads_a_folder_tree(arrow: Any, bucket: Any) -> None:
    files = {
        f"runs/{run}/{step}/part {part}%2F.bin": os.urandom(10_000 + part * 700_000)
        for run in "ab"
        for step in "xy"
        for part in (0, 1)
    }
    for path, content in files.items():
        with arrow.open_output_stream(f"{bucket.name}/{path}") as stream:
            stream.write(content)
    found = arrow.get_file_info(fs.FileSelector(f"{bucket.name}/runs", recursive=True))
    sizes = {info.path.removeprefix(f"{bucket.name}/"): info.size for info in found if info.is_file}
    assert sizes == {path: len(content) for path, content in files.items()}
    for path, content in files.items():
        with arrow.open_input_file(f"{bucket.name}/{path}") as file:
            assert file.read() == content
            assert file.read_at(100, 5000) == content[5000:5100]
    for step in "xy":
        arrow.create_dir(
            f"{bucket.name}/runs/a/{step}"
        )  # without an object for it, it shows no folder in Google either
    direct = arrow.get_file_info(fs.FileSelector(f"{bucket.name}/runs/a"))
    assert sorted((info.base_name, info.type) for info in direct) == [
        ("x", fs.FileType.Directory),
        ("y", fs.FileType.Directory),
    ]


def test_arrow_copies_moves_and_deletes(arrow: Any, bucket: Any) -> None:
    fs.copy_files(__file__, f"{bucket.name}/copied.py", destination_filesystem=arrow)
    arrow.create_dir(f"{bucket.name}/deep/er")
    arrow.copy_file(f"{bucket.name}/copied.py", f"{bucket.name}/deep/er/copy.py")
    arrow.move(f"{bucket.name}/deep/er/copy.py", f"{bucket.name}/deep/moved.py")
    assert {blob.name for blob in bucket.list_blobs()} >= {"copied.py", "deep/moved.py"}
    assert bucket.get_blob("deep/er/copy.py") is None
    with arrow.open_input_stream(f"{bucket.name}/deep/moved.py") as copied:
        assert copied.read() == Path(__file__).read_bytes()
    arrow.delete_dir(f"{bucket.name}/deep")
    assert [blob.name for blob in bucket.list_blobs()] == ["copied.py"]
    with pytest.raises(FileNotFoundError):
        arrow.open_input_file(f"{bucket.name}/none")
    assert arrow.get_file_info(f"{bucket.name}-none").type == fs.FileType.NotFound


def test_arrow_writes_parquet(arrow: Any, bucket: Any) -> None:
    table = pyarrow.table({"number": list(range(100_000))})
    parquet.write_table(table, f"{bucket.name}/table/part-0.parquet", filesystem=arrow)
    assert parquet.read_table(f"{bucket.name}/table", filesystem=arrow).equals(table)


def test_arrow_reads_an_empty_file(arrow: Any, bucket: Any) -> None:
    """Markers like _SUCCESS are empty."""
    bucket.blob("_SUCCESS").upload_from_string(b"")
    with arrow.open_input_stream(f"{bucket.name}/_SUCCESS") as stream:
        assert stream.read() == b""
