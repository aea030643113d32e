"""Logs of jobs and endpoints in CloudWatch Logs, read to their end and followed from there."""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

from infra.clouds import LogLine
from infra.clouds.aws_calls import told

# A source's kind -> its log group; a job's streams begin with its name, an endpoint has a group of its own.
# source: https://docs.aws.amazon.com/sagemaker/latest/dg/logging-cloudwatch.html
GROUPS = {
    "training-job": "/aws/sagemaker/TrainingJobs",
    "processing-job": "/aws/sagemaker/ProcessingJobs",
    "endpoint": "/aws/sagemaker/Endpoints/{name}",
}
# An endpoint collects a stream per container that ever served; only the newest of them can still write.
NEWEST_STREAMS = 50
LINES_AT_ONCE = 10_000  # GetLogEvents' own limit


class AwsLog:
    """The streams of one source. Each keeps its token, after which CloudWatch gives only what came later."""

    def __init__(self, client: Any, source: str, since: datetime | None) -> None:
        kind, _, name = source.partition("/")
        self._client = client
        self._group = GROUPS[kind].format(name=name)
        self._prefix = f"{name}/" if kind != "endpoint" else None
        self._since = since
        self._tokens: dict[str, str] = {}

    @told
    def read(self) -> list[LogLine]:
        """What came since the last look."""
        return sorted((line for stream in self._streams() for line in self._rest(stream)), key=_written)

    @told
    def tail(self, lines: int) -> list[LogLine]:
        """The last lines of all streams together."""
        return sorted((line for stream in self._streams() for line in self._end(stream, lines)), key=_written)[-lines:]

    @told
    def last_words(self, lines: int) -> list[str]:
        """The last lines of the stream that began last."""
        streams = self._described()
        if not streams:
            return []
        newest = max(streams, key=lambda stream: int(stream["creationTime"]))
        return [line.text for line in self._end(newest["logStreamName"], lines)]

    def _streams(self) -> list[str]:
        return [stream["logStreamName"] for stream in self._described()]

    def _described(self) -> list[dict[str, Any]]:
        which = (
            {"logStreamNamePrefix": self._prefix}
            if self._prefix
            else {"orderBy": "LastEventTime", "descending": True, "limit": NEWEST_STREAMS}
        )
        try:
            answer = self._client.describe_log_streams(logGroupName=self._group, **which)
        except self._client.exceptions.ResourceNotFoundException:
            return []  # nothing was ever written
        streams: list[dict[str, Any]] = answer["logStreams"]
        return streams

    def _rest(self, stream: str) -> Iterator[LogLine]:
        """Read a stream from its token on, or from its beginning; the end gives the same token again."""
        while True:
            known = self._tokens.get(stream)
            events = self._events(stream, startFromHead=True, **({"nextToken": known} if known else {}))
            yield from events
            if self._tokens[stream] == known:
                return

    def _end(self, stream: str, lines: int) -> list[LogLine]:
        return self._events(stream, startFromHead=False, limit=min(lines, LINES_AT_ONCE))

    def _events(self, stream: str, **which: Any) -> list[LogLine]:
        # A token goes with the time that it was given for.
        since = {} if self._since is None else {"startTime": int(self._since.timestamp() * 1000)}
        answer = self._client.get_log_events(logGroupName=self._group, logStreamName=stream, **since, **which)
        self._tokens[stream] = answer["nextForwardToken"]
        return [
            LogLine(datetime.fromtimestamp(event["timestamp"] / 1000, UTC), event["message"])
            for event in answer["events"]
        ]


def _written(line: LogLine) -> datetime:
    return line.at
