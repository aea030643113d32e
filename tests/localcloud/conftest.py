"""What the tests of the local cloud share."""

from tests.localcloud.stock import stock_aws

__all__ = ["stock_aws"]
