"""Many at once: nothing is lost, nothing is half read, and nothing is whole in memory."""

import os
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import psutil
import pytest
from google.api_core import exceptions

from tests.localcloud.gcp.storage.server import serving_apart

MIB = 1024 * 1024


def test_of_20_threads_that_make_one_object_one_wins(bucket: Any) -> None:
    together = threading.Barrier(20)

    def write(number: int) -> bytes | None:
        content = b"%d" % number
        together.wait()
        try:
            bucket.blob("x").upload_from_string(content, if_generation_match=0)
        except exceptions.PreconditionFailed:
            return None
        return content

    with ThreadPoolExecutor(20) as pool:
        winners = [content for content in pool.map(write, range(20)) if content]
    assert len(winners) == 1
    assert bucket.blob("x").download_as_bytes() == winners[0]


def test_changes_under_a_precondition_are_never_lost(bucket: Any) -> None:
    bucket.blob("x").upload_from_string("x")

    def count(_: int) -> None:
        while True:
            blob = bucket.get_blob("x")
            blob.metadata = {"count": str(int((blob.metadata or {}).get("count", 0)) + 1)}
            try:
                blob.patch(if_metageneration_match=blob.metageneration)
            except exceptions.PreconditionFailed:
                continue
            return

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(count, range(40)))
    read = bucket.get_blob("x")
    assert (read.metadata, read.metageneration) == ({"count": "40"}, 41)


def test_of_many_who_make_one_bucket_one_wins(client: Any) -> None:
    def make(_: int) -> bool:
        try:
            client.create_bucket("only-one-of-it")
        except exceptions.Conflict:
            return False
        return True

    with ThreadPoolExecutor(10) as pool:
        assert sum(pool.map(make, range(10))) == 1


@pytest.mark.parametrize("act", ["delete", "overwrite"])
def test_a_download_goes_on_when_its_object_goes(http: httpx.Client, bucket: Any, act: str) -> None:
    """As in Google, a reader gets the generation that it began to read."""
    content = os.urandom(24 * MIB)
    blob = bucket.blob("x")
    blob.upload_from_string(content)
    with http.stream("GET", f"/storage/v1/b/{bucket.name}/o/x", params={"alt": "media"}) as answer:
        pieces = answer.iter_bytes()
        got = next(pieces)
        if act == "delete":
            blob.delete()
        else:
            blob.upload_from_string("other")
        assert got + b"".join(pieces) == content


def test_objects_are_never_whole_in_memory(tmp_path: Any) -> None:
    """Models and tables may be larger than what the machine has left."""
    size = 64 * MIB
    with serving_apart(tmp_path) as url, httpx.Client(base_url=url, timeout=60) as http:
        server = next(
            one for one in psutil.Process().children() if "tests.localcloud.gcp.storage.server" in one.cmdline()
        )
        http.post("/storage/v1/b", params={"project": "p"}, json={"name": "large"}).raise_for_status()
        http.post("/upload/storage/v1/b/large/o", params={"uploadType": "media", "name": "warm"}, content=b"x")
        before, most = server.memory_info().rss, 0

        def pieces() -> Any:
            nonlocal most
            for _ in range(size // MIB):
                yield bytes(MIB)
                most = max(most, server.memory_info().rss)

        query = {"uploadType": "media", "name": "x"}
        made = http.post("/upload/storage/v1/b/large/o", params=query, content=pieces()).json()
        assert made["size"] == str(size)
        with http.stream("GET", "/storage/v1/b/large/o/x", params={"alt": "media"}) as answer:
            for _ in answer.iter_bytes(MIB):
                most = max(most, server.memory_info().rss)
        sources = [{"name": "x"}, {"name": "x"}]
        http.post("/storage/v1/b/large/o/y/compose", json={"sourceObjects": sources}).raise_for_status()
        most = max(most, server.memory_info().rss)
        assert most - before < size / 3
