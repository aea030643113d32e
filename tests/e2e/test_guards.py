"""A shell that is set to an account of one's own: local commands work without it, plain `pulumi` with it is refused."""

import hashlib
import sys

import pytest

from tests.e2e.conftest import Demo
from tests.e2e.project import ENVIRONMENT

pytestmark = [pytest.mark.e2e, pytest.mark.slow]

KEY = "AKIA" + "ABCDEFGHIJKLMNOP"
MINE = {
    "AWS_PROFILE": "production",
    "AWS_ACCESS_KEY_ID": KEY,
    "AWS_SECRET_ACCESS_KEY": "my-secret",
    "AWS_SESSION_TOKEN": "my-token",
    "AWS_ENDPOINT_URL_S3": "https://s3.example.invalid",
    "HTTP_PROXY": "http://127.0.0.1:9",  # nothing listens there
    "http_proxy": "http://127.0.0.1:9",
}


def digests(demo: Demo) -> dict[str, str]:
    state = demo.project.folder / ".stile" / "state"
    return {str(path): hashlib.sha256(path.read_bytes()).hexdigest() for path in state.rglob("*") if path.is_file()}


def test_ones_own_account_is_neither_used_nor_in_the_way(demo: Demo) -> None:
    """Whatever the shell holds, what a local command starts sees the local cloud's account only."""
    shell = {**demo.project.variables, **MINE}
    command = [sys.executable, "-m", "infra.cli"]
    said = demo.project.run(*command, "preview", ENVIRONMENT, "--json", variables=shell)
    assert said.code == 0, said.stderr
    exported = demo.project.run(*command, "env", ENVIRONMENT, variables=shell)
    assert exported.code == 0, exported.stderr
    assert not [secret for secret in ("production", KEY, "my-secret", "my-token") if secret in exported.stdout]
    for name in ("AWS_PROFILE", "AWS_SESSION_TOKEN", "AWS_ENDPOINT_URL_S3"):
        assert f"unset {name}\n" in exported.stdout


def test_plain_pulumi_with_it_is_refused(demo: Demo) -> None:
    """Set again after `stile env`: refused by name, with not a byte of the state changed."""
    before, name = digests(demo), "AWS_ACCESS_KEY_ID"
    done = demo.project.shell(f"export {name}={MINE[name]}\npulumi preview -s {ENVIRONMENT} --non-interactive")
    assert done.code != 0
    said = done.stdout + done.stderr
    assert "is a local environment, and nothing was changed" in said
    assert name in said
    assert digests(demo) == before
