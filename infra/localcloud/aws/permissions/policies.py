"""Evaluates identity policies: which statements speak of a request, and what they decide together.

The rules: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_evaluation-logic.html. An explicit Deny
wins over every Allow, and what nothing allows is denied. Not evaluated: policy variables (a pattern that holds one
matches nothing) and the operators of numbers, dates, addresses and sets (a condition that holds one is not met).
"""

import enum
import functools
import logging
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

LOG = logging.getLogger(__name__)

Statement = Mapping[str, Any]
IF_EXISTS = "IfExists"


class Verdict(enum.Enum):
    """What policies say of a demand."""

    ALLOWED = "allowed"
    NOT_ALLOWED = "not allowed"
    FORBIDDEN = "forbidden"


@dataclass(frozen=True)
class Demand:
    """What a request needs to be allowed.

    Attributes:
        action: such as `s3:GetObject`.
        resource: the ARN that it acts on, or `*` where the action knows none.
        facts: the condition keys that are known of the request, in small letters.
    """

    action: str
    resource: str
    facts: Mapping[str, str] = field(default_factory=dict)


def judge(policies: Iterable[Mapping[str, Any]], demand: Demand) -> Verdict:
    """Decide by parsed policy documents whether a demand is granted."""
    speaking = [one for policy in policies for one in _list(policy.get("Statement")) if _speaks(one, demand)]
    effects = {statement["Effect"] for statement in speaking}
    if "Deny" in effects:
        return Verdict.FORBIDDEN
    return Verdict.ALLOWED if "Allow" in effects else Verdict.NOT_ALLOWED


def trusts(policy: Mapping[str, Any], service: str) -> bool:
    """Say whether a role's trust policy lets a service, such as `sagemaker.amazonaws.com`, assume the role."""
    found = [
        statement["Effect"]
        for statement in _list(policy.get("Statement"))
        if _named(statement, service) and _any(_list(statement.get("Action")), "sts:AssumeRole", any_case=True)
    ]
    return "Allow" in found and "Deny" not in found


def _named(statement: Statement, service: str) -> bool:
    principal = statement.get("Principal", {})
    return principal == "*" or service in _list(principal.get("Service"))


def _speaks(statement: Statement, demand: Demand) -> bool:
    return (
        _concerns(statement, "Action", demand.action, any_case=True)
        and _concerns(statement, "Resource", demand.resource, any_case=False)
        and _met(statement.get("Condition", {}), demand.facts)
    )


def _concerns(statement: Statement, element: str, value: str, *, any_case: bool) -> bool:
    if f"Not{element}" in statement:
        return not _any(_list(statement[f"Not{element}"]), value, any_case=any_case)
    return _any(_list(statement.get(element)), value, any_case=any_case)


def _any(patterns: Iterable[str], value: str, *, any_case: bool) -> bool:
    return any(_pattern(pattern, any_case).fullmatch(value) for pattern in patterns)


@functools.lru_cache(maxsize=4096)
def _pattern(text: str, any_case: bool) -> re.Pattern[str]:
    if "${" in text:
        return re.compile(r"(?!)")
    wild = re.escape(text).replace(r"\*", ".*").replace(r"\?", ".")
    return re.compile(wild, re.DOTALL | (re.IGNORECASE if any_case else 0))


def _met(condition: Mapping[str, Mapping[str, Any]], facts: Mapping[str, str]) -> bool:
    return all(
        _holds(operator, key.lower(), _list(wanted), facts)
        for operator, keys in condition.items()
        for key, wanted in keys.items()
    )


def _holds(operator: str, key: str, wanted: Sequence[str], facts: Mapping[str, str]) -> bool:
    name = operator.removesuffix(IF_EXISTS)
    found = facts.get(key)
    if name == "Null":
        return (str(wanted[0]).lower() == "true") == (found is None)
    negated = "Not" in name
    test = OPERATORS.get(name.replace("Not", ""))
    if test is None:
        LOG.warning("the condition operator %s is not evaluated: the condition counts as not met", operator)
        return False
    if found is None:
        return negated or operator.endswith(IF_EXISTS)
    return negated != any(test(str(one), found) for one in wanted)


def _equal(wanted: str, found: str) -> bool:
    return wanted == found


def _equal_in_any_case(wanted: str, found: str) -> bool:
    return wanted.lower() == found.lower()


def _like(wanted: str, found: str) -> bool:
    return _pattern(wanted, False).fullmatch(found) is not None


# https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_condition_operators.html; the operators
# with Not are the opposites of these.
OPERATORS: Mapping[str, Callable[[str, str], bool]] = {
    "StringEquals": _equal,
    "StringEqualsIgnoreCase": _equal_in_any_case,
    "StringLike": _like,
    "ArnEquals": _like,
    "ArnLike": _like,
    "Bool": _equal_in_any_case,
}


def _list(value: Any) -> list[Any]:
    """Return an element of a policy as a list; a single one may stand alone in it."""
    if value is None:
        return []
    return list(value) if isinstance(value, list | tuple) else [value]
