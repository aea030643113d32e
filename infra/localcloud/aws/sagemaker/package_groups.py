"""Model package groups: the registry's shelves, one per model."""

import itertools
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from localstack.aws.api import RequestContext

from infra.localcloud.aws.arns import sagemaker_arn
from infra.localcloud.aws.failures import conflict, validation
from infra.localcloud.aws.operations import Operations, Request, Response
from infra.localcloud.aws.paging import Listing
from infra.localcloud.aws.records import Record
from infra.localcloud.aws.sagemaker.store import SageMakerStore, store
from infra.localcloud.aws.states import transition

MACHINE = "model_package_group"


@dataclass(kw_only=True)
class Group(Record):
    """A group. Its versions are numbered once: the number of a deleted one does not come back."""

    description: str | None
    status: str
    policy: str | None = None
    numbers: Iterator[int] = field(default_factory=lambda: itertools.count(1))

    def end(self, status: str, reason: str | None) -> None:
        """Note the end of the group's creation."""
        self.status = status


def create_group(context: RequestContext, request: Request) -> Response:
    """CreateModelPackageGroup."""
    records = store(context)
    name = request["ModelPackageGroupName"]
    creation = transition(MACHINE, "create", name)
    group = Group(
        name=name,
        arn=sagemaker_arn(context, "model-package-group", name),
        description=request.get("ModelPackageGroupDescription"),
        status=creation.during if creation.delay_seconds or creation.fault else creation.done,
    )
    records.tags.check(request.get("Tags"))
    records.groups.add(group)
    records.tags.begin(group.arn, request.get("Tags"))
    if group.status == creation.during:
        creation.run(lambda: None, group.end)
    return {"ModelPackageGroupArn": group.arn}


def describe_group(context: RequestContext, request: Request) -> Response:
    """DescribeModelPackageGroup, by name or ARN."""
    group = named_group(context, request["ModelPackageGroupName"])
    return {"CreatedBy": {}, **_summary(group)}


def delete_group(context: RequestContext, request: Request) -> Response:
    """DeleteModelPackageGroup: refused while it holds packages."""
    records = store(context)
    with records.groups.locked():
        group = named_group(context, request["ModelPackageGroupName"])
        if any(package.group == group.name for package in records.packages.all()):
            raise conflict(f"Model Package Group {group.arn} cannot be deleted because it contains model packages.")
        records.groups.remove(group.name)
    records.tags.end(group.arn)
    return {}


def put_policy(context: RequestContext, request: Request) -> Response:
    """PutModelPackageGroupPolicy."""
    group = _for_policy(context, request)
    group.policy = request["ResourcePolicy"]
    return {"ModelPackageGroupArn": group.arn}


def get_policy(context: RequestContext, request: Request) -> Response:
    """GetModelPackageGroupPolicy."""
    return {"ResourcePolicy": _with_policy(context, request).policy}


def delete_policy(context: RequestContext, request: Request) -> Response:
    """DeleteModelPackageGroupPolicy."""
    _with_policy(context, request).policy = None
    return {}


def _for_policy(context: RequestContext, request: Request) -> Group:
    name = request["ModelPackageGroupName"]
    found: Group | None = store(context).groups.find(name)
    if found is None:
        raise validation(f"Cannot find Model Package Group: {_arn(context, name)}")
    return found


def _with_policy(context: RequestContext, request: Request) -> Group:
    group = _for_policy(context, request)
    if group.policy is None:
        raise validation(f"Cannot find Model Package Group Policy: {group.arn}")
    return group


def _summary(group: Group) -> dict[str, Any]:
    summary = {
        "ModelPackageGroupName": group.name,
        "ModelPackageGroupArn": group.arn,
        "CreationTime": group.created,
        "ModelPackageGroupStatus": group.status,
    }
    return summary | ({"ModelPackageGroupDescription": group.description} if group.description is not None else {})


LISTING: Listing[Group] = Listing(summary=_summary, key="ModelPackageGroupSummaryList", order="Ascending")


def list_groups(context: RequestContext, request: Request) -> Response:
    """ListModelPackageGroups."""
    return LISTING.page(store(context).groups.all(), request)


def named_group(context: RequestContext, name: str) -> Group:
    """Return a group by name or ARN; raises the vendor's error for one that does not exist."""
    records: SageMakerStore = store(context)
    found: Group = records.groups.get(name, named=_arn(context, name))
    return found


def _arn(context: RequestContext, name: str) -> str:
    return name if name.startswith("arn:") else sagemaker_arn(context, "model-package-group", name)


OPERATIONS: Operations = {
    "CreateModelPackageGroup": create_group,
    "DeleteModelPackageGroup": delete_group,
    "DeleteModelPackageGroupPolicy": delete_policy,
    "DescribeModelPackageGroup": describe_group,
    "GetModelPackageGroupPolicy": get_policy,
    "ListModelPackageGroups": list_groups,
    "PutModelPackageGroupPolicy": put_policy,
}
