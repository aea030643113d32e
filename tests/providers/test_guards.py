"""A stand-in never meets a real environment, nor a local environment a real account: refused, the state untouched.

States are compared byte for byte: every file of the backend, by its SHA-256, before and after.
"""

import hashlib
import http.server
import json
import os
import runpy
import shlex
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pulumi
import pytest
from pulumi import automation

from infra import guards
from infra.cli import main
from infra.engine.session import enter
from infra.environments import ROOT, Environment, find_environment
from infra.errors import WrongCloud
from infra.localcloud.lifecycle import LocalCloud
from infra.providers.aws.cloud import Cloud
from infra.providers.aws.plugin import AwsPlugin
from infra.providers.install import install_stand_in
from infra.providers.kit.local_only import RefusedEndpoint
from infra.providers.kit.resource import CallFailed, PluginError
from tests.components.mocked import declare
from tests.localcloud.cloud import LocalAws
from tests.localcloud.job_images import TRUST
from tests.providers.engine import Engine

LOCAL = "http://127.0.0.1:1"  # nothing listens there
REAL = "aws-dev"
REAL_KEY = "AKIA" + "ABCDEFGHIJKLMNOP"
ROLE, VERSION = "aws:iam/role:Role", "7.51.1"
# What a shell may hold that leads past the local cloud, and the word by which it is refused.
LEADS_AWAY = {
    "no-endpoint": ({"AWS_ENDPOINT_URL": ""}, "AWS_ENDPOINT_URL is not set"),
    "real-endpoint": ({"AWS_ENDPOINT_URL": "https://sts.amazonaws.com"}, "does not lead to this machine"),
    "one-service": ({"AWS_ENDPOINT_URL_S3": "https://s3.amazonaws.com"}, "AWS_ENDPOINT_URL_S3"),
    "long-service": ({"AWS_ENDPOINT_URL_CLOUDWATCH_LOGS": "http://10.0.0.1"}, "AWS_ENDPOINT_URL_CLOUDWATCH_LOGS"),
    "endpoints-ignored": ({"AWS_IGNORE_CONFIGURED_ENDPOINT_URLS": "TRUE"}, "leads past the local cloud"),
    "user-key": ({"AWS_ACCESS_KEY_ID": REAL_KEY}, "a real account's"),
    "session-key": ({"AWS_ACCESS_KEY_ID": "ASIA" + REAL_KEY[4:]}, "a real account's"),
    "profile": ({"AWS_PROFILE": "production"}, "AWS_PROFILE=production"),
    "default-profile": ({"AWS_DEFAULT_PROFILE": "production"}, "AWS_DEFAULT_PROFILE=production"),
}


@pytest.fixture(params=LEADS_AWAY.values(), ids=list(LEADS_AWAY))
def led_away(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """A shell of the local cloud in which something leads past it; gives the word by which it is refused."""
    shell, word = request.param
    for name, value in {"AWS_ENDPOINT_URL": LOCAL, **shell}.items():
        monkeypatch.setenv(name, value)
    return str(word)


def role() -> None:
    """A program of one role."""
    options = pulumi.ResourceOptions(version=VERSION)
    pulumi.CustomResource(ROLE, "it", {"assumeRolePolicy": json.dumps(TRUST)}, options)


def digests(folder: Path) -> dict[str, str]:
    """Every file of a backend with its SHA-256."""
    files = [path for path in folder.rglob("*") if path.is_file()]
    return {str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


@dataclass(frozen=True)
class Backend:
    """A backend with the state of a local stack and, with the same role in it, of a real one; and a project."""

    engine: Engine
    project: Path
    environment: dict[str, str]

    def pulumi(self, *arguments: str, **variables: str) -> "subprocess.CompletedProcess[str]":
        """Run plain pulumi in the project, as a person would who set these variables."""
        shell = {
            **os.environ,
            **self.environment,
            "PULUMI_HOME": str(self.engine.home),
            "PULUMI_BACKEND_URL": self.engine.state.as_uri(),
            "PULUMI_CONFIG_PASSPHRASE": "test",
            "PULUMI_IGNORE_AMBIENT_PLUGINS": "1",
            "PULUMI_SKIP_UPDATE_CHECK": "true",
            "PATH": os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]]),
            **variables,
        }
        command = [str(self.engine.pulumi), *arguments, "--non-interactive", "--color", "never"]
        return subprocess.run(command, cwd=self.project, env=shell, capture_output=True, text=True, check=False)

    def refused(self, word: str, *arguments: str, **variables: str) -> None:
        """Run plain pulumi and see it refused, with nothing in the backend changed."""
        before = digests(self.engine.state)
        done = self.pulumi(*arguments, **variables)
        said = done.stdout + done.stderr
        assert done.returncode != 0, said
        assert word in said
        assert before == digests(self.engine.state)


