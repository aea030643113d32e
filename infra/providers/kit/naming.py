"""The names that a plugin makes: kept over updates, fresh on replacement, repeatable from the engine's seed."""

import hashlib
import secrets
from dataclasses import dataclass

from infra.providers.kit.resource import Autonaming, CheckCall


@dataclass(frozen=True)
class NameRule:
    """How a type's names are made.

    Attributes:
        property: the input that takes the name.
        max_length: in characters; 0 for no limit.
        separator: stands between the logical name and the random digits.
        random_digits: how many hexadecimal digits are added; 0 for none.
        lower: whether the name is written in lower case.
    """

    property: str
    max_length: int = 0
    separator: str = "-"
    random_digits: int = 7
    lower: bool = False


def autoname(call: CheckCall, rule: NameRule, *, was_automatic: bool) -> str | None:
    """Return the name for a resource whose program gives none, or None where the stack's configuration forbids one.

    `was_automatic` says that the old name, if there is one, was made here too: then it is kept. The engine sends
    no old inputs for a replacement, so that gets a fresh one.
    """
    old = call.olds.get(rule.property)
    if was_automatic and isinstance(old, str):
        return old
    match call.autonaming:
        case Autonaming.DISABLE:
            return None
        case Autonaming.ENFORCE:
            return call.proposed_name
        case Autonaming.PROPOSE:
            return _fitting(call.proposed_name, rule)
        case Autonaming.DEFAULT:
            return _random(call, rule)


def _fitting(name: str, rule: NameRule) -> str:
    cut = name[: rule.max_length] if rule.max_length else name
    return cut.lower() if rule.lower else cut


def _random(call: CheckCall, rule: NameRule) -> str:
    if not rule.random_digits:
        return _fitting(call.name, rule)
    seed = call.random_seed or secrets.token_bytes(32)
    digits = hashlib.sha256(seed + call.urn.encode()).hexdigest()[: rule.random_digits]
    ending = rule.separator + digits
    room = rule.max_length - len(ending) if rule.max_length else None
    stem = call.name.lower() if rule.lower else call.name
    return stem[:room] + ending
