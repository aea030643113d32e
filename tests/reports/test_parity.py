"""The parity matrix says what its tests say now, and says nothing that no test showed."""

import pytest

from components.errors import StileError
from components.features import LACKS, Feature
from infra.reports import parity


def case(cloud: str, feature: Feature, inside: str = "") -> str:
    """A result as pytest writes it; what it recorded or how it ended stands inside."""
    name = parity.REFUSED if feature in LACKS[cloud] else parity.PROVISIONED
    return f'<testcase name="{name}[{cloud}-{feature.name}]">{inside}</testcase>'


def suite(**changed: str) -> str:
    """The results of all tests, each passed but for the one of PRIVATE_NETWORK on AWS, which is as given."""
    cases = {f"{cloud}_{feature.name}": case(cloud, feature) for cloud in parity.CLOUDS for feature in Feature}
    return f"<testsuites>{''.join((cases | changed).values())}</testsuites>"


@pytest.mark.slow
def test_the_page_is_not_stale() -> None:
    """Whoever adds a feature, a sign or a reason writes the page anew; the tests that it names are run for it."""
    assert parity.page(parity.results()) == parity.PAGE.read_text(), "run: python -m infra.reports.parity"


def test_every_test_that_passed_has_its_cell() -> None:
    found = parity.results_in(suite())
    assert found.keys() == {(cloud, feature) for cloud in parity.CLOUDS for feature in Feature}
    assert found["aws", Feature.PRIVATE_NETWORK].id == "test_is_provisioned[aws-PRIVATE_NETWORK]"
    assert found["gcp", Feature.PRIVATE_NETWORK].id == "test_is_refused[gcp-PRIVATE_NETWORK]"


@pytest.mark.parametrize("ended", ["failure", "error", "skipped"])
def test_a_test_that_did_not_pass_shows_nothing(ended: str) -> None:
    """Neither yes nor no: there is no page."""
    with pytest.raises(StileError, match="PRIVATE_NETWORK has 0 tests that passed on aws"):
        parity.results_in(suite(aws_PRIVATE_NETWORK=case("aws", Feature.PRIVATE_NETWORK, f"<{ended}/>")))


def test_a_feature_without_a_test_is_an_error() -> None:
    with pytest.raises(StileError, match="PRIVATE_NETWORK has 0 tests that passed on aws"):
        parity.results_in(suite(aws_PRIVATE_NETWORK=""))


def test_the_clouds_are_those_of_the_features() -> None:
    assert parity.CLOUDS.keys() == LACKS.keys()
