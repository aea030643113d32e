"""One case per resource type: what it is made of, how it changes in place and by replacement, and how it drifts."""

from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from typing import Any

Args = dict[str, Any]


@dataclass(frozen=True)
class Case:
    """How to take one type through its life.

    Attributes:
        token: the type.
        args: its first inputs.
        change: inputs that change in place; empty where the type knows no update.
        replace: inputs that need a new resource; empty where only another project would.
        drift: changes the live resource behind Pulumi's back, given its outputs; None where nobody can.
        drifts: the property that the drift must show.
        stays: why something is left after the deletion, where the real type leaves it.
        lacking: what the local cloud does not implement yet, so that the type cannot be deleted there; else empty.
        imported_without: inputs that the cloud does not give back, so that an import cannot know them.
        import_as: the id that an import is given, made of the recorded id and outputs, where it is not the id itself;
            None where the real type cannot be imported.
    """

    token: str
    args: Args
    change: Args
    replace: Args
    drift: Callable[[Any, Args], Any] | None
    drifts: str
    stays: str = ""
    lacking: str = ""
    imported_without: tuple[str, ...] = ()
    import_as: Callable[[str, Args], str] | None = lambda identity, _: identity

    @property
    def name(self) -> str:
        """The logical name of the case's resource."""
        return self.token.split(":")[-1].lower() + "-" + self.token.split(":")[1].split("/")[0]


MODULES = {
    "aws": ("iam", "s3", "other", "sagemaker"),
    "gcp": ("google_iam", "google_storage", "google_other", "google_monitoring", "google_sql"),
}


def all_cases(cloud: str, world: Any) -> list[Case]:
    """Every case of a cloud; building them makes what they need in it."""
    return [case for module in _modules(cloud) for case in module.cases(world)]


def tokens(cloud: str) -> list[str]:
    """The tokens of every case, without a cloud."""
    return [token for module in _modules(cloud) for token in module.TOKENS]


def _modules(cloud: str) -> list[Any]:
    return [import_module(f"{__name__}.{name}") for name in MODULES[cloud]]
