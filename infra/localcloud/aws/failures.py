"""The vendor's errors, by name and in its words; handlers raise these."""

from localstack.aws.api import CommonServiceException


class Refusal(CommonServiceException):
    """An error that the client caused; answered with the vendor's code and status."""


def validation(message: str) -> Refusal:
    """The request is wrong in itself; SageMaker also answers this for much that does not exist."""
    return Refusal("ValidationException", message, 400, sender_fault=True)


def not_found(message: str) -> Refusal:
    """What is named does not exist."""
    return Refusal("ResourceNotFound", message, 400, sender_fault=True)


def in_use(message: str) -> Refusal:
    """The name is taken, or the resource is busy or needed by another."""
    return Refusal("ResourceInUse", message, 400, sender_fault=True)


def limit_exceeded(message: str) -> Refusal:
    """A quota is reached."""
    return Refusal("ResourceLimitExceeded", message, 400, sender_fault=True)


def conflict(message: str) -> Refusal:
    """Another change got in between, or the state does not allow this one."""
    return Refusal("ConflictException", message, 400, sender_fault=True)


def access_denied(message: str) -> Refusal:
    """The caller lacks a permission."""
    return Refusal("AccessDeniedException", message, 400, sender_fault=True)
