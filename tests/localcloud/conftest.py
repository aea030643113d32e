"""What the tests of the local cloud share."""

from tests.localcloud.cloud import crane, local_aws
from tests.localcloud.stock import stock_aws

__all__ = ["crane", "local_aws", "stock_aws"]
