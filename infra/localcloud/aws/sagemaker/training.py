"""SageMaker training: nothing of it is emulated yet."""

from infra.localcloud.aws.operations import Operations

OPERATIONS: Operations = {}
