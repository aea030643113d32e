"""`stile cost --compare aws,gcp`: the same definition priced on both clouds, side by side."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from infra.cli.cost_asked import Answer, configured, usage_and_book
from infra.environments import Environment, read_cloud, read_config
from infra.errors import ConfigError, UsageError

if TYPE_CHECKING:
    from infra.cost.elsewhere import Place


def answer(environment: Environment, asked: str, *, released: bool) -> Answer:
    """Answer what one definition will cost on two clouds.

    Args:
        environment: whose definition and usage they are.
        asked: the clouds, with a comma between them.
        released: as if every model were released.

    Raises:
        UsageError: those are not two clouds.
        ConfigError: the configuration is wrong, or asks for what the other cloud lacks.
    """
    from infra.cost import compare_view
    from infra.cost.compare import compare
    from infra.cost.plan import plan

    clouds = clouds_of(asked)
    config = configured(environment, released=released)
    sides = [place(environment, config, cloud) for cloud in clouds]
    one, other = (plan(side.environment, side.config) for side in sides)
    found = compare((one, other), *usage_and_book(environment, one, other))
    files = sides[0].file, sides[1].file
    return Answer(
        document=lambda: compare_view.document(found, environment.name, files),
        markdown=lambda: compare_view.markdown(found, environment.name, files),
        table=lambda: compare_view.table(found),
        remarks=lambda: compare_view.remarks(found, environment.name, files),
        closing=compare_view.closing(found, environment.name),
    )


def clouds_of(asked: str) -> tuple[str, str]:
    """Return the two clouds that a text names; raises UsageError."""
    from infra.cost.book import CLOUDS

    named = [word.strip() for word in asked.split(",")]
    if sorted(named) != sorted(CLOUDS):
        raise UsageError(
            f"--compare takes two different clouds, not {asked!r}",
            path="--compare",
            fix=f"write --compare {','.join(CLOUDS)}",
        )
    return named[0], named[1]


def place(environment: Environment, config: Mapping[str, Any], cloud: str) -> "Place":
    """Return where the definition stands on a cloud: as it is on its own, else as its sibling says.

    Raises:
        ConfigError: the definition cannot stand there; nothing is priced then.
    """
    from infra.cost.elsewhere import Place, moved, refusal
    from infra.program import read

    if cloud == environment.cloud:
        return Place(environment.name, str(environment.config_path.relative_to(environment.root)), config)
    spec = read(environment.name, config)
    found = moved(config, cloud, sibling_of(environment, cloud), environment.name)
    try:
        read(found.environment, found.config)
    except ConfigError as error:
        raise refusal(spec, cloud, found, error) from error
    return found


def sibling_of(environment: Environment, cloud: str) -> "Place | None":
    """Return the environment of the same kind on another cloud, as aws-dev has gcp-dev; None if there is none."""
    from infra.cost.elsewhere import Place, sibling

    name = sibling(environment.name, environment.cloud, cloud)
    path = environment.config_path.with_name(f"Pulumi.{name}.yaml")
    if name is None or not path.is_file() or read_cloud(path) != cloud:
        return None
    return Place(name, str(path.relative_to(environment.root)), read_config(path))
