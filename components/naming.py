"""Physical names, their limits, and the settled tags: the only place that puts a name together."""

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
        """Return the tags of a resource of this stage; all are legal as labels on Google Cloud too."""
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


def longest_names(naming: Naming, models: tuple[str, ...]) -> list[Longest]:
    """Return the longest names of every kind that has a tight limit.

    The limits are the vendor's: IAM roles 64, buckets 63, SageMaker's models, endpoint configurations, endpoints and
    package groups 63 (the service models of botocore say so). 63 holds as well for labels on Google Cloud.
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
