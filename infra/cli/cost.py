"""`stile cost`: what an environment will cost in a month, before it exists; no engine, plugin, network or account."""

import copy
import sys
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Annotated, Any

import typer

from infra.cli import console
from infra.cli.options import DEFAULT_ENVIRONMENT, EnvironmentName, Json
from infra.environments import find_environment, read_config
from infra.errors import UsageError

# Stands in for a version that is not registered yet: a price does not depend on which it is.
ANY_RELEASE = {"version": "1", "sha256": "0" * 64}


def command(
    environment: EnvironmentName = DEFAULT_ENVIRONMENT,
    released: Annotated[
        bool, typer.Option("--released", help="As if every model were released: with their endpoints.")
    ] = False,
    markdown: Annotated[bool, typer.Option("--markdown", help="Write Markdown for a pull request on stdout.")] = False,
    json: Json = False,
) -> None:
    """Show what an environment will cost in a month, line by line, each with the source of its price."""
    from infra.cost import report
    from infra.cost.book import read_book
    from infra.cost.estimate import estimate
    from infra.cost.model import cost_model
    from infra.cost.plan import plan
    from infra.cost.usage import read_usage, usage_path

    if markdown and json:
        raise UsageError("--markdown and --json both want stdout", fix="leave one of them out")
    found = find_environment(environment)
    config = read_config(found.config_path)
    planned = plan(found.name, with_releases(config) if released else config)
    usage = read_usage(usage_path(found.root, found.name), planned.models)
    estimated = estimate(planned, usage, read_book(), cost_model(planned.cloud))
    today = datetime.now(tz=UTC).date()
    if json:
        console.emit("cost", report.document(estimated, today))
        return
    if markdown:
        sys.stdout.write(report.markdown(estimated, today))
        return
    console.terminal().print(report.table(estimated))
    for remark in report.remarks(estimated, today):
        console.say(f"  {remark}")
    console.say(f"{found.name} will cost {report.total(estimated)}")


def with_releases(config: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return a configuration in which every model without a release has one."""
    changed = copy.deepcopy(dict(config))
    platform = changed.get("stile:platform")
    models = platform.get("models") if isinstance(platform, dict) else None
    for model in models.values() if isinstance(models, dict) else ():
        if isinstance(model, dict):
            model.setdefault("release", ANY_RELEASE)
    return changed
