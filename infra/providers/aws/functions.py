"""The functions of the AWS package that programs call (`aws.get_region()` and the like)."""

import json
import zlib
from collections.abc import Callable, Mapping
from typing import Any, Final

from infra.providers.aws.cloud import Cloud
from infra.providers.kit.resource import PluginError
from infra.providers.kit.values import Properties

_PARTITION: Final = {"id": "aws", "partition": "aws", "dnsSuffix": "amazonaws.com", "reverseDnsPrefix": "com.amazonaws"}


def answer(cloud: Cloud, token: str, args: Properties) -> Properties:
    """Answer a function. Raises PluginError if the stand-in does not know it, or an argument of it."""
    function = _FUNCTIONS.get(token)
    if function is None:
        raise PluginError(f"the local stand-in does not know the function {token}")
    return function(cloud, args)


def _caller_identity(cloud: Cloud, args: Properties) -> Properties:
    _only(args)
    who = cloud.call("sts", "GetCallerIdentity")
    return {"id": who["Account"], "accountId": who["Account"], "arn": who["Arn"], "userId": who["UserId"]}


def _region(cloud: Cloud, args: Properties) -> Properties:
    _only(args, "name", "region", "endpoint", "id")
    region = args.get("region") or args.get("name") or cloud.region
    return {
        "id": region,
        "name": region,
        "region": region,
        "description": region,
        "endpoint": f"ec2.{region}.amazonaws.com",
    }


def _partition(cloud: Cloud, args: Properties) -> Properties:
    _only(args, "id")
    return dict(_PARTITION)


def _policy_document(cloud: Cloud, args: Properties) -> Properties:
    """Write a policy as the real function does: empty parts left out, single values unwrapped."""
    _only(args, "statements", "version", "policyId", "sourcePolicyDocuments", "overridePolicyDocuments")
    if args.get("sourcePolicyDocuments") or args.get("overridePolicyDocuments"):
        raise PluginError("the local stand-in does not merge policy documents")
    document: dict[str, Any] = {"Version": args.get("version") or "2012-10-17"}
    if args.get("policyId"):
        document["Id"] = args["policyId"]
    document["Statement"] = [_statement(row) for row in args.get("statements") or ()]
    text = json.dumps(document, indent=2)
    minified = json.dumps(document, separators=(",", ":"))
    return {**args, "id": str(zlib.crc32(minified.encode())), "json": text, "minifiedJson": minified}


def _statement(row: Mapping[str, Any]) -> dict[str, Any]:
    made: dict[str, Any] = {"Sid": row.get("sid"), "Effect": row.get("effect") or "Allow"}
    for member in ("actions", "notActions", "resources", "notResources"):
        made[member[0].upper() + member[1:-1]] = _one_or_many(row.get(member))
    for member in ("principals", "notPrincipals"):
        made[member[0].upper() + member[1:-1]] = _principals(row.get(member) or ())
    made["Condition"] = _conditions(row.get("conditions") or ())
    return {key: value for key, value in made.items() if value}


def _one_or_many(values: Any) -> Any:
    ordered = sorted(values or (), reverse=True)  # as the real function orders them
    return ordered[0] if len(ordered) == 1 else ordered


def _principals(rows: Any) -> Any:
    if [(row["type"], row["identifiers"]) for row in rows] == [("*", ["*"])]:
        return "*"
    return {row["type"]: _one_or_many(row["identifiers"]) for row in rows}


def _conditions(rows: Any) -> dict[str, Any]:
    found: dict[str, dict[str, Any]] = {}
    for row in rows:
        values = row["values"]
        found.setdefault(row["test"], {})[row["variable"]] = values[0] if len(values) == 1 else list(values)
    return found


def _only(args: Properties, *known: str) -> None:
    unknown = sorted(args.keys() - set(known))
    if unknown:
        raise PluginError(f"the local stand-in does not support the arguments {', '.join(unknown)}")


_FUNCTIONS: Mapping[str, Callable[[Cloud, Properties], Properties]] = {
    "aws:index/getCallerIdentity:getCallerIdentity": _caller_identity,
    "aws:index/getRegion:getRegion": _region,
    "aws:index/getPartition:getPartition": _partition,
    "aws:iam/getPolicyDocument:getPolicyDocument": _policy_document,
}
