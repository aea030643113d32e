"""Gets the Pulumi CLI from its official place, as the official install script does, within a time limit."""

import os
import platform
import tarfile
import time
from collections.abc import Callable
from pathlib import Path

import httpx

from infra.errors import ToolchainError
from infra.toolchain.found import LANGUAGE_HOST, LANGUAGE_SCRIPT, PULUMI_VERSION

# Where https://get.pulumi.com's script gets the same archive from.
OFFICIAL_URL = "https://get.pulumi.com/releases/sdk"
CONNECT_TIMEOUT_SECONDS = 5.0
SILENCE_TIMEOUT_SECONDS = 15.0
WHOLE_TIMEOUT_SECONDS = 300.0
PROGRESS_BYTES = 20_000_000

WANTED = ("pulumi", LANGUAGE_HOST, LANGUAGE_SCRIPT)
SYSTEMS = {"Linux": "linux", "Darwin": "darwin"}
MACHINES = {"x86_64": "x64", "amd64": "x64", "aarch64": "arm64", "arm64": "arm64"}


def archive_url() -> str:
    """Return the archive's address for this machine; STILE_PULUMI_URL names a mirror.

    Raises:
        ToolchainError: Pulumi publishes no archive for this kind of machine.
    """
    system, machine = SYSTEMS.get(platform.system()), MACHINES.get(platform.machine().lower())
    if system is None or machine is None:
        raise ToolchainError(f"no official archive for {platform.system()} on {platform.machine()}")
    base = os.environ.get("STILE_PULUMI_URL", OFFICIAL_URL).rstrip("/")
    return f"{base}/pulumi-v{PULUMI_VERSION}-{system}-{machine}.tar.gz"


def download_pulumi(
    folder: Path,
    progress: Callable[[str], None],
    *,
    whole_timeout_seconds: float = WHOLE_TIMEOUT_SECONDS,
    silence_timeout_seconds: float = SILENCE_TIMEOUT_SECONDS,
) -> None:
    """Put the CLI and its language host for Python into a folder.

    Raises:
        ToolchainError: the address does not answer, is too slow, or serves something else; says which.
    """
    url = archive_url()
    archive = folder / "pulumi.tar.gz"
    timeout = httpx.Timeout(silence_timeout_seconds, connect=min(CONNECT_TIMEOUT_SECONDS, silence_timeout_seconds))
    try:
        with httpx.stream("GET", url, timeout=timeout, follow_redirects=True) as answer:
            answer.raise_for_status()
            receive(answer, archive, progress, whole_timeout_seconds)
        unpack(archive, folder)
    except httpx.HTTPStatusError as error:
        raise ToolchainError(f"{url} answers {error.response.status_code}", path=url) from error
    except httpx.TimeoutException as error:
        raise ToolchainError(f"{url} does not answer in time", path=url) from error
    except httpx.HTTPError as error:
        raise ToolchainError(f"{url} cannot be reached ({error})", path=url) from error
    except (tarfile.TarError, EOFError, OSError) as error:
        raise ToolchainError(f"{url} is not Pulumi's archive ({error})", path=url) from error
    finally:
        archive.unlink(missing_ok=True)


def receive(
    answer: httpx.Response, archive: Path, progress: Callable[[str], None], whole_timeout_seconds: float
) -> None:
    """Write an answer's body to a file.

    Raises:
        ToolchainError: it takes longer than the whole time limit.
    """
    started, received, told = time.monotonic(), 0, 0
    with archive.open("wb") as target:
        for chunk in answer.iter_bytes():
            target.write(chunk)
            received += len(chunk)
            if received - told >= PROGRESS_BYTES:
                told = received
                progress(f"Pulumi {PULUMI_VERSION}: {received / 1e6:.0f} MB received")
            if time.monotonic() - started > whole_timeout_seconds:
                raise ToolchainError(
                    f"{answer.url} is too slow: {received / 1e6:.0f} MB in {whole_timeout_seconds:.0f} s",
                    path=str(answer.url),
                )


def unpack(archive: Path, folder: Path) -> None:
    """Take the wanted files out of the archive, flat.

    Raises:
        ToolchainError: one of them is not in it.
    """
    missing = set(WANTED)
    with tarfile.open(archive) as tar:
        for member in tar:
            name = Path(member.name).name
            source = tar.extractfile(member) if name in missing and member.isfile() else None
            if source is None:
                continue
            (folder / name).write_bytes(source.read())
            (folder / name).chmod(0o755)
            missing.discard(name)
    if missing:
        raise ToolchainError(f"the archive lacks {', '.join(sorted(missing))}", path=str(archive))
