"""A small platform on the local cloud, one resource of each critical kind, whose plugins kill (fatal_plugin.py)."""

import importlib.metadata
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
import yaml

from infra import engine
from infra.engine import Session
from infra.environments import Environment
from infra.errors import StileError
from infra.providers.install import install_plugin
from tests import own_process
from tests.engine.small_project import Watched, installed, module, session_of, write_project
from tests.localcloud.cloud import LocalAws
from tests.localcloud.endpoint_ground import SERVER, Serving
from tests.localcloud.job_images import ground

NAME = "local-fatal"
PROGRAM = Path(__file__).with_name("small_platform_program.py")
# What the program has at the end, whatever happened on the way.
WHOLE = dict.fromkeys(("apps", "buckets", "configurations", "endpoints", "keys", "models"), 1)
VERSION = importlib.metadata.version("pulumi-aws")


@dataclass(frozen=True)
class Said:
    """What an `up` in a process of its own said: its error (empty without one), messages and changes."""

    error: str
    messages: tuple[str, ...]
    changes: Mapping[str, int]


@dataclass(frozen=True)
class SmallPlatform:
    """The project at `root`, whose resources have names that begin with `prefix`."""

    root: Path
    aws: LocalAws
    prefix: str
    kind: str

    @property
    def environment(self) -> Environment:
        return Environment(NAME, "aws", self.root, self.root / ".stile")

    @property
    def fatal(self) -> Path:
        """Where fatal_plugin.py keeps its points."""
        return self.root / "fatal"

    @property
    def variables(self) -> dict[str, str]:
        """What its plugins see beside the environment's own variables."""
        each = {"FATAL_EACH": "1"} if self.each else {}
        return {
            **each,
            "FATAL_DIR": str(self.fatal),
            "FATAL_KIND": self.kind,
            "FATAL_AWS_VERSION": VERSION,
            "PULUMI_PARALLEL": "1",  # one call at a time: each is seen to begin and to end
        }

    def release(self, release: int, serving: Serving) -> None:
        """Declare a release whose model says its number."""
        artifact = serving.artifact(word=f"release {release}")
        self.declare(release, image=serving.ground.image, role=serving.ground.role, artifact=artifact)

    def declare(self, release: int, **settings: Any) -> None:
        """Write the configuration of a release."""
        (self.fatal / "release").write_text(str(release))
        config = {"stile:cloud": "aws", "small:settings": {"prefix": self.prefix, "release": release, **settings}}
        self.environment.config_path.write_text(yaml.safe_dump({"config": config}))

    def session(self) -> Session:
        return session_of(self.environment, self.aws.cloud)

    def up(self) -> Said:
        """Run `up` in a process of its own, which ends with it, as the command does."""
        try:
            return own_process.call(_up, self)
        except EOFError:
            return Said("killed", (), {})

    def shot(self) -> bool:
        """True if something was killed since the last call."""
        path = self.fatal / "shot"
        found = path.exists()
        path.unlink(missing_ok=True)
        return found

    @property
    def each(self) -> bool:
        """True if calls that change nothing have points for each resource too."""
        return "STILE_EVERY_RPC" in os.environ

    def points(self) -> list[str]:
        """Return the points used up so far."""
        path = self.fatal / "points"
        return path.read_text().splitlines() if path.exists() else []

    def processes(self) -> list[psutil.Process]:
        """Return the processes that work on this project: CLI, plugins, commands."""
        return [process for process in psutil.process_iter() if self._works_here(process)]

    def _works_here(self, process: psutil.Process) -> bool:
        try:
            ended = process.status() == psutil.STATUS_ZOMBIE
            return not ended and process.environ().get("STILE_PROJECT_ROOT") == str(self.root)
        except psutil.Error:
            return False

    def locks(self) -> list[Path]:
        """Return the locks of the state."""
        return [path for path in (self.environment.backend_dir / ".pulumi" / "locks").rglob("*") if path.is_file()]

    def pending(self) -> list[Any]:
        """Return what the state takes for begun and not ended, or for deleted in a while."""
        deployment = self.session().stack.export_stack().deployment or {}
        left = [resource for resource in deployment["resources"] if resource.get("delete")]
        return [*(deployment.get("pending_operations") or []), *left]


def _up(platform: SmallPlatform) -> Said:
    os.environ.update(platform.variables)
    watched = Watched()
    try:
        outcome = engine.up(platform.session(), watched)
    except StileError as error:
        return Said(error.message or "?", tuple(watched.messages), {})
    return Said("", tuple(watched.messages), dict(outcome.changes))


def make(root: Path, aws: LocalAws, prefix: str, kind: str) -> SmallPlatform:
    """Write the project's files and install its plugins."""
    write_project(root, PROGRAM.read_text(), "stile", module("tests.engine.fatal_plugin", "stile"))
    for folder in ("fatal", ".stile/state", ".stile/local"):
        (root / folder).mkdir(parents=True)
    made = SmallPlatform(root, aws, prefix, kind)
    home = made.environment.pulumi_home
    assert home is not None
    install_plugin(installed().pulumi, home, "aws", VERSION, module("tests.engine.fatal_plugin", "aws"))
    return made


def prepare(aws: LocalAws, crane: str, folder: Path) -> Serving:
    """Make what the platform stands on and does not make itself: an image and a role."""
    folder.mkdir(exist_ok=True)
    return Serving(aws, ground(aws, crane, folder, SERVER))


@dataclass(frozen=True)
class Account:
    """Counts what is in the cloud, by the beginning of its name."""

    aws: LocalAws
    prefix: str

    def counts(self) -> dict[str, int]:
        """Return how many of each kind there are."""
        return {kind: len(names) for kind, names in self.names().items()}

    def names(self) -> dict[str, list[str]]:
        """Return the names of what there is, by kind."""
        sagemaker, kms = self.aws.client("sagemaker"), self.aws.client("kms")
        found = {
            "buckets": [one["Name"] for one in self.aws.client("s3").list_buckets()["Buckets"]],
            "models": _names(sagemaker, "list_models", "Models", "ModelName"),
            "configurations": _names(sagemaker, "list_endpoint_configs", "EndpointConfigs", "EndpointConfigName"),
            "endpoints": _names(sagemaker, "list_endpoints", "Endpoints", "EndpointName"),
            "apps": _names(sagemaker, "list_mlflow_apps", "Summaries", "Name"),
            "keys": [self._key_name(kms, one["KeyId"]) for one in kms.list_keys()["Keys"]],
        }
        return {kind: [name for name in names if name.startswith(self.prefix)] for kind, names in found.items()}

    def _key_name(self, kms: Any, key: str) -> str:
        described = kms.describe_key(KeyId=key)["KeyMetadata"]
        return str(described["Description"]) if described["KeyState"] == "Enabled" else ""


def _names(client: Any, operation: str, member: str, name: str) -> list[str]:
    pages = client.get_paginator(operation).paginate()
    return [one[name] for page in pages for one in page[member]]
