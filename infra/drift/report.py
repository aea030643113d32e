"""What a drift report holds, and how its three parts become one status and one exit code."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

Status = Literal["ok", "drift", "unknown"]
# What drifts is said whatever else could not be judged.
WORST_FIRST: tuple[Status, ...] = ("drift", "unknown", "ok")
EXIT_CODES: Mapping[Status, int] = {"ok": 0, "drift": 3, "unknown": 4}


@dataclass(frozen=True)
class Finding:
    """One thing that is not as it should be, or could not be judged.

    Attributes:
        kind: in infra `changed`, `gone`, `unmanaged`, `kept` or `unreadable`; in data and quality the monitor's word.
        about: what it is about: a URN, a cloud's resource, or a model and its column.
        told: one sentence for people.
        status: `ok` for what is told only so that nobody wonders.
        values: what scripts want beside: property, expected, actual, id, and the like.
    """

    kind: str
    about: str
    told: str
    status: Status = "drift"
    values: Mapping[str, Any] = field(default_factory=dict)

    def document(self) -> dict[str, Any]:
        """Return it for scripts."""
        return {"kind": self.kind, "status": self.status, "about": self.about, "told": self.told, **self.values}


@dataclass(frozen=True)
class Part:
    """Infra, data or quality.

    Attributes:
        told: in one sentence, how it stands.
        findings: worst first.
    """

    status: Status
    told: str
    findings: Sequence[Finding] = ()

    def document(self) -> dict[str, Any]:
        """Return it for scripts."""
        return {"status": self.status, "told": self.told, "findings": [one.document() for one in self.findings]}


@dataclass(frozen=True)
class Report:
    """One environment's report.

    Attributes:
        models: what the monitor last said of each model, whole; a model of which it said nothing is not in it.
        fixes: what can be done, each as a command and what it does; nothing is done by itself.
    """

    environment: str
    cloud: str
    at: datetime
    infra: Part
    data: Part
    quality: Part
    models: Mapping[str, Mapping[str, Any]]
    fixes: Sequence[tuple[str, str]]

    @property
    def parts(self) -> Mapping[str, Part]:
        """The parts by their names, in the order in which they are told."""
        return {"infra": self.infra, "data": self.data, "quality": self.quality}

    @property
    def status(self) -> Status:
        """The worst of the parts."""
        return worst(part.status for part in self.parts.values())

    def document(self) -> dict[str, Any]:
        """Return it for scripts."""
        return {
            "environment": self.environment,
            "cloud": self.cloud,
            "at": self.at.isoformat(timespec="seconds"),
            "status": self.status,
            **{name: part.document() for name, part in self.parts.items()},
            "models": dict(self.models),
            "fixes": [{"command": command, "does": does} for command, does in self.fixes],
        }


def worst(statuses: Iterable[Status]) -> Status:
    """Return the worst of some statuses; of none, ok."""
    found = set(statuses)
    return next((status for status in WORST_FIRST if status in found), "ok")
