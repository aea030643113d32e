"""Puts an image together with crane and pushes it, doing only what the repository does not have yet."""

import hashlib
import json
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from threading import Event
from typing import Final

from infra.providers.kit.resource import PluginError
from infra.providers.stile import layers, layout, packages
from infra.providers.stile.packages import PACKAGES_ROOT, Packages
from infra.providers.stile.programs import Progress, crane, run
from infra.providers.stile.registry import Repository

_ENTRYPOINT: Final = ("python", "-m", "ml_jobs.container")
# one variable only: crane adds several in random order, and the image's digest would follow that order
_PYTHONPATH: Final = f"/{layers.CODE_ROOT}:/{PACKAGES_ROOT}"
_TAG_DIGITS: Final = 24


@dataclass(frozen=True)
class Recipe:
    """What an image follows from.

    Attributes:
        base: digest reference of the image below the layers, None = nothing.
        packages: the packages layer's inputs.
        code: the code layer, unpacked.
    """

    base: str | None
    packages: Packages
    code: bytes

    @property
    def packages_tag(self) -> str:
        """Tag of the image without the code, which images that differ in code only are made from."""
        return f"packages-{_short(self.base, self.packages.key)}"

    @property
    def tag(self) -> str:
        """Tag of the image: the same parts find it again."""
        return f"jobs-{_short(self.base, self.packages.key, layers.sha256(self.code), *_ENTRYPOINT, _PYTHONPATH)}"


def _short(*parts: str | None) -> str:
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:_TAG_DIGITS]


def push(recipe: Recipe, repository: Repository, progress: Progress, cancelled: Event) -> str:
    """Return the digest of the image in the repository, pushed unless it is there. Raises ProgramError, PluginError."""
    there = repository.digest(recipe.tag)
    if there:
        return there
    with repository.credentials() as env:
        if not repository.digest(recipe.packages_tag):
            packed = packages.layer(recipe.packages, progress, cancelled)
            progress(f"pushing the packages layer, {packed.stat().st_size / 1e6:.0f} MB")
            _push_packages(recipe, repository, packed, env, cancelled)
        progress("pushing the image")
        with tempfile.TemporaryDirectory(prefix="stile-code-") as folder:
            code = Path(folder, "code.tar")
            code.write_bytes(recipe.code)
            run(_mutate(recipe, repository, code), cancelled=cancelled, env=env)
    pushed = repository.digest(recipe.tag)
    if not pushed:
        raise PluginError(f"{repository.reference(recipe.tag)} was pushed, but the registry does not have it")
    return pushed


def _push_packages(
    recipe: Recipe, repository: Repository, packed: Path, env: Mapping[str, str], cancelled: Event
) -> None:
    """Push the image that the packages layer makes on the base; without a base it is made once, and kept."""
    target = repository.reference(recipe.packages_tag)
    kept = layout.folder(packed)
    if recipe.base is None and kept.is_dir():
        run([crane(), "push", kept, target], cancelled=cancelled, env=env)
        return
    run(_append(recipe, repository, packed), cancelled=cancelled, env=env)
    pushed = repository.digest(recipe.packages_tag)
    if recipe.base is None and pushed:
        manifest, config = (
            run([crane(), what, target], cancelled=cancelled, env=env) for what in ("manifest", "config")
        )
        layout.keep(packed, pushed, manifest, config)


def _append(recipe: Recipe, repository: Repository, packed: Path) -> list[str | Path]:
    base: list[str | Path] = ["--base", recipe.base] if recipe.base else []
    target = repository.reference(recipe.packages_tag)
    # a base may be an index of images for several platforms
    platform = ("--platform", recipe.packages.platform)
    return [crane(), "append", *platform, *base, "--new_layer", packed, "--new_tag", target]


def _mutate(recipe: Recipe, repository: Repository, code: Path) -> list[str | Path]:
    made_from = repository.reference(recipe.packages_tag)
    labels = {"stile-code": layers.sha256(recipe.code), "stile-packages": recipe.packages.key}
    return [
        *(crane(), "mutate", made_from, "--append", code, "--tag", repository.reference(recipe.tag)),
        *("--set-platform", recipe.packages.platform, "--env", f"PYTHONPATH={_PYTHONPATH}"),
        *("--entrypoint", ",".join(_ENTRYPOINT)),
        *(part for label in labels.items() for part in ("--label", "=".join(label))),
    ]


def resolve_base(reference: str, platform: str, cancelled: Event) -> str:
    """Return the base image's digest reference; a registry is asked only for a tag. Raises ProgramError."""
    if "@sha256:" in reference:
        return reference
    digest = run([crane(), "digest", "--platform", platform, reference], cancelled=cancelled).strip()
    name, colon, tag = reference.rpartition(":")
    return f"{name if colon and '/' not in tag else reference}@{digest}"
