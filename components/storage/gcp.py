"""The data bucket on Google Cloud: GCS with a key of our own, private, versioned, and with a lifecycle."""

from collections.abc import Mapping, Sequence
from typing import Any, get_args

import pulumi
import pulumi_gcp as gcp

from components.google import agent, enable, statement
from components.stages import Grants, Role
from components.storage import EXPIRING, PIPELINES, READS, SERVING, WRITES, StorageArgs

ENCRYPTING = ("aiplatform", "storage")
"""The services that use the key, each under its own account: whoever reads an object needs no right to the key."""

OTHER_READS: Mapping[Role, tuple[str, ...]] = {"serving": (f"{SERVING}/*",), "pipeline": (f"{PIPELINES}/*",)}
OTHER_WRITES: Mapping[Role, tuple[str, ...]] = {"pipeline": (f"{PIPELINES}/*",)}
"""Where Vertex AI works otherwise than SageMaker.

Serving containers read their settings, but no model: they have the copy of it that Vertex AI made at its upload. A
pipeline keeps notes of each run in the bucket.
Sources: https://cloud.google.com/vertex-ai/docs/predictions/custom-container-requirements#model_artifacts and
https://cloud.google.com/vertex-ai/docs/pipelines/configure-project#service-account
"""

ROTATION = "7776000s"
"""90 days, which Google recommends: https://cloud.google.com/kms/docs/key-rotation."""


class GcpStorage(pulumi.ComponentResource):
    """A bucket and its key, protected: `destroy` keeps them, with all that makes the bucket safe.

    Google deletes no key ring and no key, and takes none of their names again. So the engine adds random digits to
    theirs as it does to the bucket's, and a stack that lost them makes others. Requests with credentials are answered
    over TLS only, which needs no rule here.
    """

    bucket: pulumi.Output[str]
    uri: pulumi.Output[str]
    key: pulumi.Output[str]
    grants: Grants

    def __init__(self, name: str, args: StorageArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("stile:index:Storage", name, {}, opts)
        self._naming, self._place = args["naming"], args["place"]
        self._kept = pulumi.ResourceOptions(parent=self, protect=True)
        key, bucket = args.get("kms_key_arn"), args.get("bucket")
        services = ("aiplatform", "cloudkms", "storage")
        enabled = [] if key and bucket else enable(self._naming, services, self._kept)
        self._kept = pulumi.ResourceOptions.merge(self._kept, pulumi.ResourceOptions(depends_on=enabled))
        self._usable: Sequence[pulumi.Resource] = ()
        self.key = pulumi.Output.from_input(key) if key else self._new_key()
        self.bucket = pulumi.Output.from_input(bucket) if bucket else self._new_bucket(args["retention_days"])
        self.uri = pulumi.Output.concat("gs://", self.bucket)
        self.grants = {role: self._access(role) for role in get_args(Role)}
        self.register_outputs({"bucket": self.bucket, "uri": self.uri, "key": self.key})

    def _new_key(self) -> pulumi.Output[str]:
        ring = gcp.kms.KeyRing(self._naming.of("data"), location=self._place.region, opts=self._kept)
        key = gcp.kms.CryptoKey(
            self._naming.of("data"),
            key_ring=ring.id,
            purpose="ENCRYPT_DECRYPT",
            rotation_period=ROTATION,
            destroy_scheduled_duration="2592000s",  # 30 days to change one's mind, as on AWS
            labels=self._naming.tags("storage"),
            opts=self._kept,
        )
        self._usable = [self._encrypting(service, key.id) for service in ENCRYPTING]
        name: pulumi.Output[str] = key.id
        return name

    def _encrypting(self, service: str, key: pulumi.Output[str]) -> pulumi.Resource:
        member: pulumi.Resource = gcp.kms.CryptoKeyIAMMember(
            self._naming.of("data", service),
            crypto_key_id=key,
            role="roles/cloudkms.cryptoKeyEncrypterDecrypter",
            member=agent(service, self._place),
            opts=self._kept,
        )
        return member

    def _new_bucket(self, retention_days: pulumi.Input[int]) -> pulumi.Output[str]:
        # No explicit name: bucket names are global, so the engine adds random digits, once and for good.
        usable = pulumi.ResourceOptions(depends_on=list(self._usable))
        bucket = gcp.storage.Bucket(
            self._naming.of("data"),
            location=self._place.region,
            encryption={"default_kms_key_name": self.key},
            public_access_prevention="enforced",
            uniform_bucket_level_access=True,
            versioning={"enabled": True},
            lifecycle_rules=_lifecycle(retention_days),
            force_destroy=False,
            labels=self._naming.tags("storage"),
            opts=pulumi.ResourceOptions.merge(self._kept, usable),
        )
        name: pulumi.Output[str] = bucket.name
        return name

    def _access(self, role: Role) -> list[Mapping[str, Any]]:
        reads, writes = OTHER_READS.get(role) or READS[role], OTHER_WRITES.get(role) or _written(role)
        # What an endpoint's containers read is an object that they know; the others list theirs.
        listed = () if role == "serving" else reads
        found = self.bucket.apply(lambda bucket: covering(bucket, reads, listed))
        made = self.bucket.apply(lambda bucket: covering(bucket, writes))
        return [
            statement("reads", "roles/storage.objectViewer", "bucket", self.bucket, found),
            statement("writes", "roles/storage.objectCreator", "bucket", self.bucket, made),
        ]


def _written(role: Role) -> tuple[str, ...]:
    """Return what a role writes: MLflow's artifacts go through its server, which alone writes them."""
    return tuple(pattern for pattern in WRITES[role] if role == "tracking" or not pattern.startswith("mlflow/"))


def covering(bucket: str, patterns: Sequence[str], listed: Sequence[str] = ()) -> str:
    """Return the condition under which a role on a bucket covers these objects, and lists below these folders.

    A pattern holds at most one star between folders, which stands for any text as it does on AWS. What lies before the
    star is all that a listing can be limited to.
    Source: https://cloud.google.com/iam/docs/conditions-attribute-reference
    """
    objects = [_one(f"projects/_/buckets/{bucket}/objects/", pattern) for pattern in patterns]
    asked = 'api.getAttribute("storage.googleapis.com/objectListPrefix", "")'
    folders = dict.fromkeys(pattern.split("*")[0] for pattern in listed)
    return " || ".join([*objects, *(f'{asked}.startsWith("{folder}")' for folder in folders)])


def _one(objects: str, pattern: str) -> str:
    start, _, rest = pattern.partition("*")
    begins = f'resource.name.startsWith("{objects}{start}")'
    end = rest.rstrip("*")
    return f'({begins} && resource.name.extract("/objects/{start}{{any}}{end}") != "")' if end else begins


def _lifecycle(retention_days: pulumi.Input[int]) -> list[Mapping[str, Any]]:
    delete, abort = {"type": "Delete"}, {"type": "AbortIncompleteMultipartUpload"}
    replaced = [
        {"action": delete, "condition": {"days_since_noncurrent_time": retention_days}},
        {"action": abort, "condition": {"age": 7}},
    ]
    expiring = [
        {
            "action": delete,
            "condition": {"age": retention_days, "matches_prefixes": [f"{folder}/"], "with_state": "LIVE"},
        }
        for folder in EXPIRING
    ]
    return [*replaced, *expiring]
