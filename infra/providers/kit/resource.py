"""What a resource type and a plugin are to the servicer: the calls, their answers, and the errors they may raise.

Every value handed to a resource is revealed (no Secret); the servicer marks what comes back as secret where the
inputs were. A resource may return Secret itself for a value that is secret in its own right. Unknown values are
`values.UNKNOWN` and come in previews only.
"""

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from threading import Event

from infra.providers.kit.values import Properties


class PluginError(Exception):
    """A call that failed; its text is what the user reads."""


class CallFailed(PluginError):  # noqa: N818 - it names what happened
    """The cloud answered a call with an error.

    Attributes:
        code: the vendor's error code, such as `NoSuchBucket` or `404`.
        text: the vendor's message.
    """

    def __init__(self, operation: str, code: str, text: str) -> None:
        super().__init__(f"{operation}: {code}: {text}")
        self.code = code
        self.text = text

    def means(self, codes: tuple[str, ...]) -> bool:
        """Say whether this is one of the errors; each is a code, or a code and a part of the message (`Code: part`)."""
        for wanted in codes:
            code, _, part = wanted.partition(": ")
            if code == self.code and part.lower() in self.text.lower():
                return True
        return False


class Cancelled(PluginError):  # noqa: N818 - it names an outcome
    """The engine asked the plugin to stop while a call was waiting."""


class InitFailed(PluginError):  # noqa: N818 - the engine's own word
    """The resource exists under an id, but did not become what was asked.

    The engine records id, outputs and inputs, and the next update goes on from there.
    """

    def __init__(self, message: str, *, id: str, outputs: Properties, inputs: Properties | None = None) -> None:  # noqa: A002
        super().__init__(message)
        self.id = id
        self.outputs = outputs
        self.inputs = inputs


@dataclass(frozen=True)
class Failure:
    """One input that Check refuses: its property path and why."""

    property: str
    reason: str


class Autonaming(Enum):
    """How the stack's configuration wants names to be made."""

    DEFAULT = "default"
    PROPOSE = "propose"
    ENFORCE = "enforce"
    DISABLE = "disable"


@dataclass(frozen=True)
class CheckCall:
    """Are these inputs valid? `olds` are the last checked inputs, empty at creation."""

    urn: str
    name: str
    news: Properties
    olds: Properties = field(default_factory=dict)
    random_seed: bytes = b""
    autonaming: Autonaming = Autonaming.DEFAULT
    proposed_name: str = ""


@dataclass(frozen=True)
class Checked:
    """The inputs to go on with (names and defaults filled in), and what is wrong with them."""

    inputs: Properties
    failures: Sequence[Failure] = ()


class Change(Enum):
    """What happens to one property; the replacing ones cannot happen in place."""

    ADD = "add"
    ADD_REPLACE = "add-replace"
    DELETE = "delete"
    DELETE_REPLACE = "delete-replace"
    UPDATE = "update"
    UPDATE_REPLACE = "update-replace"

    @property
    def replaces(self) -> bool:
        """Whether the change needs a new resource."""
        return self.value.endswith("-replace")


@dataclass(frozen=True)
class DiffCall:
    """What would change? `olds` are the recorded outputs, `news` the checked inputs."""

    urn: str
    id: str
    olds: Properties
    news: Properties
    old_inputs: Properties = field(default_factory=dict)
    ignore_changes: Sequence[str] = ()


@dataclass(frozen=True)
class Diff:
    """The changes by property path, such as `rules[0].status`; none means that nothing is to be done."""

    changes: Mapping[str, Change] = field(default_factory=dict)
    delete_before_replace: bool = False
    stables: Sequence[str] = ()
    # whether the paths compare the old inputs with the new ones, instead of the old outputs
    of_inputs: bool = False


@dataclass(frozen=True)
class CreateCall:
    """Make the resource; with `preview`, only say what would come (UNKNOWN for what the cloud will choose)."""

    urn: str
    name: str
    inputs: Properties
    preview: bool = False
    timeout_seconds: float | None = None


