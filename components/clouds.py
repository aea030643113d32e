"""The clouds, side by side: how a stack's file names their places, and what they take from what exists already."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from components.errors import Problem
from components.spec import Spec

ROOT = "stile:platform"


@dataclass(frozen=True)
class Form:
    """How a cloud writes the identifier of something that exists.

    Attributes:
        pattern: what it must match, whole.
        allowed: the same in words.
    """

    pattern: str
    allowed: str


@dataclass(frozen=True)
class Cloud:
    """What differs between stacks of the clouds before anything is made.

    Attributes:
        region_key: the key of the region, which is the provider's own.
        default_region: where a stack stands whose file says nothing.
        region: how its regions are spelt.
        project_key: the key of the project, which is the provider's own; None where credentials name the account.
        existing: path below stile:platform -> how something is named that is given and not made.
    """

    region_key: str
    default_region: str
    region: Form
    project_key: str | None = None
    existing: Mapping[str, Form] = field(default_factory=dict)


_ROLES = ("job_role_arn", "pipeline_role_arn", "serving_role_arn", "tracking_role_arn")
_ARN = Form(r"arn:aws[a-z-]*:\S+", "an ARN, arn:aws:...")
_ACCOUNT = Form(r"[^@\s]+@[^@\s]+", "a service account's address, <name>@<project>.iam.gserviceaccount.com")

CLOUDS: Mapping[str, Cloud] = {
    "aws": Cloud(
        region_key="aws:region",
        default_region="us-east-1",
        region=Form(r"[a-z]{2}(-[a-z]+)+-\d", "a region of AWS, such as us-east-1"),
        existing={
            **{f"identity.{role}": _ARN for role in _ROLES},
            "storage.kms_key_arn": _ARN,
            "tracking.url": Form(r"(https?://|arn:aws[a-z-]*:sagemaker:)\S+", "an MLflow server's URL or ARN"),
        },
    ),
    "gcp": Cloud(
        region_key="gcp:region",
        default_region="us-central1",
        region=Form(r"[a-z]+-[a-z]+\d+", "a region of Google Cloud, such as us-central1"),
        project_key="gcp:project",
        existing={
            **{f"identity.{role}": _ACCOUNT for role in _ROLES},
            "images.repository": Form(
                r"[a-z0-9-]+-docker\.pkg\.dev/[^/\s]+/[^/\s]+/[^@\s]+",
                "an image's name in Artifact Registry, <location>-docker.pkg.dev/<project>/<repository>/<image>",
            ),
            "storage.kms_key_arn": Form(
                r"projects/[^/\s]+/locations/[^/\s]+/keyRings/[^/\s]+/cryptoKeys/[^/\s]+",
                "a key's resource name, projects/<p>/locations/<l>/keyRings/<r>/cryptoKeys/<k>",
            ),
            "tracking.url": Form(r"https?://\S+", "an MLflow server's http(s) URL"),
        },
    ),
}


def of(name: object) -> Cloud:
    """Return a cloud's row; AWS's for one that is none, whose name another check refuses."""
    return CLOUDS.get(str(name), CLOUDS["aws"])


def misplaced(spec: Spec) -> Iterator[Problem]:
    """Yield what a stack's file says of a place, or of what exists, in another cloud's way."""
    cloud = CLOUDS[spec.cloud]
    if not re.fullmatch(cloud.region.pattern, spec.region):
        allowed = cloud.region.allowed
        yield Problem(cloud.region_key, spec.region, allowed, f"write {allowed}")
    for path, form in cloud.existing.items():
        given = _at(spec, path)
        if given is not None and not re.fullmatch(form.pattern, given):
            yield Problem(f"{ROOT}.{path}", given, form.allowed, f"write {form.allowed}")
    yield from _unplaced(spec, cloud)


def _unplaced(spec: Spec, cloud: Cloud) -> Iterator[Problem]:
    if cloud.project_key is None:
        if spec.google is not None:
            yield Problem("stile:gcp", "", f"nothing on {spec.cloud}", "remove `stile:gcp`")
        return
    if spec.project is None:
        yield Problem(cloud.project_key, "", "the id of a project that exists", f"add `{cloud.project_key}`")
    if spec.google is None:
        yield Problem("stile:gcp", "", "an object with the keys project_number, billing_account", "add `stile:gcp`")
    elif spec.platform.budget and not spec.google.billing_account:
        path, fix = "stile:gcp.billing_account", f"add it, or remove {ROOT}.budget"
        yield Problem(path, "", "the billing account that a budget is made in", fix)


def _at(spec: Spec, path: str) -> str | None:
    part, key = path.split(".")
    value = getattr(getattr(spec.platform, part), key)
    return None if value is None else str(value)
