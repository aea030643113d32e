"""Batches: several calls in one request (https://cloud.google.com/storage/docs/batch), each answered on its own."""

import json
import secrets
from collections.abc import Mapping
from dataclasses import replace
from email.message import Message
from email.parser import BytesParser, Parser
from http import HTTPStatus
from urllib.parse import parse_qsl, urlsplit

from infra.localcloud.gcp.storage.calls import Answer
from infra.localcloud.gcp.storage.refusals import Refusal, invalid
from infra.localcloud.gcp.storage.service import Service
from infra.localcloud.gcp.storage.uploads import read_json

MOST_CALLS = 100
LINE = "\r\n"


def run(
    service: Service, content_type: str, body: bytes, headers: Mapping[str, str], base_url: str
) -> tuple[str, bytes]:
    """Answer all calls of a batch, in order.

    Args:
        service: does them.
        content_type: the batch's, which names the boundary.
        body: the batch.
        headers: the batch's own, which hold for each call unless it says otherwise.
        base_url: where the caller reached us.

    Returns:
        The content type and the body of the answer.

    Raises:
        Refusal: 400 for what is no batch.
    """
    message = BytesParser().parsebytes(b"Content-Type: " + content_type.encode("latin-1") + b"\r\n\r\n" + body)
    parts = message.get_payload()
    if not message.is_multipart() or not isinstance(parts, list):
        raise Refusal(400, "Failed to parse batch request, error: expected multipart/mixed.", "badRequest")
    if len(parts) > MOST_CALLS:
        raise invalid(f"The batch request has {len(parts)} calls, expected at most {MOST_CALLS}.")
    boundary = f"batch_{secrets.token_hex(16)}"
    pieces = [_answered(service, part, headers, base_url) for part in parts if isinstance(part, Message)]
    text = "".join(f"--{boundary}{LINE}{piece}{LINE}" for piece in pieces) + f"--{boundary}--{LINE}"
    return f"multipart/mixed; boundary={boundary}", text.encode()


def _answered(service: Service, part: Message, headers: Mapping[str, str], base_url: str) -> str:
    """One call's answer, as a part of the batch's."""
    try:
        answer = _done(service, str(part.get_payload()), headers, base_url)
    except Refusal as refusal:
        answer = Answer(None if refusal.status == HTTPStatus.NOT_MODIFIED else refusal.body(), refusal.status)
    content = "" if answer.body is None else json.dumps(answer.body)
    lines = ["Content-Type: application/http"]
    if key := part.get("Content-ID"):
        lines.append(f"Content-ID: <response-{key.strip().strip('<>')}>")
    phrase = HTTPStatus(answer.status).phrase
    lines += ["", f"HTTP/1.1 {answer.status} {phrase}", "Content-Type: application/json; charset=UTF-8"]
    return LINE.join([*lines, f"Content-Length: {len(content.encode())}", "", content])


def _done(service: Service, text: str, headers: Mapping[str, str], base_url: str) -> Answer:
    """Do one call, given as the text of an HTTP request."""
    line, _, rest = text.lstrip().partition("\n")
    words = line.split()
    if len(words) < 2:
        raise Refusal(400, "Failed to parse batch request, error: a part holds no HTTP request.", "badRequest")
    inner = Parser().parsestr(rest)
    own = {name.lower(): value for name, value in inner.items()}
    target = urlsplit(words[1])
    method, parts = service.api.find(words[0], target.path.lstrip("/"))
    query = service.api.query(method, parse_qsl(target.query, keep_blank_values=True))
    if query.get("alt") == "media":
        raise invalid("Batches neither upload nor download media.", ("parameter", "alt"))
    inherited = {name: value for name, value in headers.items() if name == "authorization"}
    call = service.call(method, parts, query, inherited | own, base_url)
    body = service.api.body(method, read_json(str(inner.get_payload()).encode()))
    return service.answer(replace(call, body=body))
