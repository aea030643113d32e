"""What a release under load stands on: a project of one endpoint, models of one word, and clients without pause."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import yaml
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from infra import failures
from infra.engine import Session
from infra.environments import Environment
from infra.errors import StileError
from infra.providers.install import install_stand_in
from tests import own_process
from tests.engine.small_project import Watched, installed, module, session_of, write_project
from tests.localcloud.cloud import LocalAws
from tests.localcloud.endpoint_ground import Serving

NAME, ENDPOINT, CLIENTS = "local-release", "load-local-release-words", 4
SHA = "a" * 64
# The version that each release asks for; all but the first are bad, each in its own way.
GOOD, CRASHES, NEVER_ANSWERS, ROLLED_BACK = 1, 2, 3, 4
# Serves its word; "bad" says how it does not.
SERVER = """
import http.server, json, os, pathlib, sys
root = pathlib.Path(os.environ.get("STILE_CONTAINER_ROOT", "/"))
asked = json.loads((root / "opt/ml/model/model.json").read_text())
print("loading", asked["word"], flush=True)
if asked["bad"] == "crashes":
    sys.exit("this model cannot be loaded")

class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version, disable_nagle_algorithm = "HTTP/1.1", True

    def answer(self, status):
        content = json.dumps(asked["word"]).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def do_GET(self):
        self.answer(503 if asked["bad"] == "never answers" else 200)

    def do_POST(self):
        self.rfile.read(int(self.headers["Content-Length"]))
        self.answer(200)

    def log_message(self, *arguments):
        pass

http.server.ThreadingHTTPServer(("127.0.0.1", int(os.environ["SAGEMAKER_BIND_TO_PORT"])), Handler).serve_forever()
"""


@dataclass(frozen=True)
class Project:
    """A project of one endpoint, and the cloud that it is in."""

    root: Path
    serving: Serving
    key: str

    @property
    def environment(self) -> Environment:
        return Environment(NAME, "aws", self.root, self.root / ".stile")

    def release(self, version: int) -> None:
        """Name a version in the config, as `stile release` does."""
        aws = self.serving.aws
        group = aws.client("sagemaker").describe_model_package_group(ModelPackageGroupName="words")
        config = {
            "stile:cloud": "aws",
            "stile:platform": {"models": {"words": {"release": {"version": version, "sha256": SHA}}}},
            "ground:role": self.serving.ground.role,
            "ground:bucket": self.serving.ground.bucket,
            "ground:key": self.key,
            "ground:versions": group["ModelPackageGroupArn"].replace(":model-package-group/", ":model-package/"),
        }
        self.environment.config_path.write_text(yaml.safe_dump({"config": config}))

    def up(self) -> str:
        """Run `up` in a process of its own, as the command is one; what it says if it fails, else nothing."""
        return own_process.call(_up, self)

    def session(self) -> Session:
        return session_of(self.environment, self.serving.aws.cloud)

    @contextmanager
    def faults(self, text: str) -> Iterator[None]:
        """Let the local cloud have faults."""
        path = Path(self.serving.aws.cloud.log_path).parents[1] / "faults.toml"
        path.write_text(text or "fault = []\n")
        try:
            yield
        finally:
            path.unlink()


def _up(project: Project) -> str:
    try:
        failures.provision(project.session(), Watched())
    except StileError as error:
        return f"{error.message}\nfix: {error.fix}"
    return ""


def register(serving: Serving) -> None:
    """Register the versions; each serves a word that names it."""
    serving.sagemaker.create_model_package_group(ModelPackageGroupName="words")
    for version, bad in ((GOOD, ""), (CRASHES, "crashes"), (NEVER_ANSWERS, "never answers"), (ROLLED_BACK, "crashes")):
        data = serving.artifact(word=f"version {version}", bad=bad)
        serving.sagemaker.create_model_package(
            ModelPackageGroupName="words",
            ModelApprovalStatus="Approved",
            InferenceSpecification={
                "Containers": [{"Image": serving.ground.image, "ModelDataUrl": data}],
                "SupportedContentTypes": ["application/json"],
                "SupportedResponseMIMETypes": ["application/json"],
            },
        )


def write(project: Project) -> None:
    """Write the project's files, and install its plugins."""
    program = Path(__file__).with_name("release_program.py").read_text()
    write_project(project.root, program, "stile", module("infra.providers.stile"))
    for folder in (".stile/state", ".stile/local"):
        (project.root / folder).mkdir(parents=True)
    home = project.environment.pulumi_home
    assert home is not None
    install_stand_in(installed().pulumi, home)


@dataclass
class Load:
    """What clients got that ask without pause; each asks once per request, and tries nothing again."""

    aws: LocalAws
    answers: list[str] = field(default_factory=list)
    failed: list[str] = field(default_factory=list)
    _over: threading.Event = field(default_factory=threading.Event)

    @contextmanager
    def running(self) -> Iterator[None]:
        """Ask while the body runs, from its very beginning to its end."""
        threads = [threading.Thread(target=self._ask) for _ in range(CLIENTS)]
        for thread in threads:
            thread.start()
        try:
            yield
        finally:
            self._over.set()
            for thread in threads:
                thread.join()

    def _ask(self) -> None:
        client = self.aws.client("sagemaker-runtime", config=Config(retries={"max_attempts": 0}))
        while not self._over.is_set():
            try:
                answer = client.invoke_endpoint(EndpointName=ENDPOINT, Body=b"[]", ContentType="application/json")
                self.answers.append(json.loads(answer["Body"].read()))
            except (ClientError, BotoCoreError) as error:
                self.failed.append(str(error))
