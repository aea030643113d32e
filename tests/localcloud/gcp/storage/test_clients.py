"""Cloud Storage by the other clients that are in use: Google's generated client, and batches."""

import io
import json
import os
from contextlib import closing
from typing import Any

import httpx
import pytest
from google.api_core import exceptions
from google.auth.credentials import AnonymousCredentials
from googleapiclient import discovery
from googleapiclient.discovery_cache import get_static_doc
from googleapiclient.errors import HttpError
from googleapiclient.http import MediaIoBaseDownload, MediaIoBaseUpload

QUANTUM = 256 * 1024


def generated_for(address: str) -> Any:
    """Google's generated client of a server; its `api_endpoint` would leave uploads and batches with the real host."""
    document = json.loads(str(get_static_doc("storage", "v1"))) | {"rootUrl": f"{address}/"}
    return discovery.build_from_document(document, credentials=AnonymousCredentials())  # type: ignore[no-untyped-call]


@pytest.fixture
def generated(address: str) -> Any:
    """The client that the commands and the jobs use."""
    with closing(generated_for(address)) as made:
        yield made


def test_the_generated_client(generated: Any, bucket: Any) -> None:
    content = os.urandom(QUANTUM * 2 + 1)
    body = MediaIoBaseUpload(io.BytesIO(content), "text/plain", chunksize=QUANTUM, resumable=True)
    request = generated.objects().insert(bucket=bucket.name, name="a/b", media_body=body)
    made, progress = None, []
    while made is None:
        status, made = request.next_chunk()
        progress += [status.resumable_progress] if status else []
    assert (made["size"], progress) == (str(len(content)), [QUANTUM, QUANTUM * 2])
    small = MediaIoBaseUpload(io.BytesIO(b"small"), "text/small")
    meta = {"name": "small", "metadata": {"k": "v"}}
    assert generated.objects().insert(bucket=bucket.name, body=meta, media_body=small).execute()["metadata"] == {
        "k": "v"
    }
    assert generated.objects().get_media(bucket=bucket.name, object="small").execute() == b"small"
    target = io.BytesIO()
    download = MediaIoBaseDownload(target, generated.objects().get_media(bucket=bucket.name, object="a/b"), QUANTUM)
    while not download.next_chunk()[1]:
        pass
    assert target.getvalue() == content
    assert [item["name"] for item in generated.objects().list(bucket=bucket.name).execute()["items"]] == [
        "a/b",
        "small",
    ]
    generated.objects().patch(bucket=bucket.name, object="small", body={"metadata": {"k": None}}).execute()
    assert "metadata" not in generated.objects().get(bucket=bucket.name, object="small").execute()
    with pytest.raises(HttpError, match="No such object"):
        generated.objects().get(bucket=bucket.name, object="none").execute()
    with pytest.raises(HttpError) as refused:
        generated.notifications().list(bucket=bucket.name).execute()
    assert refused.value.status_code == 501


def test_the_generated_client_in_a_batch(generated: Any, bucket: Any) -> None:
    bucket.blob("there").upload_from_string("x")
    answers: dict[str, Any] = {}

    def note(key: str, answer: Any, error: Any) -> None:
        answers[key] = answer["name"] if answer else error.status_code

    batch = generated.new_batch_http_request(callback=note)
    for name in ("there", "none"):
        batch.add(generated.objects().get(bucket=bucket.name, object=name), request_id=name)
    batch.execute()
    assert answers == {"there": "there", "none": 404}


def test_a_batch_of_the_official_client(client: Any, bucket: Any) -> None:
    names = [f"runs/{number}/ü%2F" for number in range(30)]
    for name in names:
        bucket.blob(name).upload_from_string(name)
    found = [bucket.get_blob(name) for name in names]
    with client.batch():
        for blob in found[:10]:
            blob.metadata = {"in": "batch"}
            blob.patch()
        for blob in found[10:]:
            bucket.delete_blob(blob.name)
    assert {blob.name: blob.metadata for blob in client.list_blobs(bucket)} == {
        name: {"in": "batch"} for name in names[:10]
    }
    bucket.delete_blobs([bucket.blob(name) for name in names], on_error=lambda _: None)
    assert not list(client.list_blobs(bucket))


def test_a_call_of_a_batch_that_fails_does_not_stop_the_others(client: Any, bucket: Any) -> None:
    bucket.blob("there").upload_from_string("x")
    with pytest.raises(exceptions.NotFound), client.batch():  # noqa: PT012 - it fails at its end
        bucket.delete_blob("none")
        bucket.delete_blob("there")
    assert bucket.get_blob("there") is None


@pytest.mark.parametrize(
    ("content_type", "body"),
    [
        ("text/plain", "x"),
        ("multipart/mixed; boundary=b", "--b\r\nContent-Type: application/http\r\n\r\nnothing\r\n--b--"),
        ("multipart/mixed; boundary=b", "--b\r\n\r\nGET /storage/v1/b/x/o/y?alt=media HTTP/1.1\r\n\r\n\r\n--b--"),
        ("multipart/mixed; boundary=b", "--b\r\n\r\nPATCH /storage/v1/b/x HTTP/1.1\r\n\r\n{]\r\n--b--"),
    ],
)
def test_batches_that_are_wrong(http: httpx.Client, content_type: str, body: str) -> None:
    answer = http.post("/batch/storage/v1", content=body, headers={"Content-Type": content_type})
    assert answer.status_code == 400 or " 400 " in answer.text


def test_the_local_cloud_serves_it_with_the_rest(gcp: Any) -> None:
    """One port for all services; and the bytes lie below the cloud's own folder."""
    gcp.http.post("/storage/v1/b", params={"project": "stile-local"}, json={"name": "with-the-rest"}).raise_for_status()
    with closing(generated_for(gcp.cloud.endpoint_url)) as made:
        body = MediaIoBaseUpload(io.BytesIO(b"content"), "text/plain")
        made.objects().insert(bucket="with-the-rest", name="x", media_body=body).execute()
        assert made.objects().get_media(bucket="with-the-rest", object="x").execute() == b"content"
    assert [file.read_bytes() for file in (gcp.cloud.home / "storage").rglob("*") if file.is_file()] == [b"content"]


def test_the_token_of_a_service_account_is_judged(gcp: Any) -> None:
    """A job has a token of its own account, which may do nothing here; a person's token, or none, may do all."""
    email = "job-of-tests@stile-local.iam.gserviceaccount.com"
    gcp.http.post("/storage/v1/b", params={"project": "stile-local"}, json={"name": "judged"}).raise_for_status()
    headers = {"Authorization": f"Bearer {gcp.cloud.tokens.issue(email)}"}
    refused = gcp.http.get("/storage/v1/b/judged", headers=headers)
    assert (refused.status_code, email in refused.text) == (403, True)
    assert gcp.http.get("/storage/v1/b/judged", headers={"Authorization": "Bearer test"}).status_code == 200
    grant = {"role": "roles/storage.bucketViewer", "members": [f"serviceAccount:{email}"]}
    early = gcp.http.put("/storage/v1/b/judged/iam", json={"bindings": [grant]})
    assert (early.status_code, early.json()["error"]["message"]) == (400, f"Service account {email} does not exist.")
    gcp.http.post("/v1/projects/stile-local/serviceAccounts", json={"accountId": "job-of-tests"}).raise_for_status()
    gcp.http.put("/storage/v1/b/judged/iam", json={"bindings": [grant]}).raise_for_status()
    assert gcp.http.get("/storage/v1/b/judged", headers=headers).status_code == 200
