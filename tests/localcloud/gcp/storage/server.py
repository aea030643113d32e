"""Cloud Storage alone on a loopback port, for tests of it: in a thread, or as a program of its own."""

import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

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


@contextmanager
def serving_apart(folder: Path) -> Iterator[str]:
    """Serve in a process of its own; gives the address and stops at the end."""
    command = [sys.executable, "-m", "tests.localcloud.gcp.storage.server", str(folder)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdin
        assert process.stdout
        yield process.stdout.readline().strip()
        process.stdin.close()


if __name__ == "__main__":
    with serving(Store(Path(sys.argv[1]))) as url:
        sys.stdout.write(f"{url}\n")
        sys.stdout.flush()
        sys.stdin.read()