PROGRAM = f"""
import pulumi
inputs = {{"assumeRolePolicy": {json.dumps(json.dumps(TRUST))}}}
pulumi.CustomResource("{ROLE}", "it", inputs, pulumi.ResourceOptions(version="{VERSION}"))
"""


@pytest.fixture(scope="module")
def backend(local_aws: LocalAws, tmp_path_factory: pytest.TempPathFactory) -> Backend:
    folder = tmp_path_factory.mktemp("guards")
    engine = Engine(folder, local_aws.environment)
    install_stand_in(engine.pulumi, engine.home)
    local = engine.stack("mine", role)
    local.up()
    exported = local.export_stack()
    renamed = json.loads(json.dumps(exported.deployment).replace("local-mine", REAL))
    engine.stack_named(REAL, role).import_stack(automation.Deployment(version=exported.version, deployment=renamed))
    project = folder / "project"
    project.mkdir()
    (project / "Pulumi.yaml").write_text("name: kit\nruntime: python\n")
    (project / "__main__.py").write_text(PROGRAM)
    return Backend(engine, project, local_aws.environment)


@pytest.mark.slow
@pytest.mark.parametrize("operation", ["up", "refresh"])
def test_a_stand_in_refuses_the_stack_of_a_real_environment(backend: Backend, operation: str) -> None:
    """Even with everything else as for a local one: at a refresh it would find nothing, and empty the real state."""
    backend.refused(f"{REAL} is no local environment", operation, "-s", REAL, "--yes")


def resources(backend: Backend) -> list[dict[str, Any]]:
    """What the real stack's state says of each resource."""
    exported = json.loads(backend.pulumi("stack", "export", "-s", REAL).stdout)["deployment"]["resources"]
    return [{key: one.get(key) for key in ("urn", "id", "inputs", "outputs", "parent")} for one in exported]


@pytest.mark.slow
@pytest.mark.parametrize("operation", ["up", "refresh", "destroy"])
def test_without_a_preview_the_resources_stay_as_they_are(backend: Backend, operation: str) -> None:
    """Then, and before a destroy in any case, the CLI begins and notes in its history that it tried: no more."""
    before = resources(backend)
    done = backend.pulumi(operation, "-s", REAL, "--yes", "--skip-preview")
    assert done.returncode != 0
    assert f"{REAL} is no local environment" in done.stdout + done.stderr
    assert before
    assert resources(backend) == before


@pytest.mark.slow
@pytest.mark.parametrize("case", ["no-endpoint", "user-key"])
def test_a_local_stack_is_refused_where_it_would_leave_this_machine(backend: Backend, case: str) -> None:
    """A refresh asks the plugin nothing but to configure itself: that must be enough."""
    shell, word = LEADS_AWAY[case]
    backend.refused(word, "refresh", "-s", "local-mine", "--yes", **shell)


def test_the_stand_in_refuses_whatever_leads_away(led_away: str) -> None:
    plugin = AwsPlugin(VERSION)
    assert any(led_away in failure.reason for failure in plugin.check_config({}))
    with pytest.raises(RefusedEndpoint, match="stand-in for local clouds only"):
        plugin.configure({})


