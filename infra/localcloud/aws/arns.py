"""The ARNs of what our services keep."""

from localstack.aws.api import RequestContext


def sagemaker_arn(context: RequestContext, kind: str, *parts: str) -> str:
    """Return SageMaker's ARN of a resource, such as `arn:aws:sagemaker:us-east-1:000000000000:model/flights`.

    SageMaker writes names in ARNs in small letters.
    """
    resource = "/".join((kind, *(part.lower() for part in parts)))
    return f"arn:{context.partition}:sagemaker:{context.region}:{context.account_id}:{resource}"
