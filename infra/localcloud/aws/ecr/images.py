"""ECR's operations on images, answered from what the registry on loopback holds."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, TypeVar

from localstack.aws.api import RequestContext
from localstack.services.moto import call_moto

from infra.localcloud.aws.ecr import registry
from infra.localcloud.aws.ecr.registry import Image
from infra.localcloud.aws.ecr.repositories import require_repository
from infra.localcloud.aws.failures import Refusal
from infra.localcloud.aws.operations import Operations, Request, Response

Entry = TypeVar("Entry")
ImageId = Mapping[str, str]
PAGE_SIZE = 100


def list_images(context: RequestContext, request: Request) -> Response:
    """ListImages: one entry per tag, and one per image without any."""
    name = require_repository(context, request)
    entries: list[ImageId] = []
    for image in _filtered(registry.images(name), request):
        digest = image.manifest.digest
        entries += [{"imageDigest": digest, "imageTag": tag} for tag in image.tags] or [{"imageDigest": digest}]
    return _page("imageIds", entries, request)


def describe_images(context: RequestContext, request: Request) -> Response:
    """DescribeImages: of all images, or of those asked for, which must exist."""
    name = require_repository(context, request)
    chosen = registry.images(name)
    if wanted := request.get("imageIds"):
        chosen = list({id(image): image for image in (_only(context, name, chosen, one) for one in wanted)}.values())
    details = [_detail(context, name, image) for image in _filtered(chosen, request)]
    return _page("imageDetails", details, request)


def batch_get_image(context: RequestContext, request: Request) -> Response:
    """BatchGetImage: the manifests of those that exist, a failure for each that does not."""
    name = require_repository(context, request)
    found, failures = [], []
    for wanted in request["imageIds"]:
        stored = registry.manifest(name, wanted.get("imageDigest") or wanted["imageTag"])
        if stored is None:
            failures.append(_failure(wanted))
            continue
        identity = {"imageDigest": stored.digest} | ({"imageTag": wanted["imageTag"]} if "imageTag" in wanted else {})
        found.append(
            {
                "registryId": context.account_id,
                "repositoryName": name,
                "imageId": identity,
                "imageManifest": stored.body.decode(),
                "imageManifestMediaType": stored.media_type,
            }
        )
    return {"images": found, "failures": failures}


def batch_delete_image(context: RequestContext, request: Request) -> Response:
    """BatchDeleteImage: by digest the image with its tags; by tag the tag, and with the last one the image."""
    name = require_repository(context, request)
    present = registry.images(name)
    deleted, failures = [], []
    for wanted in request["imageIds"]:
        image = _match(present, wanted)
        if image is None:
            failures.append(_failure(wanted))
        else:
            deleted += _delete(name, image, wanted)
    return {"imageIds": deleted, "failures": failures}


def put_image(context: RequestContext, request: Request) -> Response:
    """PutImage: stores a manifest whose layers were pushed before."""
    name = require_repository(context, request)
    body = request["imageManifest"].encode()
    media_type = request.get("imageManifestMediaType") or registry.ACCEPTED.split(",", maxsplit=1)[0]
    reference = request.get("imageTag") or request.get("imageDigest") or registry.digest_of(body)
    registry.put(name, reference, media_type, body)
    identity = {"imageDigest": registry.digest_of(body)} | (
        {"imageTag": request["imageTag"]} if request.get("imageTag") else {}
    )
    image = {
        "registryId": context.account_id,
        "repositoryName": name,
        "imageId": identity,
        "imageManifest": request["imageManifest"],
        "imageManifestMediaType": media_type,
    }
    return {"image": image}


def delete_repository(context: RequestContext, request: Request) -> Response:
    """DeleteRepository: refused while it holds images, unless forced; then they go with it."""
    name = require_repository(context, request)
    present = registry.images(name)
    if present and not request.get("force"):
        raise Refusal(
            "RepositoryNotEmptyException",
            f"The repository with name '{name}' in registry with id '{context.account_id}' "
            "cannot be deleted because it still contains images",
            400,
        )
    for image in present:
        registry.delete(name, image)
    answer: Response = call_moto(context)
    return answer


def _delete(name: str, image: Image, wanted: ImageId) -> list[ImageId]:
    digest = image.manifest.digest
    tag = wanted.get("imageTag")
    if tag and len(image.tags) > 1:
        registry.delete_reference(name, tag)
        image.tags.remove(tag)
        return [{"imageDigest": digest, "imageTag": tag}]
    registry.delete(name, image)
    return [{"imageDigest": digest, "imageTag": one} for one in image.tags] or [{"imageDigest": digest}]


def _match(present: Iterable[Image], wanted: ImageId) -> Image | None:
    for image in present:
        fits_digest = wanted.get("imageDigest") in (None, image.manifest.digest)
        if fits_digest and (wanted.get("imageTag") is None or wanted["imageTag"] in image.tags):
            return image
    return None


def _only(context: RequestContext, name: str, present: Iterable[Image], wanted: ImageId) -> Image:
    found = _match(present, wanted)
    if found is None:
        described = ", ".join(f"{key}:'{wanted.get(key, 'null')}'" for key in ("imageDigest", "imageTag"))
        raise Refusal(
            "ImageNotFoundException",
            f"The image with imageId {{{described}}} does not exist within the repository with name '{name}' "
            f"in the registry with id '{context.account_id}'",
            400,
        )
    return found


def _filtered(images: Iterable[Image], request: Request) -> list[Image]:
    status = (request.get("filter") or {}).get("tagStatus", "ANY")
    return [image for image in images if status == "ANY" or bool(image.tags) == (status == "TAGGED")]


def _detail(context: RequestContext, name: str, image: Image) -> Response:
    detail = {
        "registryId": context.account_id,
        "repositoryName": name,
        "imageDigest": image.manifest.digest,
        "imageSizeInBytes": image.manifest.size_bytes,
        "imagePushedAt": image.pushed_at,
        "imageManifestMediaType": image.manifest.media_type,
    }
    return detail | ({"imageTags": sorted(image.tags)} if image.tags else {})


def _failure(wanted: ImageId) -> Response:
    return {"imageId": dict(wanted), "failureCode": "ImageNotFound", "failureReason": "Requested image not found"}


def _page(key: str, entries: Sequence[Entry], request: Request) -> dict[str, Any]:
    start = _position(request.get("nextToken"), len(entries))
    size = request.get("maxResults") or PAGE_SIZE
    answer: dict[str, Any] = {key: entries[start : start + size]}
    if start + size < len(entries):
        answer["nextToken"] = str(start + size)
    return answer


def _position(token: str | None, count: int) -> int:
    if token is None:
        return 0
    if not token.isdigit() or int(token) >= count:
        raise Refusal("InvalidParameterException", "Invalid parameter at 'nextToken' failed to satisfy constraint", 400)
    return int(token)


OPERATIONS: Operations = {
    "BatchDeleteImage": batch_delete_image,
    "BatchGetImage": batch_get_image,
    "DeleteRepository": delete_repository,
    "DescribeImages": describe_images,
    "ListImages": list_images,
    "PutImage": put_image,
}
