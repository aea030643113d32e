"""Serving: our server against the same model in this process, and against `mlflow models serve`; one row a request."""

import json
import os
import re
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import mlflow
import pandas as pd
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]  # it ships no types

from benchmarks.fitted import USE_CASE, Fitted, fitted
from benchmarks.measure import Row, median_ms, throughput
from ml_jobs import matrix, model_file, serve
from ml_jobs.use_cases import load

CLIENTS = 8
ALONE, EACH = 50, 20  # requests a turn: of a client alone, and of each of several
# A client's turn takes a tenth of a second, in which another program of the machine can double it: many turns.
ROUNDS_ALONE, ROUNDS = 41, 7


class Client:
    """One connection that knows no more of HTTP than it must: what it costs is no part of what is compared."""

    def __init__(self, port: int) -> None:
        self._socket = socket.create_connection(("127.0.0.1", port))
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def __enter__(self) -> "Client":
        return self

    def __exit__(self, *_error: object) -> None:
        self._socket.close()

    def __call__(self, body: bytes) -> bytes:
        """Send a request; return the body of its answer."""
        head = "POST /invocations HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: "
        self._socket.sendall(f"{head}{len(body)}\r\n\r\n".encode() + body)
        answer = self._socket.recv(65536)
        while b"\r\n\r\n" not in answer:
            answer += self._more()
        start, _, content = answer.partition(b"\r\n\r\n")
        if not start.startswith(b"HTTP/1.1 200 "):
            raise RuntimeError(answer.decode())
        length = int(start.lower().partition(b"content-length:")[2].partition(b"\r\n")[0])
        while len(content) < length:
            content += self._more()
        return content

    def _more(self) -> bytes:
        received = self._socket.recv(65536)
        if not received:
            raise RuntimeError("the server closed the connection")
        return received


@dataclass(frozen=True)
class Server:
    """A server, and the requests in its own form; each turn connects anew, since MLflow's server closes idle ones."""

    port: int
    bodies: list[bytes]

    def answers(self) -> list[bytes]:
        """Return the answers to all requests."""
        with Client(self.port) as client:
            return [client(body) for body in self.bodies]

    def latency(self) -> float:
        """Milliseconds of one request, the median of a round."""
        with Client(self.port) as client:
            return median_ms(client, self.bodies)

    def rate(self) -> float:
        """Requests a second of all clients."""
        with ExitStack() as connected:
            clients = [connected.enter_context(Client(self.port)) for _ in range(CLIENTS)]
            return throughput(clients, self.bodies[:EACH])


def measure() -> Iterator[Row]:
    """Compare on held-out flights, by the demo's model."""
    with fitted() as made, tempfile.TemporaryDirectory() as folder, ThreadPoolExecutor(1) as thread:
        case = load(USE_CASE)
        instances = held_out(made)
        bodies = [json.dumps({"instances": [instance]}).encode() for instance in instances]
        # Of the forms that MLflow takes the one that it answers fastest.
        matrices = [json.dumps({"inputs": matrix.from_instances([one], case).tolist()}).encode() for one in instances]
        predictor = serve.load_predictor(made.model, case, thread, {})
        with (
            threadpool_limits(1),
            listening(["ml_jobs.serve", "--model", str(made.model), "--use-case", USE_CASE, "--port", "0"]) as ours,
            listening(["benchmarks.bare_server"]) as bare,
            mlflow_server(made, Path(folder)) as mlflows,
        ):
            servers = Server(ours, bodies), Server(bare, bodies), Server(mlflows, matrices)
            predict_alike(servers[0], servers[2])
            yield from compare(lambda: median_ms(lambda body: predictor.answers([body]), bodies), *servers)


def predict_alike(ours: Server, mlflows: Server) -> None:
    """Raise RuntimeError where the two do not answer the same probability to the last bit."""
    for our_answer, mlflow_answer in zip(ours.answers(), mlflows.answers(), strict=True):
        probability, probabilities = (json.loads(one)["predictions"][0] for one in (our_answer, mlflow_answer))
        if probability["probability"] != probabilities[1]:
            raise RuntimeError(f"we answer {our_answer!r}, MLflow {mlflow_answer!r}")


def compare(inside: Callable[[], float], ours: Server, bare: Server, mlflows: Server) -> Iterator[Row]:
    """Let all sides take turns, after a round that only warms them."""
    servers = ours, bare, mlflows
    latencies = [[inside(), *(server.latency() for server in servers)] for _ in range(ROUNDS_ALONE + 1)][1:]
    rates = [[server.rate() for server in servers] for _ in range(ROUNDS + 1)][1:]
    inside_ms, our_ms, bare_ms, mlflow_ms = zip(*latencies, strict=True)
    our_rate, bare_rate, mlflow_rate = zip(*rates, strict=True)
    floor = [sum(pair) for pair in zip(inside_ms, bare_ms, strict=True)]
    yield Row("one client, median; peer: in process", "ms", our_ms, inside_ms, "at most 1.2")
    yield Row("one client, median; floor: in process + bare server", "ms", our_ms, floor)
    yield Row("one client, median; peer: `mlflow models serve`", "ms", our_ms, mlflow_ms)
    yield Row(f"{CLIENTS} clients; peer: `mlflow models serve`", "requests/s", our_rate, mlflow_rate, "at least 5")
    yield Row(f"{CLIENTS} clients; limit: bare server", "requests/s", our_rate, bare_rate)


def held_out(made: Fitted) -> list[dict[str, Any]]:
    """Return flights that the model has not seen, as a request holds them."""
    case = load(USE_CASE)
    table = pd.read_parquet(made.features / "features.parquet")
    sample = table[table.part == "heldout"].sample(ALONE, random_state=1)
    found: list[dict[str, Any]] = json.loads(sample[[case.event_id, *case.features]].to_json(orient="records"))
    return found


@contextmanager
def listening(command: list[str], ready: str = r"serving on .*:(\d+)") -> Iterator[int]:
    """Run a module as a server until the caller is done; yields the port that its output names."""
    # MLflow looks for its server's program on PATH.
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", os.defpath)])
    with tempfile.NamedTemporaryFile("w+") as said:
        process = subprocess.Popen(
            [sys.executable, "-m", *command],
            stdout=said,
            stderr=said,
            env={**os.environ, "PATH": path},
            start_new_session=True,
        )
        try:
            yield _port(process, Path(said.name), ready)
        finally:
            os.killpg(process.pid, signal.SIGTERM)
            process.wait()


def _port(process: "subprocess.Popen[bytes]", said: Path, ready: str) -> int:
    while process.poll() is None:
        if found := re.search(ready, said.read_text()):
            return int(found[1])
        time.sleep(0.05)  # the pace of asking
    raise RuntimeError(f"the server ended: {said.read_text()[-2000:]}")


@contextmanager
def mlflow_server(made: Fitted, folder: Path) -> Iterator[int]:
    """Serve the same estimator by MLflow, which gets the matrix as it is."""
    estimator: Any = model_file.load(made.model / "model.skops")
    trusted = list(model_file.TRUSTED)
    mlflow.sklearn.save_model(
        estimator, folder / "model", pyfunc_predict_fn="predict_proba", skops_trusted_types=trusted, pip_requirements=[]
    )
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = str(free.getsockname()[1])
    command = ["mlflow", "models", "serve", "-m", str(folder / "model"), "--env-manager", "local", "-h", "127.0.0.1"]
    with listening([*command, "-p", port], r"running on http://127.0.0.1:(\d+)") as found:
        yield found
