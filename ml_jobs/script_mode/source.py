"""Brings a user's code to where it runs: from S3, from a folder or from an archive, as the vendor's SDK leaves it."""

import logging
import shutil
import stat
import tarfile
import tempfile
from pathlib import Path, PurePosixPath

from ml_jobs.errors import JobError
from ml_jobs.settings import container_path

log = logging.getLogger("ml_jobs.script_mode")
LITERAL = "/opt/ml"


def bring(submitted: str, code: Path) -> None:
    """Put what was submitted into the folder `code`; a folder that already holds code (of the image) stays as it is.

    `submitted` is an s3:// URI of an archive, or a path (with or without file://) of a folder, an archive or a script.

    Raises:
        JobError: it is not there, cannot be downloaded, or is no archive.
    """
    if code.is_dir() and any(code.iterdir()):
        log.info("%s already holds code; what was submitted (%s) is left aside", code, submitted or "nothing")
        return
    code.mkdir(parents=True, exist_ok=True)
    if submitted.startswith("s3://"):
        with tempfile.TemporaryDirectory() as folder:
            archive = Path(folder, "source.tar.gz")
            _download(submitted, archive)
            unpack(archive, code, submitted)
        return
    found = container_path(submitted.removeprefix("file://"))
    if found.is_dir():
        shutil.copytree(found, code, dirs_exist_ok=True)
    elif found.is_file() and tarfile.is_tarfile(found):
        unpack(found, code, submitted)
    elif found.is_file():
        shutil.copy2(found, code)
    else:
        raise JobError(f"sagemaker_submit_directory is {submitted!r}: neither an s3:// URI nor a path that exists")


def _download(uri: str, target: Path) -> None:
    import boto3
    from botocore.exceptions import BotoCoreError, ClientError

    bucket, _, key = uri.removeprefix("s3://").partition("/")
    try:
        boto3.client("s3").download_file(bucket, key, str(target))
    except (BotoCoreError, ClientError) as error:
        raise JobError(f"the code at {uri} cannot be downloaded: {error}") from error


def unpack(archive: Path, folder: Path, shown: str) -> None:
    """Unpack files and folders of an archive; links and devices are left out.

    Raises:
        JobError: it is no archive, or a member would land outside of the folder; `shown` is what it is called.
    """
    try:
        with tarfile.open(archive, "r:*") as tar:
            for member in tar:
                _place(tar, member, folder)
    except (tarfile.TarError, OSError, EOFError) as error:
        raise JobError(f"the code at {shown} cannot be unpacked: {error}") from error


def _place(tar: tarfile.TarFile, member: tarfile.TarInfo, folder: Path) -> None:
    path = PurePosixPath(member.name.lstrip("/"))
    if ".." in path.parts:
        raise tarfile.TarError(f"{member.name!r} points outside of the archive")
    target = folder / path
    if member.isdir():
        target.mkdir(parents=True, exist_ok=True)
        return
    content = tar.extractfile(member) if member.isfile() else None
    if content is None:
        log.warning("%r is neither a file nor a folder; it is left out", member.name)
        return
    target.parent.mkdir(parents=True, exist_ok=True)
    with content, target.open("wb") as file:
        shutil.copyfileobj(content, file)
    target.chmod(member.mode & 0o777 | stat.S_IRUSR | stat.S_IWUSR)


def warn_of_literal_paths(code: Path) -> None:
    """Say so where this job has no root of its own: /opt/ml, written out, is then not the job's.

    It is the local cloud's last resort on a machine without user namespaces (STILE_CONTAINER_ROOT is set there).
    """
    root = container_path(LITERAL)
    if root == Path(LITERAL):
        return
    log.warning("this machine gives jobs no root of their own: /opt/ml is %s here; SM_* variables name it", root)
    for file in sorted(code.rglob("*.py")):
        for number, line in enumerate(file.read_text("utf-8", "replace").splitlines(), 1):
            if LITERAL in line:
                place = file.relative_to(code)
                log.warning("%s:%d writes /opt/ml out, which is not this job's: %s", place, number, line.strip())
