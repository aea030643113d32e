"""Options and order of the whole suite, and the local clouds that its tests share, one of each."""

import signal
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from xdist.remote import Producer
from xdist.scheduler import LoadFileScheduling

from tests.localcloud.cloud import crane, local_aws
from tests.localcloud.gcp.cloud import local_gcp

__all__ = ["crane", "local_aws", "local_gcp"]

# No test fails because a machine is slow: neither one example's time nor the drawing of examples is judged. The same
# examples each time, so that a red run speaks of the change; `--hypothesis-profile=explore` looks for new ones.
settings.register_profile("explore", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("stile", settings.get_profile("explore"), derandomize=True)
settings.load_profile("stile")

# A shell without job control starts background commands with Ctrl-C ignored, and their children inherit that: tests
# that interrupt a command would wait for ever.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The longest files first, so that no worker is left alone with them; what changes or ends the demo comes last."""
    marks: dict[Path, set[str]] = {}
    for item in items:
        marks.setdefault(item.path, set()).update(mark.name for mark in item.iter_markers())
    items.sort(key=lambda item: [name not in marks[item.path] for name in ("e2e", "slow")])
    for mark in ("changes_the_demo", "ends_the_demo"):
        items.sort(key=lambda item: item.get_closest_marker(mark) is not None)


class OneDemo(LoadFileScheduling):
    """Workers get whole files, and one of them all that share a cloud's demo, which is then made once and in order."""

    def _split_scope(self, nodeid: str) -> str:
        scope = super()._split_scope(nodeid)
        if not scope.startswith("tests/e2e/"):
            return scope
        return "the demo on gcp" if nodeid.endswith("[gcp]") else "the demo on aws"


def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> OneDemo:
    return OneDemo(config, log)


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--localstack",
        choices=("host", "docker"),
        default="host",
        help="where the tests of stock AWS services run: LocalStack as a process of this machine (host, the default), "
        "or a container by pytest-localstack (docker; needs a Docker daemon)",
    )
