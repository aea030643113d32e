"""Runs a function in a process of its own, which ends with it, as a command's does."""

import multiprocessing
import os
from collections.abc import Callable
from multiprocessing.connection import Connection
from multiprocessing.context import ForkServerContext, SpawnContext
from typing import Literal, TypeVar, TypeVarTuple

Given = TypeVarTuple("Given")
Returned = TypeVar("Returned")
CONTEXTS: dict[str, ForkServerContext | SpawnContext] = {
    "forkserver": multiprocessing.get_context("forkserver"),
    "spawn": multiprocessing.get_context("spawn"),
}


def call(
    function: Callable[[*Given], Returned], *given: *Given, method: Literal["forkserver", "spawn"] = "forkserver"
) -> Returned:
    """Return what a module's function returns there.

    Args:
        function: found by its name in that process; nothing that it leaves behind (threads, event loops) goes on.
        given: its arguments.
        method: forkserver is the quick one, with the variables that this process had at the first call; spawn is slow
            and has those of now.

    Raises:
        EOFError: the process ended without an answer: it was killed, or what the function raised is on stderr.
    """
    context = CONTEXTS[method]
    if method == "forkserver":
        context.set_forkserver_preload([function.__module__])
    ours, theirs = context.Pipe(duplex=False)
    process = context.Process(target=_answer, args=(theirs, function, given))
    process.start()
    theirs.close()
    try:
        with ours:
            returned: Returned = ours.recv()
    except EOFError:
        process.join()
        raise
    process.join()
    return returned


def _answer(answer: Connection, function: Callable[[*Given], object], given: tuple[*Given]) -> None:
    answer.send(function(*given))
    answer.close()
    os._exit(0)
