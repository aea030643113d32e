"""The images stage: where the job image is kept, and the image itself."""

from typing import NotRequired, Protocol, TypedDict

import pulumi

from components.naming import Naming
from components.place import Place
from components.stages import Grants


class ImagesArgs(TypedDict):
    """What the stage takes.

    `python_version` is the minor version of the image's Python; `base` an image with its digest, None for no base;
    `repository_url` and `repository_arn` name a repository that exists.
    """

    naming: Naming
    place: NotRequired[Place]
    python_version: pulumi.Input[str]
    base: NotRequired[pulumi.Input[str] | None]
    repository_url: NotRequired[pulumi.Input[str]]


class Images(Protocol):
    """What every cloud's images stage provides."""

    @property
    def repository_url(self) -> pulumi.Output[str]:
        """The repository, `<host>/<name>`."""
        ...

    @property
    def image_uri(self) -> pulumi.Output[str]:
        """The job image with its digest."""
        ...

    @property
    def grants(self) -> Grants:
        """The right to pull, for whoever runs containers."""
        ...
