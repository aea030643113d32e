"""A trained candidate as other jobs find it: a folder of the files that train wrote, or the model.tar.gz of them."""

import tarfile
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ml_jobs import artifacts
from ml_jobs.errors import JobError, ModelDigestError

ARCHIVE = "model.tar.gz"
_NEEDED = (artifacts.MODEL, artifacts.LINEAGE, artifacts.METRICS)


@dataclass(frozen=True)
class Trained:
    """What is known of a trained model without loading it.

    Attributes:
        folder: where `model.skops` lies.
        lineage, metrics: the contents of the files of these names.
    """

    folder: Path
    lineage: dict[str, Any]
    metrics: dict[str, Any]

    @property
    def candidate(self) -> str:
        """Return the name of the estimator."""
        return str(self._fact("candidate"))

    @property
    def sha256(self) -> str:
        """Return the digest that the lineage gives the model."""
        return str(self._fact("model", "sha256"))

    @property
    def run_id(self) -> str:
        """Return the id of the run of MLflow in which the model was trained."""
        return str(self._fact("mlflow", "run_id"))

    def check(self, sha256: str) -> None:
        """Compare the model's file with a digest.

        Raises:
            ModelDigestError: they differ.
        """
        path = self.folder / artifacts.MODEL
        found = artifacts.file_sha256(path)
        if found != sha256:
            raise ModelDigestError(f"{path} has SHA-256 {found}, not {sha256}")

    def load(self, sha256: str | None = None) -> Any:
        """Return the model, checked against the lineage's digest or the one given.

        Raises:
            ModelDigestError: the file is another; nothing was loaded.
        """
        from ml_jobs import model_file  # brings scikit-learn, which takes seconds

        return model_file.load(self.folder / artifacts.MODEL, sha256=sha256 or self.sha256)

    def _fact(self, *names: str) -> Any:
        value: Any = self.lineage
        for name in names:
            value = value.get(name) if isinstance(value, dict) else None
        if not value:
            raise JobError(f"{self.folder / artifacts.LINEAGE} lacks {'.'.join(names)}; train the candidate again")
        return value


def open_trained(folder: Path, scratch: Path) -> Trained:
    """Open what train left in a folder; an archive is unpacked into `scratch`.

    Raises:
        JobError: a file is missing, or the archive cannot be read.
    """
    archive = folder / ARCHIVE
    if archive.is_file():
        _unpack(archive, scratch)
        folder = scratch
    missing = [name for name in _NEEDED if not (folder / name).is_file()]
    if missing:
        raise JobError(
            f"{archive if folder == scratch else folder} lacks {', '.join(missing)}; train wrote something else"
        )
    return Trained(
        folder, artifacts.read_json(folder / artifacts.LINEAGE), artifacts.read_json(folder / artifacts.METRICS)
    )


def open_candidates(models: Path, known: tuple[str, ...], scratch: Path) -> dict[str, Trained]:
    """Open every subfolder of `models`, one per candidate, in the order of the use case.

    Raises:
        JobError: there is none, one is no candidate of the use case, or one holds another candidate's model.
    """
    found = {path.name for path in models.iterdir() if path.is_dir()} if models.is_dir() else set()
    if not found:
        raise JobError(f"{models} has no subfolder per candidate; train one into {models / known[0]}")
    unknown = sorted(found - set(known))
    if unknown:
        raise JobError(f"{models} holds {', '.join(unknown)}; candidates are {', '.join(known)}")
    opened = {name: open_trained(models / name, scratch / name) for name in known if name in found}
    for name, trained in opened.items():
        if trained.candidate != name:
            raise JobError(f"{models / name} holds the model of candidate {trained.candidate}")
    return opened


def _unpack(archive: Path, folder: Path) -> None:
    """Take only the files that are asked for, by their names: no path in the archive is followed."""
    folder.mkdir(parents=True, exist_ok=True)
    try:
        with tarfile.open(archive, "r:gz") as tar:
            members = {member.name.removeprefix("./"): member for member in tar if member.isfile()}
            for name in members.keys() & set(_NEEDED):
                content = tar.extractfile(members[name])
                if content is not None:
                    (folder / name).write_bytes(content.read())
    except (tarfile.TarError, zlib.error, EOFError, OSError) as error:
        raise JobError(f"{archive} cannot be unpacked: {error}") from error
