"""Runs steps that depend on each other: as many at once as may be, none again, and none that needs a failed one."""

import enum
import graphlib
import logging
import queue
import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

LOG = logging.getLogger(__name__)


class GraphError(Exception):
    """The steps are no graph that can run; `step` is one of those that make it so."""

    def __init__(self, step: str, message: str) -> None:
        super().__init__(message)
        self.step = step


@dataclass(frozen=True)
class Node:
    """A step, and the steps that must have succeeded before it."""

    name: str
    after: frozenset[str] = frozenset()


class Verdict(enum.Enum):
    """How a whole run ended."""

    SUCCEEDED = "succeeded"
    FAILED = "failed"
    STOPPED = "stopped"


def check(nodes: Sequence[Node]) -> None:
    """Raise GraphError for names given twice, unknown steps and cycles, in this order."""
    known: set[str] = set()
    for node in nodes:
        if node.name in known:
            raise GraphError(node.name, f"the step name {node.name!r} is given twice")
        known.add(node.name)
    for node in nodes:
        for unknown in sorted(node.after - known):
            raise GraphError(node.name, f"the step {node.name!r} needs {unknown!r}, which is not a step of it")
    try:
        graphlib.TopologicalSorter(_edges(nodes)).prepare()
    except graphlib.CycleError as error:
        circle: list[str] = error.args[1]
        raise GraphError(circle[0], f"the steps need each other in a circle: {' -> '.join(circle)}") from error


class DagRun:
    """One run of a graph that was checked.

    `execute` runs a step to its end, in a thread of its own, and says whether it succeeded; what it raises counts
    as a failure. After one no step begins, or with `fail_slow` those that need no failed one still do.
    """

    def __init__(
        self, nodes: Sequence[Node], execute: Callable[[str], bool], parallelism: int, *, fail_slow: bool = False
    ) -> None:
        if parallelism < 1:
            raise ValueError(f"at least one step must be able to run, not {parallelism}")
        self._nodes = nodes
        self._execute = execute
        self._parallelism = parallelism
        self._fail_slow = fail_slow
        self._stopped = threading.Event()
        self._ended: queue.SimpleQueue[tuple[str, bool]] = queue.SimpleQueue()

    def stop(self) -> None:
        """Begin no further step; ending those that run is the caller's part."""
        self._stopped.set()

    def run(self) -> Verdict:
        """Run all steps; returns when none runs any more."""
        sorter = graphlib.TopologicalSorter(_edges(self._nodes))
        sorter.prepare()
        waiting: list[str] = []
        running = 0
        failed = False
        while True:
            waiting.extend(sorter.get_ready())
            goes_on = self._fail_slow or not failed
            while waiting and running < self._parallelism and goes_on and not self._stopped.is_set():
                self._begin(waiting.pop(0))
                running += 1
            if running == 0:
                break
            name, succeeded = self._ended.get()
            running -= 1
            failed = failed or not succeeded
            if succeeded:
                sorter.done(name)
        if self._stopped.is_set() and (waiting or failed or sorter.is_active()):
            return Verdict.STOPPED
        return Verdict.FAILED if failed else Verdict.SUCCEEDED

    def _begin(self, name: str) -> None:
        threading.Thread(target=self._go, args=(name,), name=f"step-{name}", daemon=True).start()

    def _go(self, name: str) -> None:
        succeeded = False
        try:
            succeeded = self._execute(name)
        except Exception:
            LOG.exception("the step %s failed inside the local cloud", name)
        finally:
            self._ended.put((name, succeeded))


def _edges(nodes: Iterable[Node]) -> Mapping[str, frozenset[str]]:
    return {node.name: node.after for node in nodes}
