"""The gate itself: lets a role's session through where its policies allow all that a request needs."""

from typing import Any, cast
from urllib.parse import unquote

from localstack.aws.api import RequestContext
from localstack.aws.handlers import serve_custom_service_request_handlers
from localstack.runtime import hooks
from localstack.utils.aws.request_context import extract_access_key_id_from_auth_header

from infra.localcloud.aws.failures import Refusal
from infra.localcloud.aws.permissions import audit, simulation
from infra.localcloud.aws.permissions.demands import Asked, asked_of, demands_of
from infra.localcloud.aws.permissions.policies import Demand, Verdict, judge
from infra.localcloud.aws.permissions.roles import Actor, actor_of

# The codes and statuses as the vendor answers them: JSON services say AccessDeniedException with 400
# (https://github.com/aws/aws-cdk/issues/26012), rest-json with 403, S3 and the query services AccessDenied with 403
# (https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html).
CODES = {"json": ("AccessDeniedException", 400), "rest-json": ("AccessDeniedException", 403)}
# Who signed an address of S3, by signature version 4 and by version 2.
PRESIGNED = ("X-Amz-Credential", "AWSAccessKeyId")
OTHER_CODE = ("AccessDenied", 403)


class AccessDeniedError(Exception):
    """A role may not do what the cloud would do for it; the text is the vendor's."""


@hooks.on_infra_start()
def watch_requests() -> None:
    """Called by LocalStack before the first request is taken."""
    audit.path().touch()  # there is a record, be it empty, as long as there is a gate
    serve_custom_service_request_handlers.append(check_request)
    simulation.install()


def check_request(chain: Any, context: RequestContext, response: Any) -> None:
    """Refuse a request of a role's session that its policies do not allow; all other callers pass."""
    if context.is_internal_call or context.service is None or context.operation is None:
        return
    actor = actor_of(_access_key(context), context.account_id)
    if actor is None:
        return
    denial = first_denial(actor, asked_of(context))
    if denial is not None:
        code, status = CODES.get(str(context.protocol or context.service.protocol), OTHER_CODE)
        raise Refusal(code, denial, status, sender_fault=True)


def _access_key(context: RequestContext) -> str | None:
    """Return the key that signed the request, be it in its header or, presigned, in its address."""
    for parameter in PRESIGNED:
        signed: str | None = context.request.args.get(parameter)
        if signed is not None:
            return unquote(signed).partition("/")[0]
    key: str | None = extract_access_key_id_from_auth_header(cast("Any", context.request.headers))
    return key


def require(actor: Actor, asked: Asked) -> None:
    """Raise AccessDeniedError, with the vendor's words, unless a role may do what the cloud does in its name."""
    denial = first_denial(actor, asked)
    if denial is not None:
        raise AccessDeniedError(denial)


def first_denial(actor: Actor, asked: Asked) -> str | None:
    """Judge all that a request needs, in the vendor's order, and return what is said of the first denial."""
    policies = actor.policies()
    for demand in demands_of(asked):
        verdict = judge(policies, demand)
        audit.note(actor, demand, verdict, asked.told())
        if verdict is not Verdict.ALLOWED:
            return said(actor, demand, verdict)
    return None


def said(actor: Actor, demand: Demand, verdict: Verdict) -> str:
    """Put a denial into the vendor's words.

    Source: https://docs.aws.amazon.com/IAM/latest/UserGuide/troubleshoot_access-denied.html
    """
    reason = f"because no identity-based policy allows the {demand.action} action"
    if verdict is Verdict.FORBIDDEN:
        reason = "with an explicit deny in an identity-based policy"
    resource = f'"{demand.resource}"' if demand.action.startswith("s3:") else demand.resource
    return f"User: {actor.arn} is not authorized to perform: {demand.action} on resource: {resource} {reason}"
