"""The storage stage: the data bucket, which holds raw data, runs, MLflow's artifacts and captured requests."""

from collections.abc import Mapping
from typing import NotRequired, Protocol, TypedDict

import pulumi

from components.naming import Naming
from components.place import Place
from components.stages import Grants, Role, StepRole

TRAINED = "runs/*/train-*"
"""The models of all candidates."""


def _of(step: StepRole) -> str:
    """Return what a step of any run leaves; a run's folders are named by the run, then by its steps."""
    return f"runs/*/{step}/*"


READS: Mapping[Role, tuple[str, ...]] = {
    "ingest": ("raw/*",),
    "validate": (_of("ingest"),),
    "train": (_of("ingest"),),
    "evaluate": (_of("ingest"), TRAINED),
    "govern": (_of("evaluate"),),
    "register": (_of("govern"), _of("evaluate"), TRAINED),
    "jobs": ("raw/*", "runs/*", "jobs/*"),
    "serving": (TRAINED,),
    "tracking": ("mlflow/*",),
}
"""Which objects of the bucket each role reads; a test holds it to what the pipeline's steps read."""

WRITES: Mapping[Role, tuple[str, ...]] = {
    "ingest": (_of("ingest"),),
    "validate": (_of("validate"),),
    "train": (TRAINED, "mlflow/*"),
    "evaluate": (_of("evaluate"), "mlflow/*"),
    "govern": (_of("govern"), "mlflow/*"),
    "register": (_of("register"),),
    "jobs": ("jobs/*", "mlflow/*"),
    "serving": ("capture/*",),
    "tracking": ("mlflow/*",),
}
"""Which objects of the bucket each role writes."""

PIPELINES = "pipelines"
"""The folder of what a cloud's pipelines keep in the bucket: on Google Cloud their definitions, and notes of runs."""

SERVING = "serving"
"""The folder of settings that serving containers read when they start, where a cloud hands them none."""

MONITOR = "monitor"
"""The folder of what the monitor says of each model."""

EXPIRING = ("capture",)
"""Folders whose objects go after the retention time; a run's artifacts stay, for registered models live there."""


class StorageArgs(TypedDict):
    """What the stage takes.

    `retention_days`: how long captured requests and replaced versions of objects are kept.
    `bucket`: the name of a bucket that exists; its settings are its owner's. `kms_key_arn`: a key that exists.
    """

    naming: Naming
    place: NotRequired[Place]
    retention_days: pulumi.Input[int]
    bucket: NotRequired[pulumi.Input[str]]
    kms_key_arn: NotRequired[pulumi.Input[str]]


class Storage(Protocol):
    """What every cloud's storage stage provides."""

    @property
    def bucket(self) -> pulumi.Output[str]:
        """The bucket's name."""
        ...

    @property
    def uri(self) -> pulumi.Output[str]:
        """The bucket's address, `s3://<name>` on AWS, without a slash at its end."""
        ...

    @property
    def key(self) -> pulumi.Output[str]:
        """The identifier of the key that encrypts it; the key's ARN on AWS."""
        ...

    @property
    def grants(self) -> Grants:
        """What READS and WRITES allow, the use of the key, and what the cloud's own way of running needs beside."""
        ...
