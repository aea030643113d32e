"""Uploads: in one request, in two parts, and resumable ones that break off and go on."""

import io
import itertools
import os
import threading
from typing import Any

import httpx
import pytest
from google.api_core import exceptions
from google.auth.transport.requests import AuthorizedSession
from google.cloud import storage
from hypothesis import given
from hypothesis import strategies as st

from infra.localcloud.gcp.storage.refusals import Refusal
from infra.localcloud.gcp.storage.related import RelatedBody

MIB = 1024 * 1024
QUANTUM = 256 * 1024


def test_20_mib_in_chunks(bucket: Any, store: Any) -> None:
    content = os.urandom(20 * MIB + 17)
    blob = bucket.blob("large", chunk_size=5 * MIB)
    blob.upload_from_file(io.BytesIO(content), content_type="application/x-large")
    assert (blob.size, blob.content_type) == (len(content), "application/x-large")
    assert bucket.blob("large").download_as_bytes(checksum="crc32c") == content
    assert bucket.blob("large").download_as_bytes(start=7 * MIB, end=8 * MIB) == content[7 * MIB : 8 * MIB + 1]
    assert store.object(bucket.name, "large").media.path.stat().st_size == len(content)


def session(http: httpx.Client, bucket: str, **headers: str) -> str:
    """Open a session for the object "x"; returns its address."""
    query = {"uploadType": "resumable", "name": "x"}
    answer = http.post(f"/upload/storage/v1/b/{bucket}/o", params=query, headers=headers)
    assert answer.status_code == 200
    return answer.headers["location"]


def put(http: httpx.Client, place: str, content: bytes, span: str, **headers: str) -> httpx.Response:
    return http.put(place, content=content, headers={"Content-Range": f"bytes {span}"} | headers)


def test_an_upload_that_broke_off_tells_how_far_it_is_and_goes_on(http: httpx.Client, bucket: Any) -> None:
    content = os.urandom(3 * QUANTUM + 5)
    place = session(http, bucket.name, **{"X-Upload-Content-Type": "text/x-broken"})
    status = put(http, place, b"", f"*/{len(content)}")
    assert (status.status_code, status.headers.get("range")) == (308, None)
    first = put(http, place, content[:QUANTUM], f"0-{QUANTUM - 1}/{len(content)}")
    assert (first.status_code, first.headers["range"]) == (308, f"bytes=0-{QUANTUM - 1}")
    # The answer got lost: the same chunk comes again, with more behind it.
    again = put(http, place, content[: 2 * QUANTUM], f"0-{2 * QUANTUM - 1}/{len(content)}")
    assert again.headers["range"] == f"bytes=0-{2 * QUANTUM - 1}"
    gap = put(http, place, content[3 * QUANTUM :], f"{3 * QUANTUM}-{len(content) - 1}/{len(content)}")
    assert gap.status_code == 400
    assert "exceeds already uploaded size" in gap.json()["error"]["message"]
    assert bucket.get_blob("x") is None
    whole = put(http, place, content[2 * QUANTUM :], f"{2 * QUANTUM}-{len(content) - 1}/{len(content)}")
    assert (whole.status_code, whole.json()["size"]) == (200, str(len(content)))
    assert put(http, place, b"", f"*/{len(content)}").json() == whole.json()  # asked once more, it says the same
    blob = bucket.get_blob("x")
    assert (blob.content_type, blob.download_as_bytes()) == ("text/x-broken", content)


class LosesOneAnswer(AuthorizedSession):
    """Sends everything, but loses the answer to the request of this number."""

    def __init__(self, credentials: Any, lost: int) -> None:
        super().__init__(credentials)  # type: ignore[no-untyped-call]
        self.left = lost

    def request(self, *args: Any, **options: Any) -> Any:
        answer = super().request(*args, **options)  # type: ignore[no-untyped-call]
        self.left -= 1
        if self.left == 0:
            raise ConnectionError
        return answer


@pytest.mark.parametrize("lost", [2, 3, 4])
def test_the_official_client_goes_on_after_an_answer_that_was_lost(
    client: Any, bucket: Any, address: str, lost: int
) -> None:
    content = os.urandom(4 * QUANTUM)
    with LosesOneAnswer(client._credentials, lost) as transport:
        again = storage.Client("stile-local", client._credentials, transport, client_options={"api_endpoint": address})
        blob = again.bucket(bucket.name).blob("x", chunk_size=QUANTUM)
        blob.upload_from_file(io.BytesIO(content), if_generation_match=0)
        assert transport.left < 0
    assert bucket.blob("x").download_as_bytes() == content


@pytest.mark.parametrize("total", [0, 1, QUANTUM, QUANTUM + 1, 2 * QUANTUM])
def test_a_size_that_nobody_knew_before(bucket: Any, http: httpx.Client, total: int) -> None:
    content = os.urandom(total)
    place = session(http, bucket.name)
    for start in range(0, total - total % QUANTUM, QUANTUM):
        assert put(http, place, content[start : start + QUANTUM], f"{start}-{start + QUANTUM - 1}/*").status_code == 308
    rest = content[total - total % QUANTUM :]
    span = f"{total - len(rest)}-{total - 1}/{total}" if rest else f"*/{total}"
    assert put(http, place, rest, span).status_code == 200
    assert bucket.blob("x").download_as_bytes() == content


def test_one_request_without_a_range_is_the_whole_object(bucket: Any, http: httpx.Client) -> None:
    assert http.put(session(http, bucket.name), content=b"whole").json()["size"] == "5"
    assert http.put(session(http, bucket.name), content=b"").json()["size"] == "0"
    assert bucket.get_blob("x").size == 0


