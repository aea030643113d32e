"""Options of the whole suite."""

import pytest


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--localstack",
        choices=("host", "docker"),
        default="host",
        help="where the tests of stock AWS services run: LocalStack as a process of this machine (host, the default), "
        "or a container by pytest-localstack (docker; needs a Docker daemon)",
    )
