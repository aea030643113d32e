"""An AWS endpoint whose answers a test writes, for the vendor's real client to talk to."""

import json
import threading
from base64 import b64encode
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any

import httpx

Answer = Callable[[dict[str, Any]], dict[str, Any]]


class Refusal(Exception):  # noqa: N818 - an answer
    """The API's error: its code and message."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


class SmallAws:
    """Answers the operations in `answers`, by name; what is asked is kept in `asked`."""

    def __init__(self) -> None:
        self.answers: dict[str, Answer] = {}
        self.asked: list[tuple[str, dict[str, Any]]] = []
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02})

    def __enter__(self) -> "SmallAws":
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    @property
    def environment(self) -> dict[str, str]:
        """The variables by which a process uses it."""
        return {
            "AWS_ENDPOINT_URL": f"http://127.0.0.1:{self._server.server_port}",
            "AWS_ACCESS_KEY_ID": "test",
            "AWS_SECRET_ACCESS_KEY": "test",
            "AWS_REGION": "us-east-1",
            "AWS_DEFAULT_REGION": "us-east-1",
        }

    def answer(self, operation: str, request: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        self.asked.append((operation, request))
        try:
            return 200, self.answers[operation](request)
        except Refusal as refusal:
            return 400, {"__type": refusal.code, "message": str(refusal)}

    def count(self, operation: str) -> int:
        """How often an operation was asked."""
        return sum(1 for asked, _ in self.asked if asked == operation)


def _handler(aws: SmallAws) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            request = json.loads(self.rfile.read(int(self.headers["Content-Length"])) or b"{}")
            status, answer = aws.answer(self.headers["X-Amz-Target"].split(".")[-1], request)
            content = json.dumps(answer).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/x-amz-json-1.1")
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the server's own name
            """Say nothing."""

    return Handler


def ecr(aws: SmallAws, registry: str) -> None:
    """Let it answer as ECR in front of a registry on loopback."""
    token = b64encode(b"AWS:a-password").decode()
    granted = {"authorizationData": [{"authorizationToken": token, "proxyEndpoint": registry}]}
    aws.answers["GetAuthorizationToken"] = lambda request: granted

    def remove(request: dict[str, Any]) -> dict[str, Any]:
        failures = []
        for image in request["imageIds"]:
            name = image.get("imageDigest") or image["imageTag"]
            answer = httpx.delete(f"{registry}/v2/{request['repositoryName']}/manifests/{name}", trust_env=False)
            if answer.status_code == httpx.codes.NOT_FOUND:
                failures.append({"imageId": image, "failureCode": "ImageNotFound", "failureReason": "not there"})
        return {"imageIds": request["imageIds"], "failures": failures}

    aws.answers["BatchDeleteImage"] = remove