@dataclass(frozen=True)
class ReadCall:
    """What is there under this id? For an import, inputs and outputs are empty."""

    urn: str
    name: str
    id: str
    inputs: Properties = field(default_factory=dict)
    outputs: Properties = field(default_factory=dict)

    @property
    def importing(self) -> bool:
        """Whether nothing is recorded yet about the resource."""
        return not self.inputs and not self.outputs


@dataclass(frozen=True)
class UpdateCall:
    """Change the resource in place; `olds` are the recorded outputs, `inputs` the new checked inputs."""

    urn: str
    name: str
    id: str
    olds: Properties
    inputs: Properties
    old_inputs: Properties = field(default_factory=dict)
    ignore_changes: Sequence[str] = ()
    preview: bool = False
    timeout_seconds: float | None = None


@dataclass(frozen=True)
class DeleteCall:
    """Remove the resource; one that is gone already is removed."""

    urn: str
    name: str
    id: str
    outputs: Properties
    inputs: Properties = field(default_factory=dict)
    timeout_seconds: float | None = None


@dataclass(frozen=True)
class Created:
    """A resource's id and its recorded outputs. In a preview the id is empty."""

    id: str
    outputs: Properties


@dataclass(frozen=True)
class Found:
    """What is live: its id, its outputs, and the inputs that would make it."""

    id: str
    outputs: Properties
    inputs: Properties


class Resource(ABC):
    """One resource type; calls come in parallel threads, so keep no state of one call for the next.

    Each method may raise PluginError (its text is shown to the user); create and update also InitFailed.
    """

    def check(self, call: CheckCall) -> Checked:
        """Validate the inputs, fill in names and defaults; what nothing understands is a failure, never dropped."""
        return Checked(call.news)

    @abstractmethod
    def diff(self, call: DiffCall) -> Diff:
        """Say what would change between what is recorded and the new inputs."""

    @abstractmethod
    def create(self, call: CreateCall) -> Created:
        """Make the resource and return its id and outputs."""

    @abstractmethod
    def read(self, call: ReadCall) -> Found | None:
        """Return what is live, or None only when the cloud said that it is not there."""

    @abstractmethod
    def update(self, call: UpdateCall) -> Properties:
        """Change the resource in place and return its outputs."""

    @abstractmethod
    def delete(self, call: DeleteCall) -> None:
        """Remove the resource."""


class Log(ABC):
    """Where a plugin tells the user something; the engine shows it beside the resource."""

    @abstractmethod
    def say(self, message: str, *, urn: str = "", severity: str = "info", passing: bool = False) -> None:
        """Show a message; severity is debug, info, warning or error; a passing one is shown only until the next."""


class Plugin(ABC):
    """A resource plugin: its types, its configuration, its functions.

    Attributes:
        name: the package, such as `aws`.
        version: its version, as the program's SDK asks for it.
        cancelled: set when the engine wants running calls to end; waits must watch it.
        log: set by the server before the first call.
    """

    name: str
    version: str
    log: Log

    def __init__(self) -> None:
        self.cancelled = Event()

    @abstractmethod
    def resource(self, token: str) -> Resource:
        """Return the type behind a token such as `aws:s3/bucket:Bucket`. Raises PluginError if there is none."""

    def check_stack(self, stack: str) -> None:  # noqa: B027 - most take any
        """Refuse to work for a stack; called before check_config and configure. Raises PluginError."""

    def check_config(self, inputs: Properties) -> Iterable[Failure]:
        """Say what is wrong with the provider's configuration."""
        return ()

    def configure(self, inputs: Properties) -> None:  # noqa: B027 - a plugin may need none
        """Take the configuration; called once, before any resource."""

    def invoke(self, token: str, args: Properties) -> Properties:
        """Answer a function such as `aws:index/getRegion:getRegion`. Raises PluginError if there is none."""
        raise PluginError(f"{self.name} has no function {token}")

    def schema(self) -> str:
        """Return the package's schema as JSON; names and version are enough for the engine."""
        import json

        return json.dumps({"name": self.name, "version": self.version})
