"""The tree of errors that a user can meet; every other module raises one of these for a user's mistake.

StileError
├── ConfigError        wrong configuration: every problem at once (exit code 2)
└── (infra.errors adds what can go wrong around the program)
"""

from dataclasses import dataclass
from typing import ClassVar


class StileError(Exception):
    """Something a person can mend: says what is wrong, where, and what to do.

    Attributes:
        kind: a stable word for scripts, such as `config`.
        path: the property path or file that is meant, if there is one.
        fix: what to do about it, if that is known.
        exit_code: the process's exit code when the error reaches the command line.
    """

    kind: ClassVar[str] = "failed"
    exit_code: ClassVar[int] = 1

    def __init__(self, message: str, *, path: str | None = None, fix: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.path = path
        self.fix = fix


@dataclass(frozen=True)
class Problem:
    """One thing wrong with a configuration.

    Attributes:
        path: property path from the config's root, such as `stile:platform.models.flights.endpoint.kind`.
        value: what stands there, as text; empty if nothing does.
        allowed: what may stand there.
        fix: the change that mends it.
    """

    path: str
    value: str
    allowed: str
    fix: str


class ConfigError(StileError):
    """The configuration is wrong; holds every problem found, not just the first."""

    kind: ClassVar[str] = "config"
    exit_code: ClassVar[int] = 2

    def __init__(self, problems: tuple[Problem, ...]) -> None:
        super().__init__(
            f"{len(problems)} problem{'s' if len(problems) != 1 else ''} in the configuration",
            path=problems[0].path,
            fix=problems[0].fix,
        )
        self.problems = problems
