"""Logs in CloudWatch as jobs and endpoints write them: read to the end, then only what comes later."""

import time
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from infra.clouds.aws_logs import LINES_AT_ONCE, AwsLog
from tests.localcloud.cloud import LocalAws

NOW_MS = int(time.time() * 1000)
GROUP = "/aws/sagemaker/ProcessingJobs"


@pytest.fixture
def logs(local_aws: LocalAws) -> Any:
    return local_aws.client("logs")


def write(logs: Any, group: str, stream: str, *lines: str, at_ms: int = NOW_MS) -> None:
    """Write lines a millisecond apart; group and stream are made as the vendor's agent makes them."""
    for make, names in (
        (logs.create_log_group, {"logGroupName": group}),
        (logs.create_log_stream, {"logGroupName": group, "logStreamName": stream}),
    ):
        try:
            make(**names)
        except logs.exceptions.ResourceAlreadyExistsException:
            continue
    events = [{"timestamp": at_ms + number, "message": line} for number, line in enumerate(lines)]
    logs.put_log_events(logGroupName=group, logStreamName=stream, logEvents=events)


def texts(lines: list[Any]) -> list[str]:
    return [line.text for line in lines]


def test_a_job_is_read_to_its_end_and_then_from_there(logs: Any, local_aws: LocalAws) -> None:
    """Of all its instances, in the order in which the lines were written, and of no job whose name begins alike."""
    job = local_aws.name("job")
    write(logs, GROUP, f"{job}/algo-1-1", "one", "three", at_ms=NOW_MS)
    write(logs, GROUP, f"{job}/algo-2-1", "two", at_ms=NOW_MS)
    write(logs, GROUP, f"{job}-other/algo-1-1", "not mine")
    log = AwsLog(logs, f"processing-job/{job}", None)
    assert sorted(texts(log.read())) == ["one", "three", "two"]
    assert log.read() == []
    write(logs, GROUP, f"{job}/algo-1-1", "four", at_ms=NOW_MS + 50)
    write(logs, GROUP, f"{job}/algo-3-1", "five", at_ms=NOW_MS + 60)
    assert texts(log.read()) == ["four", "five"]


def test_more_lines_than_one_answer_holds_are_all_read(logs: Any, local_aws: LocalAws) -> None:
    job = local_aws.name("job")
    lines = [str(number) for number in range(LINES_AT_ONCE + 5)]
    for start in range(0, len(lines), 5000):
        write(logs, GROUP, f"{job}/algo-1-1", *lines[start : start + 5000], at_ms=NOW_MS + start)
    assert texts(AwsLog(logs, f"processing-job/{job}", None).read()) == lines


def test_after_the_last_lines_reading_goes_on(logs: Any, local_aws: LocalAws) -> None:
    job = local_aws.name("job")
    write(logs, GROUP, f"{job}/algo-1-1", "one", "two", "three")
    log = AwsLog(logs, f"processing-job/{job}", None)
    assert texts(log.tail(2)) == ["two", "three"]
    assert log.read() == []
    write(logs, GROUP, f"{job}/algo-1-1", "four", at_ms=NOW_MS + 50)
    assert texts(log.read()) == ["four"]


def test_what_is_older_can_be_left_out(logs: Any, local_aws: LocalAws) -> None:
    job = local_aws.name("job")
    write(logs, GROUP, f"{job}/algo-1-1", "old", at_ms=NOW_MS - 3_600_000)
    write(logs, GROUP, f"{job}/algo-1-1", "new")
    since = datetime.fromtimestamp(NOW_MS / 1000, UTC) - timedelta(minutes=30)
    assert texts(AwsLog(logs, f"processing-job/{job}", since).read()) == ["new"]
    assert texts(AwsLog(logs, f"processing-job/{job}", since).tail(10)) == ["new"]


def test_the_last_words_are_those_of_the_container_that_began_last(logs: Any, local_aws: LocalAws) -> None:
    """After a rolled back update the old container writes on; why the new one failed is what one wants to read."""
    endpoint = local_aws.name("endpoint")
    group = f"/aws/sagemaker/Endpoints/{endpoint}"
    write(logs, group, "AllTraffic/i-1", "the old one serves")
    write(logs, group, "AllTraffic/i-2", "no such file", "the new one ends")
    write(logs, group, "AllTraffic/i-1", "the old one still serves", at_ms=NOW_MS + 90)
    log = AwsLog(logs, f"endpoint/{endpoint}", None)
    assert log.last_words(5) == ["no such file", "the new one ends"]


@pytest.mark.parametrize("source", ["endpoint/never-was", "training-job/never-was"])
def test_what_never_wrote_is_empty(logs: Any, source: str) -> None:
    """A job may fail before it has a log: that must not hide why it failed."""
    log = AwsLog(logs, source, None)
    assert (log.read(), log.tail(5), log.last_words(5)) == ([], [], [])
