"""What a role needs before its container can run: to pull the image, and to use the key and network of its machine.

On the vendor's cloud its agent asks for these under the role; here nothing is called, so they are asked of the gate.
Source: https://docs.aws.amazon.com/sagemaker/latest/dg/sagemaker-roles.html, the sections on execution roles.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from infra.localcloud.aws.permissions.demands import Asked
from infra.localcloud.aws.permissions.gate import AccessDeniedError, require
from infra.localcloud.aws.permissions.roles import PARTITION, Actor
from infra.localcloud.jobs.registry import ImageError, Reference

ECR_HOST = ".dkr.ecr."
PULLING = ("BatchCheckLayerAvailability", "BatchGetImage", "GetDownloadUrlForLayer")
NETWORKING = (
    "CreateNetworkInterface",
    "CreateNetworkInterfacePermission",
    "DeleteNetworkInterface",
    "DeleteNetworkInterfacePermission",
    "DescribeDhcpOptions",
    "DescribeNetworkInterfaces",
    "DescribeSecurityGroups",
    "DescribeSubnets",
    "DescribeVpcs",
)


def check_pull(actor: Actor, image: str) -> None:
    """Raise ImageError unless a role may pull an image; images outside of ECR take no permission."""
    try:
        for asked in _pulling(image):
            require(actor, asked)
    except AccessDeniedError as error:
        raise ImageError(
            "Cannot pull algorithm container. Either the image does not exist or its permissions are incorrect. "
            f"AccessDeniedException: {error}"
        ) from error


def check_machine(actor: Actor, region: str, request: Mapping[str, Any]) -> None:
    """Raise AccessDeniedError unless a role may use what a job's request names: the volume's key, and a VPC."""
    resources = request.get("ResourceConfig") or request.get("ProcessingResources", {}).get("ClusterConfig", {})
    check_volume(actor, region, resources.get("VolumeKmsKeyId"))
    if request.get("VpcConfig") or (request.get("NetworkConfig") or {}).get("VpcConfig"):
        check_network(actor, region)


def check_volume(actor: Actor, region: str, key: str | None) -> None:
    """Raise AccessDeniedError unless a role may let the machine's volume use a key."""
    if key:
        members = {"KeyId": key, "GrantIsForAWSResource": True}
        require(actor, Asked("kms", "CreateGrant", _place(actor, region), members))


def check_network(actor: Actor, region: str) -> None:
    """Raise AccessDeniedError unless a role may put a network interface into a VPC."""
    for operation in NETWORKING:
        require(actor, Asked("ec2", operation, _place(actor, region), {}))


def _pulling(image: str) -> Iterator[Asked]:
    reference = Reference.parse(image)
    account, found, rest = reference.host.partition(ECR_HOST)
    if not found:
        return
    place = {"partition": PARTITION, "region": rest.partition(".")[0], "account": account}
    yield Asked("ecr", "GetAuthorizationToken", place, {})
    for operation in PULLING:
        yield Asked("ecr", operation, place, {"repositoryName": reference.name})


def _place(actor: Actor, region: str) -> Mapping[str, str]:
    return {"partition": PARTITION, "region": region, "account": actor.account}
