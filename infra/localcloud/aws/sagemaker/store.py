"""Everything that SageMaker remembers in one region of one account, besides jobs and pipelines."""

from typing import Any

from localstack.aws.api import RequestContext
from localstack.services.stores import AccountRegionBundle, BaseStore

from infra.localcloud.aws.failures import conflict, not_found, validation
from infra.localcloud.aws.records import Records
from infra.localcloud.aws.tags import Tags


class SageMakerStore(BaseStore):
    """The records of one region of one account; LocalStack makes one at the first request."""

    def __init__(self) -> None:
        self.tags = Tags()
        self.models = _named_plainly("model")
        self.endpoint_configs = _named_plainly("endpoint configuration")
        self.endpoints = _named_plainly("endpoint")
        self.groups: Records[Any] = Records(
            missing=lambda arn: validation(f"ModelPackageGroup {arn} does not exist."),
            taken=lambda arn: validation(f"Model Package Group already exists: {arn}"),
        )
        self.packages: Records[Any] = Records(
            missing=lambda arn: validation(f"ModelPackage {arn} does not exist."),
            taken=lambda arn: validation(f"Model Package already exists: {arn}"),
        )
        self.mlflow_apps: Records[Any] = Records(
            missing=lambda arn: not_found(f"MlflowApp with ARN {arn} does not exist."),
            taken=lambda arn: conflict(f"An MlflowApp with this name already exists: {arn}"),
        )
        self.mlflow_servers: Records[Any] = Records(
            missing=lambda name: not_found(f"Tracking server {name} does not exist."),
            taken=lambda arn: conflict(f"A tracking server with this name already exists: {arn}"),
        )


def _named_plainly(kind: str) -> Records[Any]:
    """Return records of a kind whose refusals the vendor words alike."""
    return Records(
        missing=lambda arn: validation(f'Could not find {kind} "{arn}".'),
        taken=lambda arn: validation(f'Cannot create already existing {kind} "{arn}".'),
    )


stores: AccountRegionBundle[SageMakerStore] = AccountRegionBundle("sagemaker", SageMakerStore)


def store(context: RequestContext) -> SageMakerStore:
    """Return the records of a request's account and region."""
    return store_of(context.account_id, context.region)


def store_of(account_id: str, region: str) -> SageMakerStore:
    """Return the records of an account in a region."""
    found: SageMakerStore = stores[account_id][region]
    return found
