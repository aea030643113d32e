"""Options of the whole suite, and the one local AWS cloud that its tests share."""

import signal

import pytest
from hypothesis import HealthCheck, settings

from tests.localcloud.cloud import crane, local_aws

__all__ = ["crane", "local_aws"]

# No test fails because a machine is slow: neither one example's time nor the drawing of examples is judged.
settings.register_profile("stile", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("stile")

# A shell without job control starts background commands with Ctrl-C ignored, and their children inherit that: tests
# that interrupt a command would wait for ever.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--localstack",
        choices=("host", "docker"),
        default="host",
        help="where the tests of stock AWS services run: LocalStack as a process of this machine (host, the default), "
        "or a container by pytest-localstack (docker; needs a Docker daemon)",
    )
