"""Requests that wait while the model predicts are answered together: a call of a model costs far more than a row."""

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field

# Some hundred rows of JSON. More would cost the model more than its call does, and make small requests wait for large.
TOGETHER_BYTES = 64 * 1024


@dataclass(frozen=True)
class Waiting:
    """A request's body, and the answer that it waits for."""

    body: bytes
    answer: "Future[bytes]" = field(default_factory=Future)


class Batches:
    """Answers requests in one thread, all at once that came since its last answer.

    Nobody waits for others to come: a request that finds the thread idle is answered alone and at once.
    """

    def __init__(self, answers: Callable[[Sequence[bytes]], list[bytes]], thread: ThreadPoolExecutor) -> None:
        """`answers` maps bodies to answers; it raises if a single one cannot be answered."""
        self._answers = answers
        self._thread = thread
        self._waiting: deque[Waiting] = deque()

    async def answer(self, body: bytes) -> bytes:
        """Return the answer to a request. Raises whatever `answers` raises for it."""
        waiting = Waiting(body)
        self._waiting.append(waiting)
        self._thread.submit(self._answer_waiting)  # finds nothing to do if an earlier call has taken this one along
        return await asyncio.wrap_future(waiting.answer)

    def _answer_waiting(self) -> None:
        self._answer([taken for taken in self._taken() if taken.answer.set_running_or_notify_cancel()])

    def _taken(self) -> list[Waiting]:
        """Take what waits in its order: one request, and more while they are small."""
        taken: list[Waiting] = []
        size = 0
        while self._waiting and (not taken or size + len(self._waiting[0].body) <= TOGETHER_BYTES):
            taken.append(self._waiting.popleft())
            size += len(taken[-1].body)
        return taken

    def _answer(self, batch: Sequence[Waiting]) -> None:
        """Answer all, or each half by itself: one that cannot be answered fails no other."""
        if not batch:
            return
        try:
            answers = self._answers([waiting.body for waiting in batch])
        except Exception as error:  # noqa: BLE001 - it is raised where the answer is waited for
            if len(batch) == 1:
                batch[0].answer.set_exception(error)
                return
            self._answer(batch[: len(batch) // 2])
            self._answer(batch[len(batch) // 2 :])
            return
        for waiting, answer in zip(batch, answers, strict=True):
            waiting.answer.set_result(answer)
