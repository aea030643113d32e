"""What stands in the cloud of an environment that is up: its bucket, its models, and the cloud to ask about them."""

from collections.abc import Mapping
from dataclasses import dataclass

from infra.clouds import Cloud, connect
from infra.clouds.words import WORDS, Words
from infra.engine import Session
from infra.engine.recovery import is_new_boot
from infra.environments import read_config
from infra.errors import UsageError


@dataclass(frozen=True)
class DeployedModel:
    """One model of a platform, by the names that its resources have in the cloud.

    Attributes:
        endpoint: None while nothing is released.
    """

    name: str
    pipeline: str
    group: str
    endpoint: str | None


@dataclass(frozen=True)
class Deployed:
    """A platform that is up.

    Attributes:
        bucket: the data bucket's name.
        tracking: the tracking server's ARN or URL.
    """

    session: Session
    cloud: Cloud
    bucket: str
    tracking: str
    models: Mapping[str, DeployedModel]

    @property
    def name(self) -> str:
        """The environment's name."""
        return self.session.environment.name

    @property
    def words(self) -> Words:
        """What the things of its cloud are called."""
        return WORDS[self.session.environment.cloud]

    def model(self, wanted: str | None) -> DeployedModel:
        """The model of that name, or the only one.

        Raises:
            UsageError: there is none of that name, or there are several and none was named.
        """
        known = ", ".join(sorted(self.models))
        if wanted is not None and wanted not in self.models:
            raise UsageError(f"{self.name} has no model {wanted!r}", fix=f"one of: {known}")
        if wanted is None and len(self.models) != 1:
            raise UsageError(f"{self.name} has several models", fix=f"--model, one of: {known}")
        return self.models[wanted] if wanted is not None else next(iter(self.models.values()))

    def use_case(self, model: DeployedModel) -> str:
        """The use case that the stack's config names for a model."""
        config = read_config(self.session.environment.config_path)
        return str(config["stile:platform"]["models"][model.name]["use_case"])


def find_deployed(session: Session) -> Deployed:
    """Find what stands in the cloud of an environment.

    Raises:
        UsageError: it is not up, or its local cloud has started anew and holds nothing.
    """
    name = session.environment.name
    outputs = session.outputs()
    if "data_bucket" not in outputs:
        raise UsageError(f"{name} is not up", fix=f"./stile up {name}")
    if is_new_boot(session):
        raise UsageError(f"the local cloud of {name} started anew and holds nothing yet", fix=f"./stile up {name}")
    models = {
        model: DeployedModel(model, facts["pipeline"], facts["model_package_group"], facts.get("endpoint"))
        for model, facts in outputs["models"].items()
    }
    cloud = connect(session.environment.cloud, session.variables(outputs))
    return Deployed(session, cloud, outputs["data_bucket"], outputs["tracking_uri"], models)
