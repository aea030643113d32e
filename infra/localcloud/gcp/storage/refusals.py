"""What Cloud Storage refuses, in Google's words: the JSON error of the API, and the plain text of downloads."""

from typing import Any

PRECONDITION = "At least one of the pre-conditions you specified did not hold."


class Refusal(Exception):  # noqa: N818 - an answer, not a fault of ours
    """A request that is answered with an error.

    Attributes:
        status: the HTTP status.
        message: what Google says.
        reason: Google's word for the kind of error.
        where: the header or parameter that was wrong, as (kind, name), where Google names it.
    """

    def __init__(self, status: int, message: str, reason: str, where: tuple[str, str] | None = None) -> None:
        super().__init__(message)
        self.status, self.message, self.reason, self.where = status, message, reason, where

    def body(self) -> dict[str, Any]:
        """The error as the JSON API writes it."""
        entry = {"message": self.message, "domain": "global", "reason": self.reason}
        if self.where:
            entry |= {"locationType": self.where[0], "location": self.where[1]}
        return {"error": {"code": self.status, "message": self.message, "errors": [entry]}}


def invalid(message: str, where: tuple[str, str] | None = None) -> Refusal:
    """400: a value that is not allowed."""
    return Refusal(400, message, "invalid", where)


def required(name: str) -> Refusal:
    """400: a parameter or field that is missing."""
    return Refusal(400, f"Required parameter: {name}", "required", ("parameter", name))


def no_bucket() -> Refusal:
    """404: a bucket that is not there."""
    return Refusal(404, "The specified bucket does not exist.", "notFound")


def no_object(bucket: str, name: str, generation: int | None = None) -> Refusal:
    """404: an object, or one generation of it, that is not there."""
    suffix = "" if generation is None else f"#{generation}"
    return Refusal(404, f"No such object: {bucket}/{name}{suffix}", "notFound")


def not_found() -> Refusal:
    """404: a path that the API does not have."""
    return Refusal(404, "Not Found", "notFound")


def conflict(message: str) -> Refusal:
    """409: the state of something forbids it."""
    return Refusal(409, message, "conflict")


def condition_not_met(message: str = PRECONDITION, header: str = "If-Match") -> Refusal:
    """412: a precondition did not hold."""
    return Refusal(412, message, "conditionNotMet", ("header", header))


def not_modified() -> Refusal:
    """304: a read whose "not match" precondition did not hold; it has no body."""
    return Refusal(304, "Not Modified", "notModified", ("header", "If-None-Match"))


def forbidden(message: str, reason: str = "forbidden") -> Refusal:
    """403: not allowed."""
    return Refusal(403, message, reason)


def not_implemented(what: str) -> Refusal:
    """501: part of the API that this emulator does not have."""
    return Refusal(501, f"{what} is not implemented by the local Google Cloud.", "notImplemented")
