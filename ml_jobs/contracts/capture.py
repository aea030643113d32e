"""What a serving container keeps of its requests and answers: JSON lines in Cloud Storage, in SageMaker's layout.

Vertex AI itself logs requests to BigQuery only, whole and unmasked; jobs read the same lines on every cloud.
The layout: https://docs.aws.amazon.com/sagemaker/latest/dg/model-monitor-data-capture.html
"""

import json
import logging
import random
import threading
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from ml_jobs.contracts import cloud_storage
from ml_jobs.errors import JobError

log = logging.getLogger("ml_jobs.capture")
FLUSH_SECONDS = 5.0
MAX_WAITING = 10_000
"""Exchanges that wait for a slow Cloud Storage; what comes beyond is lost, for serving goes first."""

CONTENT_TYPE = "application/json"
BY_HAND = "by-hand"


@dataclass(frozen=True)
class Exchange:
    """One request that was answered, and its answer: the bodies."""

    request: bytes
    answer: bytes
    moment: datetime = field(default_factory=lambda: datetime.now(UTC))


class Capture:
    """Takes a sample of all exchanges; a thread writes an object of them every few seconds."""

    def __init__(self, uri: str, share: float, mask: frozenset[str], scratch: Path) -> None:
        """Take the gs:// folder, the share from 0 to 1 that is kept, and the names that instances lose.

        `scratch` is a folder of its own, for files on their way.
        """
        self._uri = uri.rstrip("/")
        self._scratch = scratch
        self._share = share
        self._mask = mask
        self._random = random.Random()  # noqa: S311 - it takes a sample
        self._waiting: list[Exchange] = []
        self._changed = threading.Condition()
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._run, name="capture", daemon=True)
        self._thread.start()

    @classmethod
    def of(cls, environ: Mapping[str, str], scratch: Path) -> "Capture | None":
        """Return what STILE_CAPTURE_URI, STILE_CAPTURE_SHARE and STILE_CAPTURE_MASK ask for; None for nothing.

        Raises:
            JobError: one of them is malformed.
        """
        uri, told = environ.get("STILE_CAPTURE_URI"), environ.get("STILE_CAPTURE_SHARE") or "0"
        try:
            share = float(told)
        except ValueError as error:
            raise JobError(f"STILE_CAPTURE_SHARE is {told!r}; it must be a number from 0 to 1") from error
        if not 0 <= share <= 1:
            raise JobError(f"STILE_CAPTURE_SHARE is {told}; it must be a number from 0 to 1")
        if not uri or not share:
            return None
        cloud_storage.split(uri)
        names = (environ.get("STILE_CAPTURE_MASK") or "").split(",")
        folder = environ.get("AIP_DEPLOYED_MODEL_ID") or BY_HAND
        return cls(f"{uri.rstrip('/')}/{folder}", share, frozenset(filter(None, names)), scratch)

    def note(self, request: bytes, answer: bytes) -> None:
        """Take an exchange, if the sample includes it; never waits."""
        if self._random.random() >= self._share:
            return
        with self._changed:
            if len(self._waiting) < MAX_WAITING:
                self._waiting.append(Exchange(request, answer))
                self._changed.notify_all()

    def close(self) -> None:
        """Write what still waits."""
        self._closing.set()
        with self._changed:
            self._changed.notify_all()
        self._thread.join()

    def _run(self) -> None:
        while not self._closing.is_set():
            with self._changed:
                self._changed.wait_for(lambda: bool(self._waiting) or self._closing.is_set())
            self._closing.wait(FLUSH_SECONDS)
            with self._changed:
                taken, self._waiting = self._waiting, []
            if taken:
                self._write(taken)

    def _write(self, exchanges: list[Exchange]) -> None:
        now = datetime.now(UTC)
        lines = "".join(f"{json.dumps(record(each, self._mask))}\n" for each in exchanges)
        file = self._scratch / f"{now:%M-%S}-{now.microsecond // 1000:03d}-{uuid.uuid4()}.jsonl"
        file.write_text(lines)
        try:
            cloud_storage.upload(self._scratch, f"{self._uri}/{now:%Y/%m/%d/%H}")
        except JobError as error:
            # An endpoint goes on serving when its account may not write there.
            log.warning("%d captured exchanges are lost: %s", len(exchanges), error)
        finally:
            file.unlink()


def record(exchange: Exchange, mask: frozenset[str]) -> dict[str, Any]:
    """Return one line: SageMaker's, of a request that lost what is masked."""
    return {
        "captureData": {
            "endpointInput": _side("INPUT", masked(exchange.request, mask)),
            "endpointOutput": _side("OUTPUT", exchange.answer.decode("utf-8", "replace")),
        },
        "eventMetadata": {
            "eventId": str(uuid.uuid4()),
            "inferenceTime": exchange.moment.strftime("%Y-%m-%dT%H:%M:%SZ"),
        },
        "eventVersion": "0",
    }


def masked(request: bytes, mask: frozenset[str]) -> str:
    """Return a request's body without the masked names in its instances."""
    if not mask:
        return request.decode("utf-8", "replace")
    content = json.loads(request)
    for instance in content["instances"]:
        for name in mask & instance.keys():
            del instance[name]
    return json.dumps(content)


def _side(mode: str, data: str) -> dict[str, str]:
    return {"observedContentType": CONTENT_TYPE, "mode": mode, "data": data, "encoding": "JSON"}
