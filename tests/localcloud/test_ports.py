"""Protects ports that are told before they are listened on: nobody else gets them in between."""

import socket
from pathlib import Path

import pytest

from infra.localcloud.jobs import ports


def test_no_outgoing_connection_can_be_given_it() -> None:
    """A model server takes seconds to import; a connection that got its port meanwhile made it end with code 1."""
    low, high = ports.systems_own()
    given = [ports.free_port() for _ in range(50)]
    assert not [port for port in given if low <= port <= high]
    assert len(set(given)) == 50


def test_one_that_is_listened_on_is_passed_over() -> None:
    with socket.socket() as taken:
        before = ports.free_port()
        following = before + 1 if before + 1 in ports.candidates() else ports.candidates()[0]
        taken.bind((ports.HOST, following))
        taken.listen()
        assert ports.free_port() != following


@pytest.mark.parametrize(
    ("told", "expected"),
    [
        ("32768\t60999\n", range(22768, 32768)),
        ("9000 65535", range(1024, 9000)),
        ("1024 65535", range(1024, 65536)),
    ],
)
def test_where_no_room_is_below_the_systems_own_they_are_among_them(
    told: str, expected: range, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ports, "SYSTEMS_OWN", tmp_path / "range")
    (tmp_path / "range").write_text(told)
    assert ports.candidates() == expected