@pytest.mark.parametrize("inputs", [{"accessKey": REAL_KEY}, {"endpoints": '[{"sts": "https://sts.amazonaws.com"}]'}])
def test_the_stand_in_refuses_what_the_provider_is_given(
    monkeypatch: pytest.MonkeyPatch, inputs: dict[str, str]
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", LOCAL)
    plugin = AwsPlugin(VERSION)
    assert list(plugin.check_config(inputs))
    with pytest.raises(RefusedEndpoint):
        plugin.configure(inputs)


@pytest.mark.parametrize("stack", ["aws-dev", "production", "", "my-local-aws"])
def test_the_stand_in_takes_local_stacks_only(stack: str) -> None:
    plugin = AwsPlugin(VERSION)
    plugin.check_stack("local-aws")
    with pytest.raises(PluginError, match="no local environment"):
        plugin.check_stack(stack)


def test_the_program_refuses_a_local_stack_whatever_plugin_it_has(led_away: str) -> None:
    """Plain `pulumi up` on a local stack in a shell of one's own would take the vendor's plugin to a real account."""
    with pytest.raises(pulumi.RunError, match="local-aws is a local environment, and nothing was changed") as raised:
        declare(lambda: runpy.run_path(str(ROOT / "infra" / "__main__.py"), run_name="__main__"), "local-aws")
    assert led_away in str(raised.value)


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1@example.com",
        "http://example.com\\@127.0.0.1",  # one reader ends the host at the backslash, another after it
        "http://127.0.0.1\\@example.com",
        "http://user@127.0.0.1",
        "http://127.0.0.1 .example.com",
        "http://127.0.0.1.example.com",
        "http://[::ffff:10.0.0.1]",
        "http://0.0.0.0",
        "file:///127.0.0.1",
        "//127.0.0.1",
    ],
)
def test_what_anybody_could_read_as_another_host_is_no_loopback(url: str) -> None:
    assert not guards.is_loopback(url)


@contextmanager
def served(answer: tuple[int, dict[str, str]]) -> Iterator[tuple[str, list[str]]]:
    """A server that answers everything the same, with what it was asked."""
    asked: list[str] = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            asked.append(self.path)
            self.rfile.read(int(self.headers.get("Content-Length", 0)))
            self.send_response(answer[0])
            for name, value in {"Content-Length": "0", **answer[1]}.items():
                self.send_header(name, value)
            self.end_headers()

        def log_message(self, *arguments: Any) -> None:
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}", asked
        finally:
            server.shutdown()
            thread.join()


