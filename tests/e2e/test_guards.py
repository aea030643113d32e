"""A shell that is set to an account of one's own: local commands work without it, plain `pulumi` with it is refused."""

import hashlib
import sys

import pytest

from tests.e2e.conftest import Demo, both_clouds

pytestmark = [pytest.mark.e2e, pytest.mark.slow, both_clouds]

KEY = "AKIA" + "ABCDEFGHIJKLMNOP"
MINE = {
    "AWS_PROFILE": "production",
    "AWS_ACCESS_KEY_ID": KEY,
    "AWS_SECRET_ACCESS_KEY": "my-secret",
    "AWS_SESSION_TOKEN": "my-token",
    "AWS_ENDPOINT_URL_S3": "https://s3.example.invalid",
    "GOOGLE_APPLICATION_CREDENTIALS": "/home/me/production.json",
    "CLOUDSDK_CORE_ACCOUNT": "me@production.example",
    "CLOUDSDK_AUTH_ACCESS_TOKEN": "my-token",
    "STORAGE_EMULATOR_HOST": "https://storage.example.invalid",
    "HTTP_PROXY": "http://127.0.0.1:9",  # nothing listens there
    "http_proxy": "http://127.0.0.1:9",
}
# Set again after `stile env`, it would lead to an account of one's own.
ACCOUNT = {"aws": "AWS_ACCESS_KEY_ID", "gcp": "GOOGLE_APPLICATION_CREDENTIALS"}
# What `stile env` of either cloud says nothing of, so that it must be taken away
UNSET = {
    "aws": ("AWS_PROFILE", "AWS_SESSION_TOKEN", "AWS_ENDPOINT_URL_S3"),
    "gcp": ("GOOGLE_APPLICATION_CREDENTIALS", "CLOUDSDK_CORE_ACCOUNT"),
}


def digests(demo: Demo) -> dict[str, str]:
    state = demo.project.folder / ".stile" / "state"
    return {str(path): hashlib.sha256(path.read_bytes()).hexdigest() for path in state.rglob("*") if path.is_file()}


def test_ones_own_account_is_neither_used_nor_in_the_way(demo: Demo) -> None:
    """Whatever the shell holds, what a local command starts sees the local cloud's account only."""
    shell = {**demo.project.variables, **MINE}
    command = [sys.executable, "-m", "infra.cli"]
    said = demo.project.run(*command, "preview", demo.environment, "--json", variables=shell)
    assert said.code == 0, said.stderr
    exported = demo.project.run(*command, "env", demo.environment, variables=shell)
    assert exported.code == 0, exported.stderr
    assert not [secret for secret in ("production", KEY, "my-secret", "my-token") if secret in exported.stdout]
    for name in UNSET[demo.cloud]:
        assert f"unset {name}\n" in exported.stdout


def test_plain_pulumi_with_it_is_refused(demo: Demo) -> None:
    """Set again after `stile env`: refused by name, with not a byte of the state changed."""
    before, name = digests(demo), ACCOUNT[demo.cloud]
    done = demo.project.shell(
        f"export {name}={MINE[name]}\npulumi preview -s {demo.environment} --non-interactive", demo.environment
    )
    assert done.code != 0
    said = done.stdout + done.stderr
    assert "is a local environment, and nothing was changed" in said
    assert name in said
    assert digests(demo) == before
