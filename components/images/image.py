"""The resource class of `stile:images:Image`, the job image that our own plugin makes and pushes."""

from typing import ClassVar

import pulumi


class Image(pulumi.CustomResource):
    """An image of the locked job packages and of `ml_jobs`, pushed by digest; made without a container daemon.

    Attributes:
        image_uri: `<repositoryUrl>@sha256:...`; unknown in a preview in which a layer or the base changes.
        digest: the manifest's digest, `sha256:...`.
        layers: digest of the packages layer's inputs (`packages`) and of the code layer's content (`code`).
    """

    image_uri: pulumi.Output[str]
    digest: pulumi.Output[str]
    layers: pulumi.Output[dict[str, str]]

    _NAMES: ClassVar[dict[str, str]] = {
        "repository_url": "repositoryUrl",
        "base_image": "baseImage",
        "python_version": "pythonVersion",
        "platform": "platform",
        "image_uri": "imageUri",
        "digest": "digest",
        "layers": "layers",
    }

    def __init__(
        self,
        resource_name: str,
        *,
        repository_url: pulumi.Input[str],
        python_version: pulumi.Input[str],
        platform: pulumi.Input[str] = "linux/amd64",
        base_image: pulumi.Input[str] | None = None,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        """Declare the image.

        Args:
            resource_name: the logical name.
            repository_url: the repository to push to, `<host>/<name>` as its cloud spells it.
            python_version: minor version of the image's Python, such as `3.11`; the packages are chosen for it.
            platform: operating system and architecture; only `linux/amd64` is made.
            base_image: image to add the layers to, a tag or a digest; None = no base, as the local cloud needs.
            opts: the engine's options.
        """
        props = {
            "repository_url": repository_url,
            "base_image": base_image,
            "python_version": python_version,
            "platform": platform,
            "image_uri": None,
            "digest": None,
            "layers": None,
        }
        super().__init__("stile:images:Image", resource_name, props, opts)

    def translate_input_property(self, prop: str) -> str:
        """Give the engine's name of a property of this class."""
        return self._NAMES.get(prop, prop)

    def translate_output_property(self, prop: str) -> str:
        """Give this class's name of one of the engine's properties."""
        return {engine: ours for ours, engine in self._NAMES.items()}.get(prop, prop)
