"""Choosing what is deployed, and naming it in the stack's config: a release is a diff of that file."""

import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from infra.clouds import ModelVersion
from infra.errors import ProvisioningError, UsageError

CONFIG_PATH = "stile:platform.models.{model}.release"


@dataclass(frozen=True)
class StackConfig:
    """The config of one stack, read and written by the CLI, which keeps its comments.

    Attributes:
        pulumi: the CLI.
        folder: where Pulumi.yaml stands.
        stack: the environment's name.
        variables: the process environment in which the CLI finds its backend and passphrase.
    """

    pulumi: Path
    folder: Path
    stack: str
    variables: Mapping[str, str]

    def release(self, model: str, version: ModelVersion) -> None:
        """Name a version as the one to deploy."""
        path = CONFIG_PATH.format(model=model)
        self._config(
            "set-all",
            "--plaintext",
            f"{path}.version={version.version}",
            "--plaintext",
            f"{path}.sha256={version.sha256}",
        )

    def withdraw(self, model: str) -> None:
        """Name no version: the next `up` takes the endpoint away."""
        self._config("rm", CONFIG_PATH.format(model=model))

    def _config(self, verb: str, *arguments: str) -> None:
        done = subprocess.run(
            [self.pulumi, "config", verb, "--stack", self.stack, "--path", *arguments, "--non-interactive"],
            cwd=self.folder,
            env=dict(self.variables),
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            raise ProvisioningError(
                f"the stack's config was not written: {done.stderr.strip()}", path=f"stacks/Pulumi.{self.stack}.yaml"
            )


def choose(versions: Sequence[ModelVersion], wanted: int | None) -> ModelVersion:
    """Choose the version to release: the wanted one, or the newest that govern promoted.

    Args:
        versions: newest first.
        wanted: a version's number, or None.

    Raises:
        UsageError: there is none, or the wanted one was rejected.
    """
    if wanted is None:
        found = next((version for version in versions if version.approved), None)
        if found is None:
            raise UsageError("no version of this model was promoted", fix="run the pipeline first: stile run")
        return found
    found = next((version for version in versions if version.version == wanted), None)
    if found is None:
        known = ", ".join(str(version.version) for version in versions) or "none"
        raise UsageError(f"there is no version {wanted}", fix=f"one of: {known}")
    if not found.approved:
        raise UsageError(f"version {wanted} was rejected: {found.reason}", fix="release a promoted version")
    return found
