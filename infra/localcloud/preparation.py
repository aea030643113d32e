"""What is built once, so that local clouds start fast: LocalStack's catalogue of services, MLflow's empty database."""

import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

import platformdirs

from infra.errors import LocalCloudError

Progress = Callable[[str], None]

DISTRIBUTION = Path(__file__).parent / "aws"
PYTHON = DISTRIBUTION / ".venv" / "bin" / "python"
# A root for LocalStack in which only its catalogue lies; every start links to it.
CATALOGUE_ROOT = DISTRIBUTION / ".venv" / "share" / "stile"
LIBRARY = Path("usr/lib/localstack")


@dataclass(frozen=True)
class Product:
    """One thing to build.

    Attributes:
        title: what progress calls it.
        path: where it lies once it is built; a pattern in its last part.
        command: what builds it.
        environment: what that runs with.
    """

    title: str
    path: Path
    command: tuple[str, ...]
    environment: dict[str, str]

    @property
    def is_built(self) -> bool:
        """Whether it is there."""
        return any(self.path.parent.glob(self.path.name))


def prepare_aws(progress: Progress) -> None:
    """Build what the local AWS cloud needs, as far as it is missing.

    Raises:
        LocalCloudError: LocalStack's environment is missing, or something cannot be built.
    """
    if not PYTHON.exists():
        raise LocalCloudError(
            f"the environment of the local cloud is missing: {PYTHON}",
            fix=f"./stile makes it; by hand: uv sync --frozen --compile-bytecode --project {DISTRIBUTION}",
        )
    _build([_catalogue(), *_database()], progress)


def prepare_gcp(progress: Progress) -> None:
    """Build what the local Google Cloud needs, as far as it is missing.

    Raises:
        LocalCloudError: something cannot be built.
    """
    _build(_database(), progress)


def _build(products: list[Product], progress: Progress) -> None:
    """Build what is missing, all at the same time; returns at once where nothing is."""
    missing = [product for product in products if not product.is_built]
    running = [(product, _begin(product, progress)) for product in missing]
    for product, process in running:
        output, _ = process.communicate()
        if not product.is_built:
            raise LocalCloudError(f"{product.title} could not be built: {output[-2000:]}")


def cache() -> Path:
    """What is downloaded or built once and used by all clones; outside the repository."""
    return Path(os.environ.get("STILE_CACHE_DIR") or platformdirs.user_cache_path("stile"))


def inherited() -> dict[str, str]:
    """The caller's environment without what would point a program at another cloud, another Python or a proxy."""
    dropped = ("AWS_", "GOOGLE_", "CLOUDSDK_", "GCE_", "PYTHON", "VIRTUAL_ENV", "LOCALSTACK_", "PULUMI_", "MLFLOW_")
    return {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(dropped) and not name.lower().endswith("_proxy")
    }


def mlflow_database() -> Path | None:
    """Where the database of a new MLflow server of the installed version lies; None without MLflow."""
    try:
        version = metadata.version("mlflow")
    except metadata.PackageNotFoundError:
        return None
    return cache() / "mlflow" / f"{version}.db"


def _catalogue() -> Product:
    environment = {**inherited(), "FILESYSTEM_ROOT": str(CATALOGUE_ROOT), "OVERRIDE_IN_DOCKER": "0"}
    return Product(
        "LocalStack's catalogue of services",
        CATALOGUE_ROOT / LIBRARY / "service-catalog-*.dill",
        (str(PYTHON), "-m", "localstack.aws.spec"),
        environment,
    )


def _database() -> list[Product]:
    database = mlflow_database()
    if database is None:
        return []
    return [Product("MLflow's empty database", database, _build_database(database), inherited())]


def _build_database(path: Path) -> tuple[str, ...]:
    """Have MLflow make its tables in a file beside the one wanted, which then appears whole."""
    fresh = path.with_suffix(f".{os.getpid()}")
    script = (
        "import os, subprocess, sys;"
        f"subprocess.run([sys.executable, '-m', 'mlflow', 'db', 'upgrade', 'sqlite:///{fresh}'], check=True);"
        f"os.replace({str(fresh)!r}, {str(path)!r})"
    )
    return (sys.executable, "-c", script)


def _begin(product: Product, progress: Progress) -> "subprocess.Popen[str]":
    progress(f"building {product.title} (once)")
    product.path.parent.mkdir(parents=True, exist_ok=True)
    return subprocess.Popen(
        product.command,
        env=product.environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
