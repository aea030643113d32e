"""The resource type `stile:images:Image`: the job image in a repository."""

import os
from pathlib import Path
from typing import Final

from infra.providers.kit.resource import (
    Change,
    CheckCall,
    Checked,
    CreateCall,
    Created,
    DeleteCall,
    Diff,
    DiffCall,
    Failure,
    Found,
    Plugin,
    PluginError,
    ReadCall,
    Resource,
    UpdateCall,
)
from infra.providers.kit.values import UNKNOWN, Properties, Unknown
from infra.providers.stile import assembly, layers, packages
from infra.providers.stile.registry import Repository

_REQUIRED: Final = ("repositoryUrl", "pythonVersion", "platform")
_TAKEN: Final = frozenset({*_REQUIRED, "baseImage"})
_COMPARED: Final = ("baseImage", "pythonVersion", "platform")


def project_root() -> Path:
    """Return the folder that holds `ml_jobs` and the lock (STILE_PROJECT_ROOT, else the working folder)."""
    return Path(os.environ.get("STILE_PROJECT_ROOT") or Path.cwd())


class Image(Resource):
    """An image of the locked packages and of `ml_jobs`; its id is the repository's URL.

    What it follows from is settled in Check (`layers`, the base's digest), so that a preview shows which layer
    changes. Images of earlier updates stay in the repository, as registered models name them by digest.
    """

    def __init__(self, plugin: Plugin) -> None:
        self._plugin = plugin

    def check(self, call: CheckCall) -> Checked:
        """Validate the inputs; add the layers' digests, and the base's in place of its tag."""
        failures = [Failure(key, "is missing") for key in _REQUIRED if call.news.get(key) is None]
        failures += [Failure(key, "is no input of an image") for key in sorted(call.news.keys() - _TAKEN)]
        failures += _refused(call.news)
        if failures:
            return Checked(call.news, failures)
        inputs = {key: value for key, value in call.news.items() if value is not None}
        base = inputs.get("baseImage")
        if isinstance(base, str):
            inputs["baseImage"] = assembly.resolve_base(base, inputs["platform"], self._plugin.cancelled)
        recipe = self._recipe(inputs)
        return Checked({**inputs, "layers": {"packages": recipe.packages.key, "code": layers.sha256(recipe.code)}})

    def diff(self, call: DiffCall) -> Diff:
        """Compare what the images follow from; another repository needs another resource."""
        olds, news = call.old_inputs, call.news
        changes = {key: Change.UPDATE for key in _COMPARED if olds.get(key) != news.get(key)}
        old_layers = olds.get("layers", {})
        for key, digest in news["layers"].items():
            if old_layers.get(key) != digest:
                changes[f"layers.{key}"] = Change.UPDATE
        if olds.get("repositoryUrl") != news["repositoryUrl"]:
            changes["repositoryUrl"] = Change.UPDATE_REPLACE
        return Diff(changes, of_inputs=True)

    def create(self, call: CreateCall) -> Created:
        """Push the image, or take the one that is there."""
        if call.preview:
            return Created("", _unknown(call.inputs))
        return Created(call.inputs["repositoryUrl"], self._push(call.inputs, call.urn))

    def update(self, call: UpdateCall) -> Properties:
        """Push the new image beside the old one."""
        return _unknown(call.inputs) if call.preview else self._push(call.inputs, call.urn)

    def read(self, call: ReadCall) -> Found | None:
        """Return what is recorded if the registry has that very image."""
        if call.importing:
            raise PluginError("an image cannot be imported: declare it, and the one that is there is taken")
        there = self._repository(call.outputs).digest(call.outputs["digest"])
        return Found(call.id, call.outputs, call.inputs) if there else None

    def delete(self, call: DeleteCall) -> None:
        """Delete the image, and the one that it was made from; earlier ones stay."""
        self._repository(call.outputs).remove([call.outputs["digest"], call.outputs["packagesTag"]])

    def _recipe(self, inputs: Properties) -> assembly.Recipe:
        root = project_root()
        base = inputs.get("baseImage")
        locked = packages.locked(root, inputs["pythonVersion"], inputs["platform"], self._plugin.cancelled)
        try:
            code = layers.code_tar(root)
        except FileNotFoundError as error:
            raise PluginError(f"{error}; set STILE_PROJECT_ROOT to the project's folder") from error
        return assembly.Recipe(base if isinstance(base, str) else None, locked, code)

    def _push(self, inputs: Properties, urn: str) -> Properties:
        recipe = self._recipe(inputs)
        found = {"packages": recipe.packages.key, "code": layers.sha256(recipe.code)}
        if found != inputs["layers"]:
            raise PluginError("ml_jobs or uv.lock changed while the update ran; run it again")
        repository = self._repository(inputs)

        def progress(message: str) -> None:
            self._plugin.log.say(message, urn=urn, passing=True)

        digest = assembly.push(recipe, repository, progress, self._plugin.cancelled)
        made = {"digest": digest, "imageUri": f"{inputs['repositoryUrl']}@{digest}", "packagesTag": recipe.packages_tag}
        return {**inputs, **made}

    def _repository(self, properties: Properties) -> Repository:
        from infra.providers.stile import registry_aws, registry_gcp

        url = properties["repositoryUrl"]
        return registry_gcp.open_repository(url) if registry_gcp.is_one(url) else registry_aws.open_repository(url)


def _refused(inputs: Properties) -> list[Failure]:
    version, platform = inputs.get("pythonVersion"), inputs.get("platform")
    failures = [
        Failure(key, "must be known before the update")
        for key in ("pythonVersion", "platform")
        if isinstance(inputs.get(key), Unknown)
    ]
    if isinstance(version, str) and not packages.MINOR_VERSION.fullmatch(version):
        failures.append(Failure("pythonVersion", f"{version} is no minor version of Python such as 3.11"))
    if isinstance(platform, str) and platform not in packages.PLATFORMS:
        failures.append(Failure("platform", f"{platform} is not one of {', '.join(packages.PLATFORMS)}"))
    return failures


def _unknown(inputs: Properties) -> Properties:
    return {**inputs, "digest": UNKNOWN, "imageUri": UNKNOWN, "packagesTag": UNKNOWN}
