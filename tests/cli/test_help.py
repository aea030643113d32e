"""The text of every --help, whole: a change of what users can type shows as a diff of help.txt.

STILE_UPDATE_GOLDEN=1 writes the file anew.
"""

import os
import subprocess
import sys
from pathlib import Path

from infra.cli.main import COMMANDS

GOLDEN = Path(__file__).with_name("help.txt")
# Rich asks for these how wide and how plain to write.
PLAIN = {"COLUMNS": "100", "TERM": "dumb", "NO_COLOR": "1"}
SUBCOMMANDS = {"local": ("start", "stop", "status", "logs"), "prices": ("update", "check")}


def helped(*words: str) -> str:
    """One page of help, without the spaces at the ends of its lines."""
    command = [sys.executable, "-m", "infra.cli", *words, "--help"]
    shell = {name: value for name, value in os.environ.items() if not name.startswith(("STILE_", "FORCE_COLOR"))}
    done = subprocess.run(command, env={**shell, **PLAIN}, capture_output=True, text=True, check=True)
    page = "\n".join(line.rstrip() for line in done.stdout.strip().splitlines())
    return f"$ stile {' '.join([*words, '--help'])}\n{page}\n"


def test_help_is_as_it_was() -> None:
    names = [(command.name,) for command in COMMANDS]
    below = [(name, inner) for name, several in SUBCOMMANDS.items() for inner in several]
    pages = "\n\n".join(helped(*words) for words in [(), *names, *below])
    if os.environ.get("STILE_UPDATE_GOLDEN"):
        GOLDEN.write_text(pages)
    assert pages == GOLDEN.read_text()
