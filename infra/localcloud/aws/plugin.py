"""The entry points by which LocalStack finds our services; each is imported when it is first called."""

from localstack.services.plugins import Service, aws_provider


@aws_provider(api="sagemaker")
def sagemaker() -> Service:
    """SageMaker: records, endpoints, registry, MLflow, jobs and pipelines."""
    from infra.localcloud.aws.sagemaker.provider import service

    return service()


@aws_provider(api="sagemaker-runtime")
def sagemaker_runtime() -> Service:
    """SageMaker's runtime: InvokeEndpoint."""
    from infra.localcloud.aws.sagemaker_runtime.provider import service

    return service()


@aws_provider(api="cloudwatch", name="stile")
def cloudwatch() -> Service:
    """CloudWatch: LocalStack's, mended; chosen by PROVIDER_OVERRIDE_CLOUDWATCH=stile."""
    from infra.localcloud.aws.cloudwatch.provider import service

    return service()


@aws_provider(api="ecr")
def ecr() -> Service:
    """ECR: moto's records joined with the images in the loopback registry."""
    from infra.localcloud.aws.ecr.provider import service

    return service()


@aws_provider(api="budgets")
def budgets() -> Service:
    """Budgets, with notifications, subscribers and tags."""
    from infra.localcloud.aws.budgets.provider import service

    return service()
