"""What holds data or models, and how much: `destroy` keeps it, and tells before `--with-data` deletes it."""

from collections.abc import Iterable
from contextlib import closing
from dataclasses import dataclass
from importlib import import_module
from typing import Protocol, cast

from infra.engine.events import short
from infra.engine.operations import resources_of
from infra.engine.session import Progress, Session

# cloud -> dotted name of the module, and its class
CONTENTS = {
    "aws": ("infra.engine.contents_aws", "AwsContents"),
    "gcp": ("infra.engine.contents_gcp", "GoogleContents"),
}


@dataclass(frozen=True)
class Holding:
    """Something that holds data or models, or is protected with it, and how much it holds.

    Attributes:
        urn: of the resource; of what no resource stands for, its name in the cloud.
        type, id: of the resource.
        amount: what is in it, in words; empty if it holds nothing of its own.
        is_resource: whether it is one of the stack's; what is none was made by the stack's jobs.
        is_kept: whether a plain `destroy` leaves it; not what an earlier one was to delete with its data.
    """

    urn: str
    type: str
    id: str
    amount: str
    is_resource: bool = True
    is_kept: bool = True


class Contents(Protocol):
    """Counts and deletes in the account of an environment; methods raise CloudError."""

    def holds(self, kind: str) -> bool:
        """True for a type of resource that must be empty before it goes, or that is counted."""

    def amount(self, kind: str, identity: str) -> str:
        """Return in words what a resource of this type and id holds, or becomes of it; empty if nothing is to say."""

    def empty(self, kind: str, identity: str) -> bool:
        """Delete everything that a resource holds and that would keep the cloud from deleting it; False if nothing."""

    def made_by_jobs(self) -> list[Holding]:
        """Return what the stack's jobs made that outlives them, and that no resource stands for."""

    def delete(self, holding: Holding) -> None:
        """Delete something that jobs made; nothing is left to do if it is gone."""

    def close(self) -> None:
        """Close the connections."""


def holdings(session: Session) -> list[Holding]:
    """Return what of an environment is protected or holds something, with what it holds.

    Raises:
        CloudError: the cloud does not say what something holds.
    """
    with closing(contents_of(session)) as contents:
        resources = [
            Holding(
                urn=resource["urn"],
                type=resource["type"],
                id=resource.get("id", ""),
                amount=contents.amount(resource["type"], resource.get("id", "")),
                is_kept=bool(resource.get("protect")),
            )
            for resource in resources_of(session)
            if resource.get("protect") or contents.holds(resource["type"])
        ]
        return [*resources, *contents.made_by_jobs()]


def empty(session: Session, going: Iterable[Holding], progress: Progress) -> None:
    """Delete everything that these resources hold, so that they can be deleted; raises CloudError."""
    with closing(contents_of(session)) as contents:
        for holding in going:
            if holding.is_resource and contents.empty(holding.type, holding.id):
                progress(f"emptied {short(holding.urn)}")


def delete_made_by_jobs(session: Session, going: Iterable[Holding], progress: Progress) -> None:
    """Delete those that no resource stands for, which nothing of the stack may use any more; raises CloudError."""
    with closing(contents_of(session)) as contents:
        for holding in (one for one in going if not one.is_resource):
            progress(f"deleting {holding.type} {holding.id}")
            contents.delete(holding)


def contents_of(session: Session) -> Contents:
    """Return what counts and deletes in the cloud of an environment; no other cloud's client is loaded."""
    module, name = CONTENTS[session.environment.cloud]
    return cast("Contents", getattr(import_module(module), name)(session))
