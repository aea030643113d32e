"""Makes the drift report of one environment: asks the engine, the cloud and the monitor, and changes nothing."""

from collections.abc import Mapping, Sequence
from contextlib import closing
from datetime import UTC, datetime
from typing import Any

from infra.deployed import find_deployed
from infra.drift import models
from infra.drift.infrastructure import infrastructure
from infra.drift.models import Said
from infra.drift.report import Part, Report
from infra.engine.events import Watch
from infra.engine.session import Session, session_as_it_stands
from infra.environments import Environment
from infra.errors import CloudError, UsageError


def report(environment: Environment, watch: Watch) -> Report:
    """Return how an environment stands.

    Raises:
        UsageError: it was never deployed.
        ToolchainError: the toolchain is not installed.
        ProvisioningError: the stack cannot be opened.
    """
    session = session_as_it_stands(environment)
    if session is None:
        raise UsageError(f"{environment.name} was never deployed", fix=f"./stile up {environment.name}")
    now = datetime.now(UTC)
    infra = infrastructure(session, watch)
    said, silent = _said(session, now)
    data, quality = (Part("unknown", silent) if silent else models.part(name, said) for name in ("data", "quality"))
    known = {model: one.report for model, one in said.items() if one.report is not None}
    told = fixes(environment.name, infra, data, quality)
    return Report(environment.name, environment.cloud, now, infra, data, quality, known, told)


def _said(session: Session, now: datetime) -> tuple[Mapping[str, Said], str]:
    """Return what the monitor says of each model; the second value is why nobody can be asked."""
    if session.environment.is_local and session.cloud is None:
        return {}, "the local cloud does not run"
    try:
        deployed = find_deployed(session)
    except (UsageError, CloudError) as error:
        return {}, error.message
    with closing(deployed.cloud):
        return models.ask(deployed, now), ""


def fixes(name: str, infra: Part, data: Part, quality: Part) -> Sequence[tuple[str, str]]:
    """Return what can be done about a report, each as a command and what it does."""
    found: list[tuple[str, str]] = []
    kinds = {finding.kind for finding in infra.findings if finding.status == "drift"}
    if kinds & {"changed", "gone"}:
        found += [
            (f"./stile refresh {name} && ./stile up {name}", "puts back what was declared"),
            (f"./stile refresh {name}", "accepts what is there, until the next up: declare it too, to keep it"),
        ]
    if "unmanaged" in kinds:
        found.append(("delete it in the cloud", "or declare it and import it: pulumi import"))
    if infra.status == "unknown":
        found.append((f"./stile up {name}" if not infra.findings else "./stile doctor", "then look again"))
    if "drift" in {data.status, quality.status}:
        found.append((f"./stile run {name}", "trains anew on the newest data; govern decides whether it is better"))
    return found


def described(reports: Sequence[Report]) -> Mapping[str, Any]:
    """Return reports for scripts: one as it is, several with the worst status of all."""
    from infra.drift.report import worst

    if len(reports) == 1:
        return reports[0].document()
    return {"status": worst(one.status for one in reports), "environments": [one.document() for one in reports]}
