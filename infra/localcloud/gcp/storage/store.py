"""What Cloud Storage holds: buckets, their objects' generations, and uploads that are under way."""

import itertools
import shutil
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from infra.localcloud.gcp.call import PROJECT_NUMBER
from infra.localcloud.gcp.storage.calls import JSON
from infra.localcloud.gcp.storage.media import Media, MediaWriter
from infra.localcloud.gcp.storage.refusals import forbidden, no_bucket, no_object

# Asked before each act with the caller's token, a permission like storage.objects.get and the resource's name
# (projects/_/buckets/B, projects/_/buckets/B/objects/O, projects/P, or a key's); answers None for yes, and for no
# the name of the principal that lacks it. A list says `prefix`, too: conditions may ask for it.
Gate = Callable[..., str | None]


def allow(_token: str | None, _permission: str, _resource: str, **_more: str) -> str | None:
    """The gate that lets everybody through."""
    return None


def now() -> datetime:
    """The time, in UTC."""
    return datetime.now(UTC)


def stamp(moment: datetime) -> str:
    """A time as the API writes it, to the millisecond."""
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


@dataclass
class Generation:
    """One generation of an object: its bytes never change, its metadata may.

    Attributes:
        bucket: the bucket's name.
        name: the object's name.
        generation: larger for each one made later, in microseconds since 1970.
        metageneration: counts the changes of the metadata, from 1.
        media: the bytes.
        created: when it was made.
        fields: what the caller may set (content type, metadata, holds, ...) and the storage class.
        updated: when the metadata changed last.
        retired: when another one took its place or it was deleted; None while it is live.
    """

    bucket: str
    name: str
    generation: int
    media: Media
    created: datetime
    fields: JSON
    updated: datetime
    metageneration: int = 1
    retired: datetime | None = None


@dataclass
class Bucket:
    """A bucket.

    Attributes:
        name: unique in the whole cloud.
        project: the project's id.
        fields: the settings, as the API shows them.
        created: when it was made.
        generation: as an object's, for the bucket itself.
        policy: who may do what; `version` counts its changes and makes its etag.
        objects: for each name the generations, oldest first.
    """

    name: str
    project: str
    fields: JSON
    created: datetime
    updated: datetime
    generation: int
    policy: JSON
    metageneration: int = 1
    policy_changes: int = 1
    objects: dict[str, list[Generation]] = field(default_factory=dict)

    def live(self, name: str) -> Generation | None:
        """The object of this name, None if there is none."""
        generations = self.objects.get(name)
        return generations[-1] if generations and generations[-1].retired is None else None

    def versioned(self) -> bool:
        """Whether what is overwritten or deleted stays, as a noncurrent generation."""
        return bool(self.fields.get("versioning", {}).get("enabled"))


class Store:
    """All buckets. Bytes lie in files below a folder; metadata is in memory and goes with the process.

    `lock` is held by whoever looks at preconditions and acts on them.

    Args:
        folder: for the bytes; what another run left in it is removed.
        gate: judges each act, see Gate.
        is_account: whether a service account exists, by its e-mail address.
    """

    def __init__(self, folder: Path, gate: Gate = allow, is_account: Callable[[str], bool] = lambda _: True) -> None:
        self.lock = threading.RLock()
        self.buckets: dict[str, Bucket] = {}
        self.gate = gate
        self.is_account = is_account
        self._media = folder / "media"
        shutil.rmtree(self._media, ignore_errors=True)
        self._media.mkdir(parents=True)
        self._files = itertools.count(1)
        self._last_generation = 0

    @property
    def agent(self) -> str:
        """The service account as which Cloud Storage itself uses keys."""
        return f"service-{PROJECT_NUMBER}@gs-project-accounts.iam.gserviceaccount.com"

    def permit(self, token: str | None, permission: str, resource: str, **more: str) -> None:
        """Ask the gate.

        Raises:
            Refusal: 403, naming the permission and who lacks it.
        """
        who = self.gate(token, permission, resource, **more)
        if who is not None:
            raise forbidden(
                f"{who} does not have {permission} access to the Google Cloud Storage {kind_of(resource)}. "
                f"Permission '{permission}' denied on resource (or it may not exist)."
            )

    def bucket(self, name: str) -> Bucket:
        """Return the bucket of a name.

        Raises:
            Refusal: 404.
        """
        if name not in self.buckets:
            raise no_bucket()
        return self.buckets[name]

    def object(self, bucket: str, name: str, generation: int | None = None) -> Generation:
        """Return an object: the live one, or the generation that is asked for.

        Raises:
            Refusal: 404.
        """
        found = self.bucket(bucket)
        if generation is None:
            if live := found.live(name):
                return live
            raise no_object(bucket, name)
        for candidate in found.objects.get(name, []):
            if candidate.generation == generation:
                return candidate
        raise no_object(bucket, name, generation)

    def new_generation(self) -> int:
        """A number larger than every one before: the time in microseconds, moved on where two meet."""
        with self.lock:
            self._last_generation = max(time.time_ns() // 1000, self._last_generation + 1)
            return self._last_generation

    def new_file(self) -> Path:
        """A path for bytes, used by nothing else."""
        return self._media / f"{next(self._files):08d}"

    def writer(self) -> MediaWriter:
        """Start to take the bytes of an object."""
        return MediaWriter(self.new_file())


def bucket_name(bucket: str) -> str:
    """A bucket's name as permissions have it."""
    return f"projects/_/buckets/{bucket}"


def object_name(bucket: str, name: str) -> str:
    """An object's name as permissions have it."""
    return f"projects/_/buckets/{bucket}/objects/{name}"


def kind_of(resource: str) -> str:
    """What a refusal calls a resource."""
    parts = resource.split("/")
    if "objects" in parts[4:5]:
        return "object"
    return "bucket" if parts[2:3] == ["buckets"] else parts[0].removesuffix("s")
