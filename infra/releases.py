"""Choosing what is deployed, and naming it in the stack's config: a release is a diff of that file."""

from collections.abc import Callable, Sequence

from infra.clouds import ModelVersion
from infra.deployed import find_deployed
from infra.engine import Session
from infra.engine.recovery import is_new_boot
from infra.environments import read_config
from infra.errors import UsageError

CONFIG_PATH = "stile:platform.models.{model}.release"


def write(session: Session, model: str, version: ModelVersion) -> None:
    """Name a version of a model as the one to deploy; the CLI writes the file and keeps its comments.

    Raises:
        ProvisioningError: the CLI could not write it.
    """
    path = CONFIG_PATH.format(model=model)
    session.pulumi(
        *("config", "set-all", "--stack", session.environment.name, "--path"),
        *("--plaintext", f"{path}.version={version.version}", "--plaintext", f"{path}.sha256={version.sha256}"),
    )


def withdraw(session: Session, model: str) -> None:
    """Name no version of a model: the next `up` takes its endpoint away."""
    session.pulumi("config", "rm", "--stack", session.environment.name, "--path", CONFIG_PATH.format(model=model))


def released(session: Session) -> dict[str, int]:
    """The version that the stack's config names, by model; only models with a release."""
    models = read_config(session.environment.config_path).get("stile:platform", {}).get("models", {})
    return {name: int(model["release"]["version"]) for name, model in models.items() if model.get("release")}


def withdraw_lost(session: Session, tell: Callable[[str], None]) -> None:
    """Withdraw what a local cloud no longer holds: it keeps nothing over a stop, and the config outlives it.

    Does nothing for a real environment, where a version that is gone is an error.
    """
    named = released(session)
    if not session.environment.is_local or not named:
        return
    held = _held(session)
    for model, version in named.items():
        if version not in held.get(model, ()):
            tell(f"version {version} of {model} went with the local cloud that held it; withdrawing its release")
            withdraw(session, model)


def _held(session: Session) -> dict[str, set[int]]:
    if "data_bucket" not in session.outputs() or is_new_boot(session):
        return {}
    deployed = find_deployed(session)
    return {
        name: {version.version for version in deployed.cloud.versions(model.group)}
        for name, model in deployed.models.items()
    }


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
            raise UsageError("no version of this model was promoted", fix="run its pipeline: ./stile run")
        return found
    found = next((version for version in versions if version.version == wanted), None)
    if found is None:
        known = ", ".join(str(version.version) for version in versions) or "none"
        raise UsageError(f"there is no version {wanted}", fix=f"one of: {known}")
    if not found.approved:
        raise UsageError(f"version {wanted} was rejected: {found.reason}", fix="release a promoted version")
    return found
