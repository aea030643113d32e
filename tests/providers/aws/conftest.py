"""What the tests of the AWS stand-in share."""

from tests.localcloud.cloud import crane, local_aws

__all__ = ["crane", "local_aws"]
