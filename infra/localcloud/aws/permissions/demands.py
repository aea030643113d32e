"""What a request needs to be allowed: its actions and resources, by the table of the vendor's own reference."""

import functools
import itertools
import re
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import jmespath
from localstack.aws.api import RequestContext

from infra.localcloud.aws.permissions.encryption import KEY, key_of
from infra.localcloud.aws.permissions.policies import Demand

TABLE = Path(__file__).with_name("actions.toml")
ANY = "*"
PASS_ROLE = "iam:PassRole"  # noqa: S105 - an action
COPY_SOURCE = "CopySource"  # <bucket>/<key>, quoted
TAGS = "Tags"
CONTENTS = ("Body", "Checksum", "Content", "PipelineDefinition")
_FIELD = re.compile(r"{([^}]+)}")


@dataclass(frozen=True)
class Asked:
    """A request, as far as permissions go.

    Attributes:
        service, operation: botocore's names.
        place: partition, region and account, for ARNs.
        members: the request's parameters.
    """

    service: str
    operation: str
    place: Mapping[str, str]
    members: Mapping[str, Any]

    @property
    def table(self) -> Mapping[str, Any]:
        """The service's table; empty for a service that has none."""
        found: Mapping[str, Any] = _tables().get(self.service, {})
        return found

    @property
    def rule(self) -> str:
        """The action of an operation for which the table says nothing else."""
        return f"{self.table.get('prefix', self.service)}:{self.operation}"

    def told(self) -> dict[str, Any]:
        """Return the request for the record: its plain parameters and tags, without contents and what guards those."""
        plain = {
            name: value
            for name, value in self.members.items()
            if name == TAGS or (isinstance(value, str | int | bool) and not name.startswith(CONTENTS))
        }
        return {"service": self.service, "operation": self.operation, "request": plain}


def asked_of(context: RequestContext) -> Asked:
    """Return what a parsed request of LocalStack's asks for."""
    if context.service is None or context.operation is None:
        raise ValueError("a request that is not parsed asks for nothing")
    place = {"partition": context.partition, "region": context.region, "account": context.account_id}
    return Asked(context.service.service_name, context.operation.name, place, context.service_request or {})


def demands_of(asked: Asked) -> Iterator[Demand]:
    """Yield all that a request needs, in the order in which the vendor judges it."""
    rows = asked.table.get("operations", {}).get(asked.operation, [{}])
    facts = _facts(asked)
    for row in rows:
        if _applies(row, asked.members):
            yield from (Demand(row.get("action", asked.rule), one, facts) for one in _resources(row, asked))
    yield from _besides(asked, facts)


def _besides(asked: Asked, facts: Mapping[str, str]) -> Iterator[Demand]:
    """Passing a role on, and tagging what is made, take permissions of their own."""
    for member in asked.table.get("passes", ()):
        if asked.members.get(member):
            yield Demand(PASS_ROLE, asked.members[member], {**facts, "iam:passedtoservice": asked.table["service"]})
    tagging = asked.table.get("tagging")
    if tagging and asked.members.get(TAGS) and asked.rule != tagging:
        yield from (Demand(tagging, one, facts) for one in _resources({}, asked))


def _applies(row: Mapping[str, str], members: Mapping[str, Any]) -> bool:
    wanted, unwanted = row.get("when"), row.get("unless")
    return (wanted is None or bool(members.get(wanted))) and (unwanted is None or not members.get(unwanted))


def _resources(row: Mapping[str, str], asked: Asked) -> Sequence[str]:
    resource = row.get("resource") or _usual(asked)
    if resource == KEY:
        key = key_of(asked.operation, asked.place, asked.members)
        return [key] if key else []
    return [ANY] if resource == ANY else _expanded(resource, asked)


def _usual(asked: Asked) -> str:
    found = (resource for member, resource in asked.table.get("resources", ()) if asked.members.get(member))
    return next(found, ANY)


def _expanded(template: str, asked: Asked) -> list[str]:
    """Fill a template with the request's values; a list gives a resource each, an ARN stands for itself."""
    fields = _FIELD.findall(template)
    values = [_values(field, asked) for field in fields]
    made = []
    for chosen in itertools.product(*values):
        if chosen and chosen[-1].startswith("arn:"):
            made.append(chosen[-1])
            continue
        by_field = dict(zip(fields, chosen, strict=True))
        text = _FIELD.sub(lambda match, known=by_field: known[match[1]], template)  # type: ignore[misc]
        made.append(text if text.startswith("arn:") else _named(text, asked))
    return made


def _values(field: str, asked: Asked) -> list[str]:
    if field in asked.place:
        return [asked.place[field]]
    found = jmespath.search(field, asked.members)
    if field == COPY_SOURCE:
        found = unquote(str(found)).lstrip("/").partition("?versionId=")[0]
    return [str(one) for one in (found if isinstance(found, list) else [found])]


def _named(resource: str, asked: Asked) -> str:
    name = resource.lower() if asked.table.get("small_letters") else resource
    return str(asked.table.get("arn", "")).format(**asked.place) + name


def _facts(asked: Asked) -> dict[str, str]:
    """Return the condition keys that are known; loopback stands for the vendor's TLS."""
    named = asked.table.get("facts", {})
    facts = {
        key.lower(): str(asked.members[name]) for key, name in named.items() if asked.members.get(name) is not None
    }
    tags = asked.members.get(TAGS)
    for tag in tags if isinstance(tags, list) else ():
        facts[f"aws:requesttag/{str(tag.get('Key')).lower()}"] = str(tag.get("Value"))
    return {**facts, "aws:requestedregion": asked.place["region"], "aws:securetransport": "true"}


@functools.cache
def _tables() -> Mapping[str, Any]:
    return tomllib.loads(TABLE.read_text())
