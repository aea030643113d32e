"""MLflow's own server as a command: the program, what stands before it, and the settings that both clouds give it."""

import os
import shlex
import shutil
from collections.abc import Mapping

SETTINGS: Mapping[str, str] = {
    # Evaluation jobs would take seven processes more; nothing here asks for them.
    "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",
    "MLFLOW_DISABLE_TELEMETRY": "true",
}


def mlflow_argv(arguments: tuple[str, ...]) -> tuple[str, ...] | None:
    """Return the command that runs MLflow with these arguments; None where it is not installed beside the cloud."""
    program = os.environ.get("STILE_MLFLOW_COMMAND")
    return None if program is None else (*_whole(), *shlex.split(program), *arguments)


def _whole() -> tuple[str, ...]:
    """Return what stands before the server so that its own children die too when the local cloud is killed.

    The kernel tells only the child of who died, and MLflow's server runs uvicorn below it: a shell between is told to
    end, and kills its whole group, which is the job's session.
    """
    setpriv, shell = shutil.which("setpriv"), shutil.which("sh")
    if setpriv is None or shell is None:
        return ()
    return (setpriv, "--pdeathsig", "TERM", "--", shell, "-c", 'trap "kill -9 0" TERM; "$@" & wait $!', "mlflow")
