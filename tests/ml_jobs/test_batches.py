"""Protects answering together: each gets its own answer or its own error, in order, and none waits for nothing."""

import asyncio
import threading
from collections.abc import Awaitable, Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor

import pytest

from ml_jobs.batches import TOGETHER_BYTES, Batches

LIMIT_SECONDS = 60


class Model:
    """Answers in capitals; is held up in its first call, remembers all calls, and refuses what is marked as bad."""

    def __init__(self) -> None:
        self.calls: list[list[bytes]] = []
        self.called, self.released = threading.Event(), threading.Event()

    def answers(self, bodies: Sequence[bytes]) -> list[bytes]:
        self.calls.append(list(bodies))
        self.called.set()
        assert self.released.wait(LIMIT_SECONDS)
        bad = [body for body in bodies if body.startswith(b"bad")]
        if bad:
            raise ValueError(bad[0].decode())
        return [body.upper() for body in bodies]


@pytest.fixture
def thread() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(1) as made:
        yield made


def asked(
    model: Model,
    thread: ThreadPoolExecutor,
    bodies: Sequence[bytes],
    meanwhile: Callable[[list[asyncio.Task[bytes]]], Awaitable[None]] | None = None,
) -> list[bytes | BaseException]:
    """Ask `first`, then all others while the model is held up with it; return their answers and errors."""

    async def ask() -> list[bytes | BaseException]:
        batches = Batches(model.answers, thread)
        first = asyncio.create_task(batches.answer(b"first"))
        assert await asyncio.to_thread(model.called.wait, LIMIT_SECONDS)
        others = [asyncio.create_task(batches.answer(body)) for body in bodies]
        await asyncio.sleep(0)  # one turn of the loop: all of them ask
        if meanwhile:
            await meanwhile(others)
        model.released.set()
        return await asyncio.gather(first, *others, return_exceptions=True)

    return asyncio.run(asyncio.wait_for(ask(), LIMIT_SECONDS))


def test_what_waited_is_answered_by_one_call(thread: ThreadPoolExecutor) -> None:
    """The first is alone at once; who came meanwhile share a call, and each gets the answer to its own request."""
    model, bodies = Model(), [b"b", b"c", b"a"]
    assert asked(model, thread, bodies) == [b"FIRST", b"B", b"C", b"A"]
    assert model.calls == [[b"first"], bodies]


def test_one_that_cannot_be_answered_fails_no_other(thread: ThreadPoolExecutor) -> None:
    model = Model()
    _, *answers = asked(model, thread, [b"a", b"bad 1", b"b", b"c", b"bad 2"])
    assert [answer if isinstance(answer, bytes) else str(answer) for answer in answers] == [
        b"A",
        "bad 1",
        b"B",
        b"C",
        "bad 2",
    ]
    assert {type(answers[1]), type(answers[4])} == {ValueError}


def test_large_ones_go_alone_and_in_their_turn(thread: ThreadPoolExecutor) -> None:
    """A small request must not wait for a large one that came after it, nor one call get rows without end."""
    half = b"h" * (TOGETHER_BYTES // 2)
    model, bodies = Model(), [b"a", b"l" * (TOGETHER_BYTES + 1), b"b", half, half]
    assert asked(model, thread, bodies) == [b"FIRST", *(body.upper() for body in bodies)]
    assert [len(call) for call in model.calls] == [1, 1, 1, 2, 1]
    assert [body for call in model.calls[1:] for body in call] == bodies


def test_one_that_is_given_up_is_not_predicted(thread: ThreadPoolExecutor) -> None:
    async def give_up(others: list[asyncio.Task[bytes]]) -> None:
        others[0].cancel()
        await asyncio.wait([others[0]])

    model = Model()
    first, given_up, other = asked(model, thread, [b"a", b"b"], give_up)
    assert (first, type(given_up), other) == (b"FIRST", asyncio.CancelledError, b"B")
    assert model.calls == [[b"first"], [b"b"]]
