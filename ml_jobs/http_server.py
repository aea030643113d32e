"""The process around any serving application: its listening socket, and answering until it is told to stop."""

import logging
import signal
import socket

import uvicorn
from starlette.applications import Starlette

from ml_jobs.errors import JobError

log = logging.getLogger("ml_jobs.serve")
BACKLOG = 2048
# The vendor kills a container 30 seconds after SIGTERM.
GRACE_SECONDS = 20
# Longer than proxies keep an idle connection (60 seconds is usual): none must send into one that we just closed.
KEEP_ALIVE_SECONDS = 120


def listening_socket(host: str, port: int) -> socket.socket:
    """Return a socket that listens; what it accepts inherits TCP_NODELAY, without which small answers wait 40 ms.

    Raises:
        JobError: the address cannot be had.
    """
    try:
        listening = socket.create_server((host, port), backlog=BACKLOG)
    except (OSError, OverflowError) as error:
        raise JobError(f"cannot listen on {host}:{port}: {error}") from error
    listening.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return listening


def run(app: Starlette, listening: socket.socket) -> None:
    """Answer until SIGTERM or SIGINT; requests under way are finished first."""
    config = uvicorn.Config(
        app,
        log_config=None,
        log_level="warning",
        access_log=False,
        lifespan="off",
        timeout_keep_alive=KEEP_ALIVE_SECONDS,
        timeout_graceful_shutdown=GRACE_SECONDS,
    )
    server = uvicorn.Server(config)

    def stop(_signum: int, _frame: object) -> None:
        server.should_exit = True

    # The server has handlers of its own while it runs and repeats the signal to these at its end. Before it runs, a
    # signal must not be lost; afterwards the stop that was asked for is done, which is no failure.
    for asked in (signal.SIGTERM, signal.SIGINT):
        signal.signal(asked, stop)
    host, port = listening.getsockname()[:2]
    log.info("serving on http://%s:%d", host, port)
    server.run(sockets=[listening])
    log.info("stopped")