def test_no_redirect_is_followed_and_no_proxy_used(monkeypatch: pytest.MonkeyPatch) -> None:
    """What answers on loopback may point elsewhere, and a shell may have a proxy: nothing goes there."""
    with served((400, {})) as (elsewhere, taken), served((307, {"Location": elsewhere})) as (here, asked):
        for name in ("HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "ALL_PROXY"):
            monkeypatch.setenv(name, elsewhere)
        for name in ("NO_PROXY", "no_proxy"):
            monkeypatch.delenv(name, raising=False)
        with pytest.raises(CallFailed, match="307"):
            Cloud(here, "us-east-1").call("sagemaker", "ListModels")
        assert asked
        assert taken == []


@pytest.fixture
def real(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Environment:
    """The real environment of this project, in a shell that holds nothing of a local one."""
    for name in list(os.environ):
        if name.startswith(("AWS_", "PULUMI_")):
            monkeypatch.delenv(name)
    monkeypatch.setenv("PULUMI_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("STILE_STATE_DIR", str(tmp_path / "stile"))
    monkeypatch.setenv("PATH", "/usr/bin:/bin")
    return find_environment(REAL)


def stand_in(folder: Path) -> Path:
    """Our stand-in in a folder, as a person may have put it there."""
    folder.mkdir(parents=True)
    script = folder / "pulumi-resource-aws"
    script.write_text(f'#!/bin/sh\nexec {shlex.join([sys.executable, "-m", "infra.providers.aws"])} "$@"\n')
    script.chmod(0o755)
    return script


def test_a_real_environment_in_a_shell_of_its_own_is_let_through(real: Environment, tmp_path: Path) -> None:
    """With the vendor's plugin installed, and credentials of an account."""
    vendor = stand_in(tmp_path / "home" / "plugins" / "resource-aws-v7.51.1")
    vendor.write_bytes(b"\x7fELF the vendor's own")
    guards.require_own_cloud(real, {**os.environ, "AWS_PROFILE": "dev", "AWS_ENDPOINT_URL": "https://vpce.example"})


@pytest.mark.parametrize("way", ["plugins", "path", "endpoint", "one-endpoint", "backend"])
def test_a_real_environment_refuses_what_is_of_a_local_one(
    real: Environment, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, way: str
) -> None:
    """By name, with what it is and where; before a program is looked for, or a state opened."""
    named = {
        "plugins": str(tmp_path / "home" / "plugins" / "resource-aws-v7.51.1" / "pulumi-resource-aws"),
        "path": str(tmp_path / "bin" / "pulumi-resource-aws"),
        "endpoint": "AWS_ENDPOINT_URL=http://127.0.0.1:4566",
        "one-endpoint": "AWS_ENDPOINT_URL_SAGEMAKER=http://localhost:4566",
        "backend": "PULUMI_BACKEND_URL",
    }[way]
    if way in ("plugins", "path"):
        stand_in(Path(named).parent)
        monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}:/usr/bin")
    elif way == "backend":
        monkeypatch.setenv("PULUMI_BACKEND_URL", f"{real.backend_dir.as_uri()}?metadata=skip")
    else:
        monkeypatch.setenv(*named.split("=", 1))
    with pytest.raises(WrongCloud, match="aws-dev is a real environment, and nothing was changed") as raised:
        guards.require_own_cloud(real, os.environ)
    assert named in raised.value.message


@pytest.mark.parametrize(
    "command", ["up", "preview", "refresh", "destroy", "status", "run", "release", "predict", "env"]
)
def test_every_command_refuses_it_and_leaves_the_state_byte_for_byte(
    real: Environment, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], command: str
) -> None:
    """A named error and exit code 1; the state here is a real one's, of which not a byte changes."""
    stand_in(tmp_path / "home" / "plugins" / "resource-aws-v7.51.1")
    state = tmp_path / "backend" / ".pulumi" / "stacks" / "stile"
    state.mkdir(parents=True)
    (state / f"{REAL}.json").write_text('{"version": 3, "checkpoint": {}}')
    monkeypatch.setenv("PULUMI_BACKEND_URL", (tmp_path / "backend").as_uri())
    before = digests(tmp_path)
    assert main.run([command, real.name, "--json"]) == 1
    error = json.loads(capsys.readouterr().out)["error"]
    assert error["kind"] == "wrong-cloud"
    assert "stand-in for the vendor's plugin" in error["message"]
    assert error["fix"]
    assert digests(tmp_path) == before


def test_the_users_own_account_never_reaches_what_a_local_environment_starts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Children inherit this process's variables: after entering there is nothing of the user's among them."""
    mine = {
        "AWS_ACCESS_KEY_ID": REAL_KEY,
        "AWS_SECRET_ACCESS_KEY": "secret",
        "AWS_SESSION_TOKEN": "token",
        "AWS_PROFILE": "production",
        "AWS_ENDPOINT_URL_S3": "https://s3.amazonaws.com",
        "AWS_CONFIG_FILE": "/home/me/.aws/config",
        "AWS_WEB_IDENTITY_TOKEN_FILE": "/token",
        "NO_PROXY": "intranet",
    }
    for name in guards.foreign(os.environ):
        monkeypatch.delenv(name)
    for name, value in mine.items():
        monkeypatch.setenv(name, value)
    for name in ("AWS_ENDPOINT_URL", "AWS_REGION", "AWS_DEFAULT_REGION", "AWS_SHARED_CREDENTIALS_FILE", "no_proxy",
                 "AWS_EC2_METADATA_DISABLED"):  # fmt: skip
        monkeypatch.setenv(name, "")  # so that they are put back after the test
    cloud = LocalCloud("aws", 1, "boot", LOCAL, LOCAL, tmp_path, tmp_path)
    enter(Environment("local-aws", "aws", tmp_path, tmp_path), cloud)
    seen = {name: value for name, value in os.environ.items() if name.startswith("AWS_")}
    assert list(guards.against_local(seen)) == []
    assert not set(mine.values()) & set(seen.values())
    assert (seen["AWS_ENDPOINT_URL"], seen["AWS_ACCESS_KEY_ID"]) == (LOCAL, "test")
    assert os.environ["NO_PROXY"] == "intranet,127.0.0.1,localhost"
