"""`stile:tracking:Password`: made once, never changed by itself, and nowhere in the state to be read."""

from pathlib import Path

import pulumi
import pytest

from components.tracking.password import Password as PasswordResource
from infra.providers.kit.resource import CheckCall, CreateCall, DiffCall, PluginError, ReadCall
from infra.providers.kit.values import UNKNOWN, Secret
from infra.providers.stile.password import Password
from tests.providers.stile.test_engine import engine_for

URN = "urn:pulumi:dev::demo::stile:tracking:Password::mlflow"


def made() -> str:
    """The password that one creation makes."""
    value = Password().create(CreateCall(URN, "mlflow", {})).outputs["password"]
    assert isinstance(value, Secret)
    return str(value.value)


def test_no_two_are_alike_and_each_is_long_enough() -> None:
    """43 characters of 64 kinds hold 256 bits; all of them may stand in a URL as they are."""
    first, second = made(), made()
    assert first != second
    assert len(first) == 43
    assert first.replace("-", "").replace("_", "").isalnum()


def test_a_preview_makes_none() -> None:
    assert Password().create(CreateCall(URN, "mlflow", {}, preview=True)).outputs == {"password": UNKNOWN}


def test_nothing_may_be_given_and_nothing_changes() -> None:
    assert [failure.property for failure in Password().check(CheckCall(URN, "mlflow", {"length": 8})).failures] == [
        "length"
    ]
    assert not Password().diff(DiffCall(URN, "password", {"password": "it"}, {})).changes


def test_an_import_says_what_to_do() -> None:
    with pytest.raises(PluginError, match="cannot be imported"):
        Password().read(ReadCall(URN, "mlflow", "password"))


@pytest.mark.slow
def test_it_stays_the_same_and_is_encrypted_in_the_state(tmp_path: Path) -> None:
    """Under the real engine: through another up and a refresh, until it is destroyed."""

    def program() -> None:
        pulumi.export("password", PasswordResource("mlflow").password)

    engine = engine_for(tmp_path, {})
    stack = engine.stack("password", program)
    first = stack.up().outputs["password"]
    assert first.secret
    assert first.value not in "".join(path.read_text() for path in engine.state.rglob("*.json"))
    assert stack.refresh().summary.resource_changes == {"same": 2}
    again = stack.up()
    assert again.summary.resource_changes == {"same": 2}
    assert again.outputs["password"].value == first.value
    stack.destroy()
