"""The platform's own copies of models' files, in a bucket of Google's: what is uploaded is what is served ever after.

Source: https://cloud.google.com/vertex-ai/docs/predictions/custom-container-requirements (AIP_STORAGE_URI)
"""

import secrets
from contextlib import closing

from googleapiclient.errors import HttpError

from infra.localcloud.gcp.call import Cloud
from infra.localcloud.gcp.errors import invalid
from infra.localcloud.gcp.vertex.job_cloud import client
from infra.localcloud.gcp.vertex.objects import Objects
from infra.localcloud.jobs.transfer import TransferError

TENANT = "caip-tenant"
BUCKET = "caip-tenant-models"
CONFLICT = 409
# Whoever serves a model may read its files, and nobody else knows where they are.
READERS = {"role": "roles/storage.objectViewer", "members": ["allAuthenticatedUsers"]}


def stage(cloud: Cloud, uri: str | None) -> str:
    """Copy a model's folder and return where the copy is; empty for a model without files.

    Raises:
        Refusal: INVALID_ARGUMENT, if there is nothing.
    """
    if not uri:
        return ""
    target = f"gs://{BUCKET}/{secrets.token_hex(16)}/artifacts"
    _ensure(cloud)
    try:
        count = Objects(cloud.endpoint_url).copy(uri, target)
    except TransferError as error:
        raise invalid(f"The artifactUri cannot be read: {error}.", field="model.artifactUri") from error
    if not count:
        raise invalid(f"There are no files under {uri}.", field="model.artifactUri")
    return target


def drop(cloud: Cloud, uri: str | None) -> None:
    """Delete the copy of a model's folder."""
    if not uri:
        return
    objects = Objects(cloud.endpoint_url)
    bucket, _, _ = uri.removeprefix("gs://").partition("/")
    with closing(client(cloud.endpoint_url, "storage", "v1")) as storage:
        for name in objects.names(uri):
            storage.objects().delete(bucket=bucket, object=name).execute()


def _ensure(cloud: Cloud) -> None:
    """Make the bucket, unless it is there."""
    with closing(client(cloud.endpoint_url, "storage", "v1")) as storage:
        settings = {"name": BUCKET, "iamConfiguration": {"uniformBucketLevelAccess": {"enabled": True}}}
        try:
            storage.buckets().insert(project=TENANT, body=settings).execute()
        except HttpError as error:
            if error.resp.status != CONFLICT:
                raise
            return
        policy = storage.buckets().getIamPolicy(bucket=BUCKET).execute()
        policy["bindings"].append(READERS)
        storage.buckets().setIamPolicy(bucket=BUCKET, body=policy).execute()