@pytest.mark.parametrize(
    ("content", "span"),
    [
        (b"x", "0-0/*"),
        (b"x", "0-0/5"),
        (b"x", "0-1/2"),
        (b"xxx", "0-1/2"),
        (b"x", "5-9/3"),
        (b"x", "from the start"),
    ],
)
def test_chunks_that_do_not_fit_are_refused(bucket: Any, http: httpx.Client, content: bytes, span: str) -> None:
    answer = put(http, session(http, bucket.name), content, span)
    assert (answer.status_code, answer.json()["error"]["errors"][0]["reason"]) == (400, "invalid")
    assert bucket.get_blob("x") is None


def test_a_cancelled_session_is_gone(bucket: Any, http: httpx.Client) -> None:
    place = session(http, bucket.name)
    put(http, place, bytes(QUANTUM), f"0-{QUANTUM - 1}/*")
    assert http.delete(place).status_code == 499
    assert put(http, place, b"", "*/*").status_code == 404
    assert http.delete(place).status_code == 404


def test_308_may_be_told_another_way(bucket: Any, http: httpx.Client) -> None:
    answer = put(http, session(http, bucket.name), b"", "*/*", **{"X-GUploader-No-308": "yes"})
    assert (answer.status_code, answer.headers["x-http-status-code-override"]) == (200, "308")


def test_preconditions_hold_at_the_start_and_at_the_end(bucket: Any, http: httpx.Client) -> None:
    """Whoever finishes first wins; the session that was opened before loses, and keeps nothing."""
    path, query = (
        f"/upload/storage/v1/b/{bucket.name}/o",
        {"uploadType": "resumable", "name": "x", "ifGenerationMatch": "0"},
    )
    place = http.post(path, params=query).headers["location"]
    bucket.blob("x").upload_from_string("first", if_generation_match=0)
    assert http.post(path, params=query).status_code == 412
    assert http.put(place, content=b"second").status_code == 412
    assert bucket.blob("x").download_as_bytes() == b"first"
    assert http.put(place, content=b"second").status_code == 404


@pytest.mark.parametrize("checksum", ["md5", "crc32c"])
def test_a_checksum_that_differs_is_refused(bucket: Any, http: httpx.Client, checksum: str) -> None:
    wrong = {"X-Goog-Hash": f"{checksum}=AAAAAA=="}
    simple = {"uploadType": "media", "name": "x"}
    answers = [
        http.post(f"/upload/storage/v1/b/{bucket.name}/o", params=simple, content=b"x", headers=wrong),
        put(http, session(http, bucket.name), b"x", "0-0/1", **wrong),
    ]
    for answer in answers:
        assert answer.status_code == 400
        assert "doesn't match calculated" in answer.json()["error"]["message"]
    blob = bucket.blob("x")
    setattr(blob, "md5_hash" if checksum == "md5" else "crc32c", "AAAAAA==")
    with pytest.raises(exceptions.BadRequest, match="doesn't match calculated"):
        blob.upload_from_string("x", checksum=None)
    assert bucket.get_blob("x") is None


def test_a_sender_that_goes_away_leaves_nothing(bucket: Any, http: httpx.Client, store: Any) -> None:
    """Half an object must never be read, nor lie on the disk for ever."""

    def half() -> Any:
        yield b"x" * 100
        raise ConnectionError

    before = {*store._media.iterdir()}
    with pytest.raises(ConnectionError):
        http.post(f"/upload/storage/v1/b/{bucket.name}/o", params={"uploadType": "media", "name": "x"}, content=half())
    deadline = threading.Event()
    while {*store._media.iterdir()} - before and not deadline.wait(0.01):
        pass
    assert bucket.get_blob("x") is None


# The body of a multipart upload.
CONTENTS = st.binary(max_size=60) | st.lists(st.sampled_from([b"\r\n", b"--", b"-", b"b", b"\r", b"\n", b"x"])).map(
    b"".join
)


@given(
    metadata=st.binary(max_size=30),
    content=CONTENTS,
    cuts=st.lists(st.integers(0, 300)),
    preamble=st.sampled_from([[], [b"to be ignored"]]),
    line=st.sampled_from([b"\r\n", b"\n"]),
)
def test_a_body_in_two_parts_is_read_in_whatever_pieces_it_comes(
    metadata: bytes, content: bytes, cuts: list[int], preamble: list[bytes], line: bytes
) -> None:
    """Google's generated client ends its lines as Unix does."""
    dashes = b"--==bound=="
    first = [dashes, b"Content-Type: application/json", b"", metadata]
    second = [dashes, b"Content-Type: text/x-part", b"", content]
    body = line.join([*(preamble if line == b"\r\n" else []), *first, *second, dashes + b"--", b""])
    got: list[bytes] = []
    parser = RelatedBody(b"==bound==", got.append)
    ends = sorted({min(cut, len(body)) for cut in cuts} | {0, len(body)})
    for start, end in itertools.pairwise(ends):
        parser.feed(body[start:end])
    parser.finish()
    assert (parser.metadata, b"".join(got), parser.media_type) == (metadata, content, "text/x-part")


@given(st.binary(max_size=80))
def test_a_body_that_is_cut_short_is_refused(noise: bytes) -> None:
    parser = RelatedBody(b"b", lambda _: None)
    with pytest.raises(Refusal, match="Malformed"):  # noqa: PT012 - either call may refuse
        parser.feed(b"--b\r\n\r\n{}\r\n--b\r\nX: y\r\n\r\n" + noise.replace(b"--", b""))
        parser.finish()
