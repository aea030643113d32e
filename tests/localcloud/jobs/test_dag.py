"""Protects that steps run after those they need, no more at once than may, and none that is new after a failure."""

import threading
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from infra.localcloud.jobs.dag import DagRun, GraphError, Node, Verdict, check


@st.composite
def graphs(draw: st.DrawFn) -> list[Node]:
    """Steps 0..n, each of which may need some of those before it, in any order."""
    count = draw(st.integers(1, 9))
    nodes = [
        Node(str(index), frozenset(draw(st.sets(st.sampled_from([str(low) for low in range(index)]), max_size=3))))
        if index
        else Node("0")
        for index in range(count)
    ]
    return draw(st.permutations(nodes))


class Watch:
    """Notes what runs when, and lets chosen steps fail."""

    def __init__(self, failing: frozenset[str] = frozenset()) -> None:
        self.failing = failing
        self.order: list[str] = []
        self.ended: set[str] = set()
        self.most = 0
        self._running = 0
        self._lock = threading.Lock()

    def execute(self, name: str) -> bool:
        with self._lock:
            self.order.append(name)
            self._running += 1
            self.most = max(self.most, self._running)
        with self._lock:
            self._running -= 1
            if name not in self.failing:
                self.ended.add(name)
        return name not in self.failing


@given(graphs(), st.integers(1, 3))
def test_every_step_runs_once_after_those_it_needs(nodes: list[Node], parallelism: int) -> None:
    check(nodes)
    watch, before = Watch(), {node.name: node.after for node in nodes}
    seen: list[bool] = []

    def execute(name: str) -> bool:
        seen.append(before[name] <= watch.ended)
        return watch.execute(name)

    assert DagRun(nodes, execute, parallelism).run() is Verdict.SUCCEEDED
    assert sorted(watch.order) == sorted(before)
    assert all(seen)
    assert watch.most <= parallelism


@given(graphs(), st.data())
def test_after_a_failure_nothing_that_needs_it_runs(nodes: list[Node], data: st.DataObject) -> None:
    failing = data.draw(st.sampled_from([node.name for node in nodes]))
    watch = Watch(frozenset([failing]))
    assert DagRun(nodes, watch.execute, 1).run() is Verdict.FAILED
    assert watch.order[-1] == failing


@given(graphs(), st.integers(1, 3), st.data())
def test_a_slow_failure_ends_only_what_needs_it(nodes: list[Node], parallelism: int, data: st.DataObject) -> None:
    failing = data.draw(st.sampled_from([node.name for node in nodes]))
    watch, before = Watch(frozenset([failing])), {node.name: node.after for node in nodes}
    assert DagRun(nodes, watch.execute, parallelism, fail_slow=True).run() is Verdict.FAILED
    lost: set[str] = set()
    for name in sorted(before):
        if before[name] & (lost | {failing}):
            lost.add(name)
    assert set(watch.order) == set(before) - lost


def test_steps_that_need_nothing_of_each_other_run_at_once() -> None:
    """Protects the parallelism itself: each step waits for the other to have begun."""
    together = threading.Barrier(2, timeout=30)

    def execute(name: str) -> bool:
        together.wait()
        return True

    assert DagRun([Node("a"), Node("b")], execute, 2).run() is Verdict.SUCCEEDED


def test_a_stop_lets_the_running_step_end_and_begins_no_other() -> None:
    began: list[str] = []

    def execute(name: str) -> bool:
        began.append(name)
        run.stop()
        return True

    run = DagRun([Node("a"), Node("b", frozenset("a"))], execute, 2)
    assert run.run() is Verdict.STOPPED
    assert began == ["a"]


def test_a_stop_that_comes_after_the_last_step_changes_nothing() -> None:
    def execute(name: str) -> bool:
        run.stop()
        return True

    run = DagRun([Node("a")], execute, 1)
    assert run.run() is Verdict.SUCCEEDED


def test_a_step_that_raises_has_failed() -> None:
    def execute(name: str) -> bool:
        raise RuntimeError(name)

    assert DagRun([Node("a")], execute, 1).run() is Verdict.FAILED


@pytest.mark.parametrize(
    ("nodes", "step", "message"),
    [
        ([Node("a"), Node("a")], "a", "given twice"),
        ([Node("a", frozenset(["b"]))], "a", "needs 'b'"),
        ([Node("a", frozenset(["a"]))], "a", "in a circle: a -> a"),
        ([Node("a", frozenset(["b"])), Node("b", frozenset(["a"]))], None, "in a circle"),
    ],
)
def test_what_is_no_graph_is_refused(nodes: list[Node], step: str | None, message: str) -> None:
    with pytest.raises(GraphError, match=message) as refused:
        check(nodes)
    assert step is None or refused.value.step == step


@pytest.mark.parametrize("parallelism", [0, -1])
def test_some_step_must_be_able_to_run(parallelism: int) -> None:
    execute: Callable[[str], bool] = bool
    with pytest.raises(ValueError, match="at least one step"):
        DagRun([Node("a")], execute, parallelism)
