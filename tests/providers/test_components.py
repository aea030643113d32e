"""What the components declare is what the stand-ins' tables map: an input that no table knows stops every `up`."""

from collections.abc import Callable, Mapping

import pytest

from infra.program import define
from infra.providers.aws.plugin import AwsPlugin
from infra.providers.gcp.plugin import GcpPlugin
from infra.providers.kit.resource import CheckCall, Plugin
from infra.providers.kit.values import decode, encode
from tests.components import configs
from tests.components.mocked import Made, declare

LOCAL = "http://127.0.0.1:1"  # nothing listens there, and nothing is asked
PLUGINS: Mapping[str, Callable[[str], Plugin]] = {"aws": AwsPlugin, "gcp": GcpPlugin}


@pytest.mark.parametrize("mode", ["managed", "server"])
@pytest.mark.parametrize("cloud", configs.CLOUDS)
def test_every_input_is_known(cloud: str, mode: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", LOCAL)
    monkeypatch.setenv("STILE_GCP_ENDPOINT", LOCAL)
    plugin = PLUGINS[cloud]("0.0.0")
    plugin.configure({"project": "our-project"} if cloud == "gcp" else {})
    config = configs.changed(configs.full(cloud, release=configs.RELEASE), "tracking", {"mode": mode})
    config = configs.changed(config, "monitoring", {"emails": ["a@example.com"]})
    made = list(declare(lambda: define(configs.environment(cloud), config), configs.environment(cloud)).clouds())
    assert made
    assert {each.name: wrong for each in made if (wrong := _wrong(plugin, each))} == {}


def _wrong(plugin: Plugin, made: Made) -> list[str]:
    sent = decode(encode(made.inputs))  # as the engine sends them
    call = CheckCall(urn=made.urn, name=made.name, news=sent, random_seed=b"s")
    return [failure.reason for failure in plugin.resource(made.type).check(call).failures]
