"""ECR's repositories: moto's records, except for how one logs in, which leads to the registry on loopback."""

import base64
import threading
from datetime import UTC, datetime, timedelta

from localstack.aws.api import RequestContext
from localstack.services.moto import call_moto
from moto.ecr.models import ecr_backends

from infra.localcloud.aws.ecr import registry
from infra.localcloud.aws.failures import Refusal
from infra.localcloud.aws.operations import Operations, Request, Response

TOKEN_HOURS = 12
# moto's records know no race: of two creators both would win.
_CREATING = threading.Lock()

# What moto keeps records of and answers rightly; images are not among it, they are in the registry.
MOTO = (
    "DeleteLifecyclePolicy",
    "DeleteRepositoryPolicy",
    "DescribeRepositories",
    "GetLifecyclePolicy",
    "GetRepositoryPolicy",
    "ListTagsForResource",
    "PutImageScanningConfiguration",
    "PutImageTagMutability",
    "PutLifecyclePolicy",
    "SetRepositoryPolicy",
    "TagResource",
    "UntagResource",
)


def require_repository(context: RequestContext, request: Request) -> str:
    """Return the name of the repository that a request is about; raises RepositoryNotFoundException."""
    name: str = request["repositoryName"]
    if name not in ecr_backends[context.account_id][context.region].repositories:
        raise Refusal(
            "RepositoryNotFoundException",
            f"The repository with name '{name}' does not exist in the registry with id '{context.account_id}'",
            400,
        )
    return name


def forward(context: RequestContext, request: Request) -> Response:
    """Let moto answer."""
    answer: Response = call_moto(context)
    return answer


def create_repository(context: RequestContext, request: Request) -> Response:
    """CreateRepository: of racing creators one wins."""
    with _CREATING:
        return forward(context, request)


def get_authorization_token(context: RequestContext, request: Request) -> Response:
    """GetAuthorizationToken: names the registry on loopback, which asks for no password."""
    data = {
        "authorizationToken": base64.b64encode(b"AWS:local").decode(),
        "expiresAt": datetime.now(UTC) + timedelta(hours=TOKEN_HOURS),
        "proxyEndpoint": registry.url(),
    }
    return {"authorizationData": [data]}


OPERATIONS: Operations = {
    **dict.fromkeys(MOTO, forward),
    "CreateRepository": create_repository,
    "GetAuthorizationToken": get_authorization_token,
}
