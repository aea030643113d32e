"""Physical names, their limits, and the settled tags: the only place that puts a name together."""

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass

RANDOM_DIGITS = 8
"""What the engine adds to the names it completes: a hyphen and seven hexadecimal digits."""

CONTENT_DIGITS = 8
LONGEST_VERSION = "v999999"


@dataclass(frozen=True)
class Naming:
    """The names and tags of one environment of one platform.

    Attributes:
        platform: `stile:platform.name`.
        environment: the stack's name.
        owner: who answers for it.
    """

    platform: str
    environment: str
    owner: str

    @property
    def prefix(self) -> str:
        """What every physical name begins with."""
        return f"{self.platform}-{self.environment}"

    def of(self, *parts: str) -> str:
        """Return the physical name made of the prefix and these parts."""
        return "-".join((self.prefix, *parts))

    def tags(self, stage: str, model: str | None = None) -> dict[str, str]:
        """Return the tags of a resource of this stage: labels on Google Cloud, where all of them are legal too."""
        tags = {
            "stile-stack": self.prefix,
            "stile-environment": self.environment,
            "stile-stage": stage,
            "stile-owner": self.owner,
        }
        return tags | ({"stile-model": model} if model else {})


@dataclass(frozen=True)
class Longest:
    """The longest physical name of one kind.

    Attributes:
        what: the kind of resource, for people.
        name: the longest name that this environment would give one.
        limit: how many characters the cloud takes.
        model: the model whose name is in it, if any.
    """

    what: str
    name: str
    limit: int
    model: str | None = None

    @property
    def excess(self) -> int:
        """How many characters are too many; 0 or less if it fits."""
        return len(self.name) - self.limit


def digits(text: str, count: int) -> str:
    """Return so many decimal digits that stand for a text, the first of them not 0."""
    smallest = 10 ** (count - 1)
    return str(smallest + int(hashlib.sha256(text.encode()).hexdigest(), 16) % (9 * smallest))


def longest_names(cloud: str, naming: Naming, models: tuple[str, ...]) -> list[Longest]:
    """Return the longest names of every kind that has a tight limit on a cloud."""
    return _LONGEST[cloud](naming, models)


def _longest_on_aws(naming: Naming, models: tuple[str, ...]) -> list[Longest]:
    """The limits are the vendor's, as the service models of botocore say.

    IAM roles 64, buckets 63, SageMaker's models, endpoint configurations, endpoints and package groups 63.
    """
    random = "-" + "0" * (RANDOM_DIGITS - 1)
    names = [
        Longest("the roles", naming.of("pipeline"), 64),
        Longest("the data bucket", naming.of("data") + random, 63),
    ]
    for model in models:
        content = "0" * CONTENT_DIGITS
        longest = naming.of(model, LONGEST_VERSION, content) + random
        names.append(Longest(f"the endpoint configurations of {model}", longest, 63, model))
    return names


def _longest_on_gcp(naming: Naming, models: tuple[str, ...]) -> list[Longest]:
    """The limits are the vendor's, as the discovery documents and manuals say.

    Service accounts 30 (iam v1, accountId), custom roles 64 (iam v1, roleId), models 63 (aiplatform v1, modelId), Cloud
    Run services 49 (https://cloud.google.com/run/docs/reference/rest/v2/projects.locations.services/create).
    """
    names = [
        Longest("the service accounts", naming.of("pipeline"), 30),
        Longest("MLflow's service", naming.of("mlflow"), 49),
    ]
    for model in models:
        names.append(Longest(f"the registered model {model}", naming.of(model), 63, model))
        names.append(
            Longest(f"the custom roles of {model}", naming.of("evaluate", "registry", model, "reads"), 64, model)
        )
    return names


_LONGEST: Mapping[str, Callable[[Naming, tuple[str, ...]], list[Longest]]] = {
    "aws": _longest_on_aws,
    "gcp": _longest_on_gcp,
}
