"""The model registry as the jobs need it, and the one by hand: a folder with a subfolder per version."""

import importlib
import json
import shutil
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal, Protocol

from ml_jobs import artifacts
from ml_jobs.errors import JobError
from ml_jobs.settings import Settings

Status = Literal["Approved", "Rejected"]
APPROVED: Status = "Approved"
REJECTED: Status = "Rejected"
# STILE_CLOUD -> module:class, imported when it is used: it brings the vendor's SDK.
ADAPTERS = {
    "local": "ml_jobs.registry:FolderRegistry",
    "aws": "ml_jobs.contracts.registry_sagemaker:SageMakerRegistry",
    "gcp": "ml_jobs.contracts.registry_vertex:VertexRegistry",
}


@dataclass(frozen=True)
class Version:
    """A model version in the registry.

    Attributes:
        number: counts up from 1; never given twice.
        identifier: the registry's own name for it: an ARN, or a file URI by hand.
        status: Approved, Rejected, or a status of the registry's own.
        reason: why, in words.
        properties: candidate, sha256, execution_id and more, as text.
    """

    number: int
    identifier: str
    status: str
    reason: str
    properties: Mapping[str, str]

    @property
    def sha256(self) -> str:
        """Return the digest of the version's model; empty if nobody wrote it down."""
        return self.properties.get("sha256", "")


@dataclass(frozen=True)
class Entry:
    """A candidate that is to become a version.

    Attributes:
        candidate, sha256, execution_id: name the version: the same three are registered once.
        status: Approved or Rejected.
        reason: why, in words.
        folder: where the candidate's files lie on this machine.
        model_uri: where they lie in the cloud; None by hand.
        metrics_uri: where the held-out metrics lie in the cloud; None by hand.
        properties: more to keep with the version.
    """

    candidate: str
    sha256: str
    execution_id: str
    status: Status
    reason: str
    folder: Path
    model_uri: str | None = None
    metrics_uri: str | None = None
    properties: Mapping[str, str] = field(default_factory=dict)

    @property
    def all_properties(self) -> dict[str, str]:
        """Return what is kept with the version, the three that name it included."""
        named = {"candidate": self.candidate, "sha256": self.sha256, "execution_id": self.execution_id}
        return {**self.properties, **named}

    def is_in(self, version: Version) -> bool:
        """Say whether a version was made of this candidate of this execution."""
        named = ("candidate", "sha256", "execution_id")
        return all(version.properties.get(name) == self.all_properties[name] for name in named)


class Registry(Protocol):
    """One model's versions."""

    def champion(self) -> Version | None:
        """Return the newest approved version, or None."""
        ...

    def fetch(self, version: Version, folder: Path) -> Path:
        """Return a folder that holds the version's files or its model.tar.gz; `folder` may be used for it.

        Raises:
            JobError: the files are gone.
        """
        ...

    def register(self, entry: Entry) -> Version:
        """Make a version of a candidate, or return the one that this execution made of it already.

        Raises:
            JobError: the registry refuses, or has it already with another status.
        """
        ...


def open_registry(settings: Settings) -> Registry:
    """Return the registry of the cloud that the job runs on.

    Raises:
        JobError: its settings are missing.
    """
    module, name = ADAPTERS[settings.cloud].split(":")
    opened: Registry = getattr(importlib.import_module(module), name).of(settings)
    return opened


def same_status(entry: Entry, version: Version) -> Version:
    """Return the version that an entry has already.

    Raises:
        JobError: it was registered with another status: two decisions of one execution contradict each other.
    """
    if version.status != entry.status:
        raise JobError(
            f"execution {entry.execution_id} registered {entry.candidate} as version {version.number}, "
            f"{version.status}; now it is {entry.status}. Give a new decision its own STILE_EXECUTION_ID"
        )
    return version


class FolderRegistry:
    """Versions under a folder: `<number>/version.json` beside the model's files. For one person at a time."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    @classmethod
    def of(cls, settings: Settings) -> "FolderRegistry":
        """Return the registry of the settings' model."""
        return cls(settings.registry_dir / settings.model)

    def champion(self) -> Version | None:
        """Return the newest approved version, or None."""
        return max(
            (version for version in self._versions() if version.status == APPROVED),
            key=lambda version: version.number,
            default=None,
        )

    def fetch(self, version: Version, folder: Path) -> Path:
        """Return the version's own folder; nothing has to be brought here."""
        return self._folder / str(version.number) / "model"

    def register(self, entry: Entry) -> Version:
        """Copy a candidate's files into the next version's folder."""
        known = next((version for version in self._versions() if entry.is_in(version)), None)
        if known is not None:
            return same_status(entry, known)
        self._folder.mkdir(parents=True, exist_ok=True)
        number = max((int(path.name) for path in self._folder.iterdir() if path.name.isdecimal()), default=0) + 1
        target = self._folder / str(number)
        target.mkdir()
        shutil.copytree(entry.folder, target / "model")
        version = Version(number, target.resolve().as_uri(), entry.status, entry.reason, entry.all_properties)
        # Written last: a folder without it is a copy that was interrupted, and no version.
        artifacts.write_json(target / "version.json", asdict(version))
        return version

    def _versions(self) -> Iterable[Version]:
        return [_read(path) for path in sorted(self._folder.glob("*/version.json"))]


def _read(path: Path) -> Version:
    content: dict[str, Any] = artifacts.read_json(path)
    try:
        return Version(**content)
    except TypeError as error:
        raise JobError(f"{path} is no version of a registry: {json.dumps(content)[:200]}") from error
