"""`stile cost --diff`: what stands, by the environment's state, against what its configuration declares.

The state is read by the engine's CLI; no cloud, plugin or preview is asked.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from infra.cli.cost_asked import Answer, configured, priced
from infra.environments import Environment
from infra.errors import ProvisioningError


def answer(environment: Environment, *, released: bool) -> Answer:
    """Answer what the next `up` will add or save.

    Raises:
        ConfigError: the configuration or the usage is wrong.
        ToolchainError, ProvisioningError: the state cannot be read.
    """
    from infra.cost import diff_view
    from infra.cost.deployed import deployed
    from infra.cost.diff import difference
    from infra.cost.plan import plan

    declared = plan(environment.name, configured(environment, released=released))
    stands = deployed(declared, resources_of(environment))
    *before, after = priced(environment, *filter(None, (stands, declared)))
    found = difference(before[0] if before else None, after)
    return Answer(
        document=lambda: diff_view.document(found),
        markdown=lambda: diff_view.markdown(found),
        table=lambda: diff_view.table(found),
        remarks=lambda: diff_view.remarks(found),
        closing=diff_view.closing(found),
    )


def resources_of(environment: Environment) -> Sequence[Mapping[str, Any]]:
    """Return the resources of an environment's state, secrets in the clear; none if it was never deployed."""
    if environment.is_local and not environment.backend_dir.is_dir():
        return ()
    from pulumi import automation

    from infra.engine import operations
    from infra.engine.events import last_words
    from infra.engine.session import session_as_it_stands

    session = session_as_it_stands(environment)
    if session is None:
        return ()
    try:
        return operations.resources_of(session)
    except automation.CommandError as error:
        raise ProvisioningError(f"the state of {environment.name} cannot be read: {last_words(str(error))}") from error
