"""What the tests of the local cloud share."""

from tests.localcloud.cloud import crane, local_aws

__all__ = ["crane", "local_aws"]
