"""Cloud Storage alone on a loopback port, for tests of it."""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import uvicorn
from starlette.applications import Starlette

from infra.localcloud.gcp.storage.routes import routes
from infra.localcloud.gcp.storage.store import Store


@contextmanager
def serving(store: Store) -> Iterator[str]:
    """Serve a store; gives the address and stops at the end."""
    listening = socket.create_server(("127.0.0.1", 0))
    config = uvicorn.Config(Starlette(routes=routes(store)), log_level="warning", lifespan="off")
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]})
    thread.start()
    try:
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join()
        listening.close()
