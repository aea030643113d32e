"""Options of the whole suite."""

import pytest
from hypothesis import HealthCheck, settings

# No test fails because a machine is slow: neither one example's time nor the drawing of examples is judged.
settings.register_profile("stile", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("stile")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--localstack",
        choices=("host", "docker"),
        default="host",
        help="where the tests of stock AWS services run: LocalStack as a process of this machine (host, the default), "
        "or a container by pytest-localstack (docker; needs a Docker daemon)",
    )
