"""What the conformance suites share."""

from tests.localcloud.cloud import crane, local_aws

__all__ = ["crane", "local_aws"]
