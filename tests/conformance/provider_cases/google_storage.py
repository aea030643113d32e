"""Cloud Storage, KMS and Artifact Registry."""

from typing import Any

from tests.conformance.provider_cases import Args, Case
from tests.conformance.provider_cases.google import REGION, GoogleWorld
from tests.localcloud.gcp.serving import PLACE

TOKENS = (
    "gcp:storage/bucket:Bucket",
    "gcp:storage/bucketObject:BucketObject",
    "gcp:kms/keyRing:KeyRing",
    "gcp:kms/cryptoKey:CryptoKey",
    "gcp:artifactregistry/repository:Repository",
)
KEEP = "Google keeps key rings and keys for ever"


def cases(world: GoogleWorld) -> list[Case]:
    bucket, stored, ring, key, repository = TOKENS
    return [
        Case(
            bucket,
            args={
                "location": REGION,
                "forceDestroy": True,
                "labels": {"stile-stage": "storage", "owner": "one"},
                "versioning": {"enabled": True},
                "uniformBucketLevelAccess": True,
                "publicAccessPrevention": "enforced",
                "lifecycleRules": [
                    {"action": {"type": "Delete"}, "condition": {"age": 3, "matchesPrefixes": ["runs/"]}},
                    {"action": {"type": "Delete"}, "condition": {"numNewerVersions": 2, "withState": "ARCHIVED"}},
                ],
            },
            change={
                "labels": {"stile-stage": "other"},
                "versioning": {"enabled": False},
                "lifecycleRules": [{"action": {"type": "Delete"}, "condition": {"age": 5, "withState": "LIVE"}}],
            },
            replace={"location": "EU"},
            drift=_fill_and_label,
            drifts="labels",
            imported_without=("forceDestroy", "labels"),
        ),
        Case(
            stored,
            args={
                "bucket": world.bucket("case-objects"),
                "name": "settings/one.json",
                "content": "{}",
                "contentType": "application/json",
                "metadata": {"origin": "case"},
            },
            change={"content": '{"more": 1}'},
            replace={"name": "settings/two.json"},
            drift=_overwrite,
            drifts="detectMd5hash",
            import_as=None,
        ),
        Case(
            ring,
            args={"location": REGION},
            change={},
            replace={"name": "case-ring"},
            drift=None,
            drifts="",
            stays=KEEP,
        ),
        Case(
            key,
            args={
                "keyRing": world.ring("case-keys"),
                "rotationPeriod": "7776000s",
                "destroyScheduledDuration": "86400s",
                "labels": {"stile-stage": "storage"},
            },
            change={"rotationPeriod": "8640000s", "labels": {"stile-stage": "other"}},
            replace={"destroyScheduledDuration": "172800s"},
            drift=lambda world, out: world.call(
                "cloudkms.v1",
                "projects.locations.keyRings.cryptoKeys.patch",
                name=f"{out['keyRing']}/cryptoKeys/{out['name']}",
                updateMask="labels",
                body={"labels": {"stile-stage": "by-hand"}},
            ),
            drifts="labels",
            stays=KEEP,
            imported_without=("labels",),
        ),
        Case(
            repository,
            args={
                "repositoryId": "case-repository",
                "location": REGION,
                "format": "DOCKER",
                "description": "first",
                "dockerConfig": {"immutableTags": True},
                "labels": {"stile-stage": "images"},
            },
            change={"description": "second", "dockerConfig": {"immutableTags": False}},
            replace={"repositoryId": "case-repository-2"},
            drift=lambda world, out: world.call(
                "artifactregistry.v1",
                "projects.locations.repositories.patch",
                name=f"{PLACE}/repositories/{out['repositoryId']}",
                updateMask="description",
                body={"description": "by hand"},
            ),
            drifts="description",
            imported_without=("labels",),
        ),
    ]


def _fill_and_label(world: GoogleWorld, out: Args) -> None:
    """Put an object and another version of it into the bucket, and change a label."""
    for text in ("one", "two"):
        _put(world, out["name"], "left", text)
    body: Any = {"labels": {"stile-stage": "by-hand"}}
    world.call("storage.v1", "buckets.patch", bucket=out["name"], body=body)


def _overwrite(world: GoogleWorld, out: Args) -> None:
    """Upload other content, with all else as it was."""
    _put(world, out["bucket"], out["name"], "by hand", out["contentType"])
    body: Any = {"metadata": out["metadata"]}
    world.call("storage.v1", "objects.patch", bucket=out["bucket"], object=out["name"], body=body)


def _put(world: GoogleWorld, bucket: str, name: str, text: str, kind: str = "text/plain") -> None:
    """Upload an object; Google's client would do it at Google's host, whatever it was told."""
    world.gcp.http.post(
        f"/upload/storage/v1/b/{bucket}/o",
        params={"uploadType": "media", "name": name},
        content=text.encode(),
        headers={"content-type": kind},
    ).raise_for_status()
