"""An environment by its name: its configuration file, its state, and the variables its processes see."""

import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from infra.accounts import LOCAL_ACCOUNTS, PLACES
from infra.errors import ConfigError, Problem, UsageError
from infra.guards import LOCAL_PREFIX
from infra.localcloud.lifecycle import LocalCloud
from infra.toolchain import Toolchain

ROOT = Path(__file__).resolve().parents[1]
STACKS = "stacks"
DEFAULT_ENVIRONMENT = "local-aws"
# Local environments hold no secret: what their passphrase guards is gone with the local cloud.
LOCAL_PASSPHRASE = "stile-local"  # noqa: S105
# No local cloud runs: calls must fail on this machine rather than reach a real account. Nothing listens on port 9.
NOWHERE = "http://127.0.0.1:9"
# Stack output -> variable; the same output may be absent until the first `up`.
FROM_OUTPUTS = {
    "tracking_uri": "MLFLOW_TRACKING_URI",
    "image_uri": "STILE_IMAGE",
    "data_bucket": "STILE_BUCKET",
    "job_role_arn": "STILE_ROLE_ARN",
}


@dataclass(frozen=True)
class Environment:
    """One environment of a clone.

    Attributes:
        name: the stack's name, such as `local-aws` or `production`.
        cloud: `aws` or `gcp`, from `stile:cloud`.
        root: the clone's root, the project's folder.
        state_dir: holds state, plugins and local cloud of this clone's local environments.
    """

    name: str
    cloud: str
    root: Path
    state_dir: Path

    @property
    def is_local(self) -> bool:
        """True if a cloud on this machine stands in for the real one."""
        return self.name.startswith(LOCAL_PREFIX)

    @property
    def config_path(self) -> Path:
        """The stack's configuration file."""
        return self.root / STACKS / f"Pulumi.{self.name}.yaml"

    @property
    def pulumi_home(self) -> Path | None:
        """The PULUMI_HOME with the stand-in plugins; None for a real environment, which uses the user's own."""
        return self.state_dir / "pulumi-home" if self.is_local else None

    @property
    def backend_dir(self) -> Path:
        """Where a local environment keeps its Pulumi state."""
        return self.state_dir / "state"


def state_dir(root: Path = ROOT) -> Path:
    """Return the clone's state directory; STILE_STATE_DIR moves it."""
    named = os.environ.get("STILE_STATE_DIR")
    return Path(named).absolute() if named else root / ".stile"


def known_environments(root: Path = ROOT) -> list[str]:
    """Return the names of all environments that have a configuration file."""
    files = sorted((root / STACKS).glob("Pulumi.*.yaml"))
    return [path.name.removeprefix("Pulumi.").removesuffix(".yaml") for path in files]


def find_environment(name: str, root: Path = ROOT) -> Environment:
    """Return the environment of a name.

    Raises:
        UsageError: there is no configuration file for it.
        ConfigError: the file does not name a cloud.
    """
    path = root / STACKS / f"Pulumi.{name}.yaml"
    if not path.is_file():
        known = ", ".join(known_environments(root)) or "none"
        raise UsageError(
            f"no environment named {name!r}", path=str(path), fix=f"environments here: {known}; or write that file"
        )
    return Environment(name=name, cloud=read_cloud(path), root=root, state_dir=state_dir(root))


def read_config(path: Path) -> dict[str, Any]:
    """Return the `config` of a stack's file, secrets as they stand there.

    Raises:
        ConfigError: it is not YAML, or has no mapping `config`.
    """
    try:
        document = yaml.safe_load(path.read_text())
    except (yaml.YAMLError, UnicodeDecodeError, RecursionError) as error:
        problem = Problem(str(path), "", "YAML", f"mend the file: {error}")
        raise ConfigError((problem,)) from error
    config = document.get("config") if isinstance(document, dict) else None
    if not isinstance(config, dict):
        raise ConfigError((Problem(str(path), "", "a mapping `config`", "start from a template in stacks/templates"),))
    return config


def read_cloud(path: Path) -> str:
    """Return the cloud that a stack's file names.

    Raises:
        ConfigError: it names none that Stile knows.
    """
    cloud = read_config(path).get("stile:cloud")
    if cloud not in ("aws", "gcp"):
        problem = Problem("stile:cloud", "" if cloud is None else str(cloud), "aws or gcp", f"set it in {path}")
        raise ConfigError((problem,))
    return str(cloud)


def variables(
    environment: Environment,
    toolchain: Toolchain,
    cloud: LocalCloud | None = None,
    outputs: Mapping[str, Any] | None = None,
) -> dict[str, str]:
    """Return what a process of this environment sees beside its parent's variables.

    Args:
        environment: which one.
        toolchain: the programs that go first on PATH, after the Python environment's own.
        cloud: the running local cloud, if there is one.
        outputs: the stack's outputs, as far as they exist.
    """
    first = map(str, (Path(sys.executable).parent, toolchain.bin, toolchain.crane.parent))
    found = {
        "PATH": os.pathsep.join(dict.fromkeys([*first, *os.environ.get("PATH", os.defpath).split(os.pathsep)])),
        "PYTHONPATH": str(environment.root),
        "PYTHONDONTWRITEBYTECODE": "",  # where it is set, every plugin would compile its imports again
        "PULUMI_STACK": environment.name,
        "PULUMI_IGNORE_AMBIENT_PLUGINS": "1",
        "PULUMI_SKIP_UPDATE_CHECK": "true",
        "STILE_CRANE": str(toolchain.crane),
        "STILE_ENVIRONMENT": environment.name,
        "STILE_PROJECT_ROOT": str(environment.root),
        "STILE_PYTHON": sys.executable,
        "STILE_STATE_DIR": str(environment.state_dir),
    }
    found |= place(environment)
    if environment.is_local:
        found |= local_variables(environment, cloud)
    for output, name in FROM_OUTPUTS.items():
        if outputs and outputs.get(output):
            found[name] = str(outputs[output])
    return found


def place(environment: Environment) -> dict[str, str]:
    """Return where an environment stands, for clients that the stack's file does not reach."""
    told = PLACES[environment.cloud]
    config = read_config(environment.config_path) if told else {}
    return {variable: str(config[key]) for key, variable in told.items() if key in config}


def local_variables(environment: Environment, cloud: LocalCloud | None) -> dict[str, str]:
    """Return what only processes of a local environment see: its state, its plugins, its cloud."""
    return {
        "PULUMI_HOME": str(environment.pulumi_home),
        # Without files of metadata beside the state's: they are not written whole or not at all, as the state is.
        "PULUMI_BACKEND_URL": f"{environment.backend_dir.as_uri()}?metadata=skip",
        "PULUMI_CONFIG_PASSPHRASE": LOCAL_PASSPHRASE,
        **LOCAL_ACCOUNTS[environment.cloud](cloud.endpoint_url if cloud else NOWHERE, environment.state_dir),
        "STILE_LOCAL_REGISTRY": cloud.registry_url if cloud else NOWHERE,
        **{name: without_proxy(os.environ.get(name, "")) for name in ("NO_PROXY", "no_proxy")},
    }


def without_proxy(known: str) -> str:
    """Return the hosts that are asked without a proxy, with this machine among them: nothing of it goes through one."""
    return ",".join(dict.fromkeys([*filter(None, known.split(",")), "127.0.0.1", "localhost"]))
