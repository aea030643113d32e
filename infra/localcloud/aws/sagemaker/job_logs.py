"""Sends a job's output to CloudWatch Logs in batches, as it comes."""

import logging
import queue
import threading
import time
from collections.abc import Mapping
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from infra.localcloud.jobs.process import LogLine

LOG = logging.getLogger(__name__)
BATCH_LINES = 1000
BATCH_SECONDS = 0.5
LINE_BYTES = 60_000  # an event of CloudWatch Logs holds 256 KiB, a batch 1 MiB; see BATCH_BYTES
BATCH_BYTES = 900_000


class JobLog:
    """One log stream. `write` never blocks on the service; `close` sends what is left.

    A log that the service refuses (say, to a role without the permission) does not fail the job: the reason is
    kept in the local cloud's own log.
    """

    def __init__(self, client: Any, group: str, stream: str) -> None:
        self._client = client
        self._names = {"logGroupName": group, "logStreamName": stream}
        self._lines: queue.SimpleQueue[LogLine | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._send_all, name=f"log-{stream}", daemon=True)
        self._thread.start()

    def write(self, line: LogLine) -> None:
        """Take a line; empty ones are left out, as the vendor's agent does."""
        if line.text:
            self._lines.put(line)

    def say(self, text: str) -> None:
        """Write a line of the cloud's own."""
        self.write(LogLine(int(time.time() * 1000), text))

    def close(self) -> None:
        """Send what is left and wait for that."""
        self._lines.put(None)
        self._thread.join()

    def _send_all(self) -> None:
        refused = self._ensure()
        open_ = True
        while open_:
            batch, open_ = self._batch()
            if batch and not refused:
                refused = self._send(batch)

    def _batch(self) -> tuple[list[LogLine], bool]:
        """Wait for a first line, then gather those of the next moment; the second value is False at the end."""
        line = self._lines.get()
        batch: list[LogLine] = []
        size, deadline = 0, time.monotonic() + BATCH_SECONDS
        while line is not None:
            batch.append(LogLine(line.timestamp_ms, line.text[:LINE_BYTES]))
            size += len(line.text)
            left = deadline - time.monotonic()
            if len(batch) == BATCH_LINES or size >= BATCH_BYTES - LINE_BYTES or left <= 0:
                return batch, True
            try:
                line = self._lines.get(timeout=left)
            except queue.Empty:
                return batch, True
        return batch, False

    def _ensure(self) -> bool:
        """Make group and stream; as the vendor's agent does, look for the stream first."""
        group, stream = self._names["logGroupName"], self._names["logStreamName"]
        return (
            self._refused("create_log_group", {"logGroupName": group})
            or self._refused("describe_log_streams", {"logGroupName": group, "logStreamNamePrefix": stream})
            or self._refused("create_log_stream", self._names)
        )

    def _send(self, batch: list[LogLine]) -> bool:
        events = [{"timestamp": line.timestamp_ms, "message": line.text} for line in batch]
        return self._refused("put_log_events", {**self._names, "logEvents": events})

    def _refused(self, operation: str, request: Mapping[str, Any]) -> bool:
        try:
            getattr(self._client, operation)(**request)
        except self._client.exceptions.ResourceAlreadyExistsException:
            return False
        except (ClientError, BotoCoreError) as error:
            LOG.warning("the log %s is lost: %s", self._names, error)
            return True
        return False
