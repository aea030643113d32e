"""Logs in Cloud Logging as jobs and endpoints write them: read to the end, then only what comes later."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest

from infra.clouds.gcp_calls import Google
from infra.clouds.gcp_logs import ENTRIES_AT_ONCE, GcpLog
from tests.localcloud.gcp.serving import Served, served

NOW = datetime.now(UTC)
Write = Callable[..., None]


@pytest.fixture(scope="module")
def gcp(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with served(tmp_path_factory.mktemp("gcp")) as found:
        yield found


@pytest.fixture
def google(gcp: Served) -> Iterator[Google]:
    made = Google(
        {
            "STILE_GCP_ENDPOINT": gcp.cloud.endpoint_url,
            "CLOUDSDK_AUTH_ACCESS_TOKEN": "test",
            "GOOGLE_CLOUD_PROJECT": "stile-local",
            "GOOGLE_CLOUD_LOCATION": "us-central1",
        }
    )
    yield made
    made.close()


@pytest.fixture
def write(google: Google) -> Write:
    """Write lines a millisecond apart, as the vendor's agents do."""

    def lines(source: str, *texts: str, deployed: str = "", at: datetime = NOW) -> None:
        kind, _, name = source.partition("/")
        job = {"type": "ml_job", "labels": {"job_id": name}}
        endpoint = {"type": "aiplatform.googleapis.com/Endpoint", "labels": {"endpoint_id": name}}
        entries = [
            {
                "logName": "projects/stile-local/logs/tests",
                "resource": endpoint if kind == "endpoint" else job,
                "labels": {"deployed_model_id": deployed} if deployed else {},
                "timestamp": (at + timedelta(milliseconds=number)).isoformat(),
                "jsonPayload": {"message": text},
            }
            for number, text in enumerate(texts)
        ]
        google.client("logging", "v2").entries().write(body={"entries": entries}).execute()

    return lines


def name() -> str:
    return uuid4().hex[:12]


def test_a_job_is_read_to_its_end_and_then_from_there(google: Google, write: Write) -> None:
    """In the order in which the lines were written, and of no job whose name begins alike."""
    job = f"customJobs/{name()}"
    write(job, "one", "two")
    write(f"{job}0", "not mine")
    log = GcpLog(google, job, None)
    assert [line.text for line in log.read()] == ["one", "two"]
    assert log.read() == []
    # of the very time of the last one that was read, and later
    write(job, "three", "four", at=NOW + timedelta(milliseconds=1))
    assert [line.text for line in log.read()] == ["three", "four"]


def test_more_lines_than_one_answer_holds_are_all_read(google: Google, write: Write) -> None:
    job = f"customJobs/{name()}"
    lines = [str(number) for number in range(ENTRIES_AT_ONCE + 5)]
    write(job, *lines[:500])
    write(job, *lines[500:], at=NOW + timedelta(milliseconds=500))
    assert [line.text for line in GcpLog(google, job, None).read()] == lines


def test_after_the_last_lines_reading_goes_on(google: Google, write: Write) -> None:
    job = f"customJobs/{name()}"
    write(job, "one", "two", "three")
    log = GcpLog(google, job, None)
    assert [line.text for line in log.tail(2)] == ["two", "three"]
    assert log.read() == []
    write(job, "four", at=NOW + timedelta(milliseconds=50))
    assert [line.text for line in log.read()] == ["four"]


def test_what_is_older_can_be_left_out(google: Google, write: Write) -> None:
    job = f"customJobs/{name()}"
    write(job, "old", at=NOW - timedelta(hours=1))
    write(job, "new")
    since = NOW - timedelta(minutes=30)
    assert [line.text for line in GcpLog(google, job, since).read()] == ["new"]
    assert [line.text for line in GcpLog(google, job, since).tail(10)] == ["new"]


def test_the_last_words_are_those_of_the_container_that_began_last(google: Google, write: Write) -> None:
    """After a failed release the old container writes on; why the new one failed is what one wants to read."""
    endpoint = f"endpoint/{name()}"
    write(endpoint, "the old one serves", deployed="1")
    write(endpoint, "no such file", "the new one ends", deployed="2", at=NOW + timedelta(milliseconds=10))
    write(endpoint, "the old one still serves", deployed="1", at=NOW + timedelta(milliseconds=90))
    full = GcpLog(google, endpoint.replace("/", "/projects/stile-local/locations/us-central1/endpoints/"), None)
    assert full.last_words(5) == ["no such file", "the new one ends"]


@pytest.mark.parametrize("source", ["endpoint/never-was", "customJobs/never-was"])
def test_what_never_wrote_is_empty(google: Google, source: str) -> None:
    """A job may fail before it has a log: that must not hide why it failed."""
    log = GcpLog(google, source, None)
    assert (log.read(), log.tail(5), log.last_words(5)) == ([], [], [])
