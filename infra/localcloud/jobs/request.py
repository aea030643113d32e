"""What a job is, in no vendor's terms; both vendors' contracts and the runner work from it."""

import enum
from collections.abc import Mapping
from dataclasses import dataclass, field


class Kind(enum.Enum):
    """What sort of job it is, which decides the files that its container finds."""

    TRAINING = "training"
    PROCESSING = "processing"


@dataclass(frozen=True)
class Input:
    """Objects below `uri` that the job finds as files in the folder `path` of its container."""

    name: str
    uri: str
    path: str


@dataclass(frozen=True)
class Output:
    """Files that the job leaves in the folder `path` of its container, and where they go.

    `key` names the key that the store encrypts them with; None leaves that to the store.
    """

    name: str
    uri: str
    path: str
    key: str | None = None


@dataclass(frozen=True)
class Machine:
    """What the job asked to run on; the local cloud runs it here and says so to nobody but the job."""

    type: str
    count: int
    volume_gib: int


@dataclass(frozen=True)
class JobRequest:
    """A job to run.

    `identifier` is the vendor's full name (an ARN); `entrypoint` and `arguments` are None where the image's own
    hold; `role` is the identity that it acts under; `checkpoints` is a folder that is filled from its URI before the
    job and goes back there however the job ends; `settings` holds what only the vendor's contract reads.
    """

    kind: Kind
    name: str
    identifier: str
    image: str
    role: str
    machine: Machine
    max_runtime_seconds: int
    entrypoint: tuple[str, ...] | None = None
    arguments: tuple[str, ...] | None = None
    environment: Mapping[str, str] = field(default_factory=dict)
    parameters: Mapping[str, str] = field(default_factory=dict)
    inputs: tuple[Input, ...] = ()
    outputs: tuple[Output, ...] = ()
    checkpoints: Output | None = None
    settings: Mapping[str, object] = field(default_factory=dict)
