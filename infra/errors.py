"""The errors around running the program; one tree with components.errors at its root.

StileError (components.errors)
├── ConfigError        exit code 2
├── UsageError         exit code 2
├── ToolchainError     a program that Stile runs is missing or cannot be installed
├── LocalCloudError    a local cloud does not start, answer or stop
├── CloudError         a cloud's API refused what was asked
├── WrongCloud         a local environment would reach a real account, or a real one a stand-in
├── ProvisioningError  the engine's update failed
├── RunFailed          a pipeline or job failed
├── NothingPromoted    exit code 5
├── OverBudget         exit code 6
└── Interrupted        exit code 130
"""

from typing import ClassVar

from components.errors import ConfigError, Problem, StileError

__all__ = [
    "CloudError",
    "ConfigError",
    "Interrupted",
    "LocalCloudError",
    "NothingPromoted",
    "OverBudget",
    "Problem",
    "ProvisioningError",
    "RunFailed",
    "StileError",
    "ToolchainError",
    "UsageError",
    "WrongCloud",
]


class UsageError(StileError):
    """The command was given something that it does not take."""

    kind: ClassVar[str] = "usage"
    exit_code: ClassVar[int] = 2


class ToolchainError(StileError):
    """A program that Stile runs is missing, too old, or cannot be installed."""

    kind: ClassVar[str] = "toolchain"


class LocalCloudError(StileError):
    """A local cloud does not start, answer or stop."""

    kind: ClassVar[str] = "local-cloud"


class CloudError(StileError):
    """A cloud's API refused what was asked."""

    kind: ClassVar[str] = "cloud"


class WrongCloud(StileError):  # noqa: N818 - it names what would have happened
    """A local environment would have reached a real account, or a real one a local stand-in; nothing was changed."""

    kind: ClassVar[str] = "wrong-cloud"


class ProvisioningError(StileError):
    """The engine's preview, up, refresh or destroy failed."""

    kind: ClassVar[str] = "provisioning"


class RunFailed(StileError):  # noqa: N818 - it names an outcome, as NothingPromoted does
    """A pipeline execution or one of its jobs failed."""

    kind: ClassVar[str] = "run"


class NothingPromoted(StileError):  # noqa: N818 - it names an outcome
    """Govern promoted no candidate; each was flagged with its reason."""

    kind: ClassVar[str] = "nothing-promoted"
    exit_code: ClassVar[int] = 5


class OverBudget(StileError):  # noqa: N818 - it names an outcome
    """A configuration is estimated to cost more than its own budget; nothing was changed."""

    kind: ClassVar[str] = "over-budget"
    exit_code: ClassVar[int] = 6


class Interrupted(StileError):  # noqa: N818 - it names an outcome
    """The user stopped the command."""

    kind: ClassVar[str] = "interrupted"
    exit_code: ClassVar[int] = 130
