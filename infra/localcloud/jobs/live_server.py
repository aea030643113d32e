"""A model server kept alive: requests hold it, it is started again when it ends, and it retires without losing any."""

import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from infra.localcloud.jobs.variants import Variant, VariantAnswer, VariantError

FIRST_PAUSE_SECONDS, LONGEST_PAUSE_SECONDS = 0.2, 30.0


class StartError(Exception):
    """A model server cannot be started; its text says why, in the vendor's words."""


@dataclass(kw_only=True)
class LiveServer:
    """A running model server.

    Attributes:
        label: what threads are called after.
        server: the server that runs now.
        restart: starts another one like it.
        say: writes a line of the cloud's own into the server's log.
        close: ends what was opened for the server, such as its log.
        timeout_seconds: how long the vendor lets a model take over an answer; a retiring server gets as long.
    """

    label: str
    server: Variant
    restart: Callable[[], Variant]
    say: Callable[[str], None]
    close: Callable[[], None]
    timeout_seconds: float
    _in_flight: int = field(default=0, init=False)
    _idle: threading.Condition = field(default_factory=threading.Condition, init=False)
    _retired: threading.Event = field(default_factory=threading.Event, init=False)

    def hold(self) -> None:
        """Keep the server for a request, until `release`."""
        with self._idle:
            self._in_flight += 1

    def release(self) -> None:
        """Note that a request is answered."""
        with self._idle:
            self._in_flight -= 1
            self._idle.notify_all()

    def answer(self, body: bytes, headers: Mapping[str, str]) -> VariantAnswer:
        """Let the server answer a request; one that does not answer in the vendor's time gives status 500."""
        began = time.perf_counter()
        try:
            return self.server.invoke(body, headers, timeout_seconds=self.timeout_seconds)
        except VariantError as error:
            return VariantAnswer(500, {}, str(error).encode(), time.perf_counter() - began)

    def watch(self) -> None:
        """Start the server again whenever it ends, as the vendors do; the pause between two starts grows."""
        threading.Thread(target=self._keep_alive, name=f"server-watch-{self.label}", daemon=True).start()

    def retire(self) -> None:
        """Wait for the requests that it still answers, then stop it."""
        with self._idle:
            self._idle.wait_for(lambda: self._in_flight == 0, self.timeout_seconds)
            self._retired.set()
        self.server.stop()
        self.close()

    def _keep_alive(self) -> None:
        pause = FIRST_PAUSE_SECONDS
        while not self._retired.is_set():
            ended = self.server.wait()
            if ended is None or self._retired.wait(pause):
                return
            pause = min(pause * 2, LONGEST_PAUSE_SECONDS)
            self.say(f"the model server ended with code {ended.code}; starting it again")
            self._replace()

    def _replace(self) -> None:
        self.server.stop()  # removes what the ended one left
        try:
            fresh = self.restart()
        except (StartError, OSError) as error:
            # There is no server to replace it: the ended one stays, its requests are refused, and this is tried again.
            self.say(f"the model server could not be started again: {error}")
            return
        with self._idle:
            self.server = fresh
            is_late = self._retired.is_set()
        if is_late:
            fresh.stop()
