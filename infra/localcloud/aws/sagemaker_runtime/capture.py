"""Data capture: requests and answers of an endpoint, as JSON lines in the vendor's layout in the bucket asked for."""

import base64
import json
import logging
import random
import threading
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cache
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from infra.localcloud.aws.sagemaker.fleets import LiveVariant

LOG = logging.getLogger(__name__)
FLUSH_SECONDS = 1.0
EVENT_VERSION = "0"
JSON_TYPES = ("application/json", "application/jsonlines")
CSV_TYPES = ("text/csv",)


@dataclass(frozen=True)
class Exchange:
    """One request and its answer, each with its content type."""

    request: bytes
    request_type: str
    answer: bytes
    answer_type: str
    inference_id: str | None
    custom_attributes: str | None
    moment: datetime = field(default_factory=lambda: datetime.now(UTC))


@dataclass(frozen=True)
class Destination:
    """Where an endpoint's variant captures to."""

    uri: str
    endpoint: str
    variant: str

    def key(self, moment: datetime) -> tuple[str, str]:
        """Return the bucket and key of a file that holds what was captured at a time."""
        bucket, _, prefix = self.uri.removeprefix("s3://").partition("/")
        file = f"{moment:%M-%S}-{moment.microsecond // 1000:03d}-{uuid.uuid4()}.jsonl"
        parts = [prefix.strip("/"), self.endpoint, self.variant, f"{moment:%Y/%m/%d/%H}", file]
        return bucket, "/".join(part for part in parts if part)


class Capture:
    """Lines since the last flush, per destination; a thread writes a file of them every second."""

    def __init__(self) -> None:
        self._lines: dict[Destination, list[str]] = {}
        self._clients: dict[Destination, Any] = {}
        self._filled = threading.Condition()
        self._random = random.Random()  # noqa: S311 - it takes a sample
        threading.Thread(target=self._run, name="data-capture", daemon=True).start()

    def note(self, config: Mapping[str, Any], endpoint: str, variant: LiveVariant, exchange: Exchange) -> None:
        """Take one exchange, if the configuration's sample includes it."""
        if not config.get("EnableCapture"):
            return
        if self._random.random() * 100 >= config["InitialSamplingPercentage"]:
            return
        destination = Destination(config["DestinationS3Uri"], endpoint, variant.plan.name)
        with self._filled:
            self._lines.setdefault(destination, []).append(json.dumps(_record(config, exchange)))
            self._clients[destination] = variant.session.client("s3")
            self._filled.notify_all()

    def _run(self) -> None:
        pause = threading.Event()
        while True:
            with self._filled:
                self._filled.wait_for(lambda: bool(self._lines))
            pause.wait(FLUSH_SECONDS)
            with self._filled:
                taken, self._lines = self._lines, {}
                clients = dict(self._clients)
            for destination, lines in taken.items():
                _write(clients[destination], destination, lines)


def _write(client: Any, destination: Destination, lines: list[str]) -> None:
    bucket, key = destination.key(datetime.now(UTC))
    try:
        client.put_object(Bucket=bucket, Key=key, Body="".join(f"{line}\n" for line in lines).encode())
    except (ClientError, BotoCoreError) as error:
        # As at the vendor, an endpoint goes on serving when its role may not write there.
        LOG.warning("captured data of %s is lost: %s", destination, error)


def _record(config: Mapping[str, Any], exchange: Exchange) -> dict[str, Any]:
    modes = {option["CaptureMode"] for option in config["CaptureOptions"]}
    both = "InputAndOutput" in modes
    data: dict[str, Any] = {}
    if both or "Input" in modes:
        data["endpointInput"] = _side(config, "INPUT", exchange.request, exchange.request_type)
    if both or "Output" in modes:
        data["endpointOutput"] = _side(config, "OUTPUT", exchange.answer, exchange.answer_type)
    metadata: dict[str, Any] = {
        "eventId": str(uuid.uuid4()),
        "inferenceTime": exchange.moment.strftime("%Y-%m-%dT%H:%M:%SZ"),
    }
    if exchange.inference_id is not None:
        metadata["inferenceId"] = exchange.inference_id
    if exchange.custom_attributes is not None:
        metadata["customAttributes"] = [exchange.custom_attributes]
    return {"captureData": data, "eventMetadata": metadata, "eventVersion": EVENT_VERSION}


def _side(config: Mapping[str, Any], mode: str, content: bytes, content_type: str) -> dict[str, Any]:
    encoding = _encoding(config.get("CaptureContentTypeHeader") or {}, content_type.partition(";")[0].strip())
    text = base64.b64encode(content).decode() if encoding == "BASE64" else content.decode("utf-8", "replace")
    return {"observedContentType": content_type, "mode": mode, "data": text, "encoding": encoding}


def _encoding(asked: Mapping[str, Any], content_type: str) -> str:
    """The vendor stores as text what the configuration names (JSON and CSV without it), and all else as base64."""
    if content_type in (asked.get("CsvContentTypes") or CSV_TYPES):
        return "CSV"
    return "JSON" if content_type in (asked.get("JsonContentTypes") or JSON_TYPES) else "BASE64"


@cache
def capture() -> Capture:
    """Return the one writer of captured data."""
    return Capture()
