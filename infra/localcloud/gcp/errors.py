"""Google's errors: the canonical codes, and the bodies in which they are answered.

Refusal                 what a handler raises; answered with its code and Google's body
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

Json = dict[str, Any]


@dataclass(frozen=True)
class Status:
    """A canonical code. Source: google/rpc/code.proto.

    Attributes:
        name: as it stands in `error.status`.
        http: the HTTP status it is answered with.
        number: as it stands in the `error.code` of an operation.
    """

    name: str
    http: int
    number: int


STATUSES = {
    status.name: status
    for status in (
        Status("CANCELLED", 499, 1),
        Status("INVALID_ARGUMENT", 400, 3),
        Status("NOT_FOUND", 404, 5),
        Status("ALREADY_EXISTS", 409, 6),
        Status("PERMISSION_DENIED", 403, 7),
        Status("RESOURCE_EXHAUSTED", 429, 8),
        Status("FAILED_PRECONDITION", 400, 9),
        Status("ABORTED", 409, 10),
        Status("UNIMPLEMENTED", 501, 12),
        Status("INTERNAL", 500, 13),
        Status("UNAVAILABLE", 503, 14),
        Status("UNAUTHENTICATED", 401, 16),
    )
}


class Refusal(Exception):  # noqa: N818 - an answer, not a fault of ours
    """An error that Google would answer."""

    def __init__(self, status: str, message: str, details: Sequence[Mapping[str, Any]] = ()) -> None:
        super().__init__(message)
        self.status = STATUSES[status]
        self.message = message
        self.details = [dict(detail) for detail in details]

    def body(self) -> Json:
        """Return the body of the HTTP answer."""
        error: Json = {"code": self.status.http, "message": self.message, "status": self.status.name}
        if self.details:
            error["details"] = self.details
        return {"error": error}

    def in_operation(self) -> Json:
        """Return what stands in the `error` of a long-running operation (google.rpc.Status)."""
        return {"code": self.status.number, "message": self.message, "details": self.details}


def invalid(message: str, *, field: str | None = None) -> Refusal:
    """The request is wrong in itself; `field` is the path of what is wrong in it."""
    return Refusal("INVALID_ARGUMENT", message, [bad_request({field: message})] if field else [])


def bad_request(violations: Mapping[str, str]) -> Json:
    """Return the detail that names fields and what is wrong with each."""
    named = [{"field": field, "description": text} for field, text in violations.items()]
    return {"@type": "type.googleapis.com/google.rpc.BadRequest", "fieldViolations": named}


def not_found(name: str) -> Refusal:
    """What is named does not exist."""
    return Refusal("NOT_FOUND", f"{name} is not found.")


def already_exists(name: str) -> Refusal:
    """The name is taken."""
    return Refusal("ALREADY_EXISTS", f"the resource already exists: {name}")


def stale(name: str) -> Refusal:
    """The etag that was sent is not the resource's."""
    return Refusal("ABORTED", f"The etag sent is not that of {name}: it was changed in between. Read it again.")


def precondition(message: str) -> Refusal:
    """The state of the system does not allow it."""
    return Refusal("FAILED_PRECONDITION", message)


def denied(permission: str, resource: str) -> Refusal:
    """The caller lacks a permission. Source of the words and the detail: Google's IAM."""
    detail = {
        "@type": "type.googleapis.com/google.rpc.ErrorInfo",
        "reason": "IAM_PERMISSION_DENIED",
        "domain": "iam.googleapis.com",
        "metadata": {"permission": permission, "resource": resource},
    }
    text = f"Permission '{permission}' denied on resource '{resource}' (or it may not exist)."
    return Refusal("PERMISSION_DENIED", text, [detail])


def unimplemented(method: str) -> Refusal:
    """The local cloud does not do this; the message names the method of the discovery document."""
    return Refusal("UNIMPLEMENTED", f"The local cloud does not implement {method}.")
