"""AddTags, ListTags, DeleteTags, for every SageMaker resource by its ARN."""

from localstack.aws.api import RequestContext

from infra.localcloud.aws.failures import validation
from infra.localcloud.aws.operations import Operations, Request, Response
from infra.localcloud.aws.sagemaker.store import store

PAGE_SIZE = 50


def add_tags(context: RequestContext, request: Request) -> Response:
    """Add or replace tags; answers all tags."""
    return {"Tags": store(context).tags.add(request["ResourceArn"], request["Tags"])}


def list_tags(context: RequestContext, request: Request) -> Response:
    """List a resource's tags in pages."""
    tags = store(context).tags.list(request["ResourceArn"])
    token = request.get("NextToken")
    if token is not None and (not token.isdigit() or int(token) >= len(tags)):
        raise validation("The NextToken is not valid for this request.")
    start = int(token or 0)
    end = start + (request.get("MaxResults") or PAGE_SIZE)
    return {"Tags": tags[start:end]} | ({"NextToken": str(end)} if end < len(tags) else {})


def delete_tags(context: RequestContext, request: Request) -> Response:
    """Remove tags by their keys."""
    store(context).tags.remove(request["ResourceArn"], request["TagKeys"])
    return {}


OPERATIONS: Operations = {"AddTags": add_tags, "DeleteTags": delete_tags, "ListTags": list_tags}
