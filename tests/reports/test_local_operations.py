"""The page of the local cloud's operations is fresh, and an official client tests each of them."""

import re

import pytest
from botocore import xform_name

from infra.reports import local_operations
from tests.test_arrows import sources


@pytest.fixture(scope="module")
def implemented() -> dict[str, list[str]]:
    return local_operations.implemented()


def test_the_page_is_not_stale() -> None:
    assert local_operations.page() == local_operations.PAGE.read_text(), "run: python -m infra.reports.local_operations"


@pytest.mark.parametrize("service", local_operations.SERVICES)
def test_each_operation_has_a_test_by_an_official_client(service: str, implemented: dict[str, list[str]]) -> None:
    """An operation that no test calls would be a claim."""
    tests = "\n".join(path.read_text() for path in sources("tests"))
    called = set(re.findall(r"\w+", tests))
    assert [name for name in implemented[service] if xform_name(name) not in called] == []
