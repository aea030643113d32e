"""The engine: `up`, no-op `up` and `preview` of the demo's platform against a raw Pulumi program and idle plugins."""

import importlib.metadata
import json
import os
import shutil
import sys
import tempfile
from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from benchmarks import recorded
from benchmarks.ground import Clone, clone, must
from benchmarks.measure import Row, seconds
from infra import toolchain
from infra.environments import ROOT
from infra.providers.install import install_plugin
from tests.e2e.project import ENVIRONMENT

ROUNDS = 2
# In each, since what changes nothing takes little time.
SHORT_ROUNDS = 2
AIM = "at most 1.2"
IMAGE = "stile:images:Image"
# What starts the plugins in the copy of the project.
STILE_START = '#!/bin/sh\nexec "$STILE_PYTHON" -m benchmarks.recorded stile "$@"\n'
STARTS = {
    "infra/providers/aws/__main__.py": (
        "import runpy\nimport sys\n\n"
        'sys.argv.insert(1, "aws")\nrunpy.run_module("benchmarks.recorded", run_name="__main__", alter_sys=True)\n'
    ),
    "infra/providers/stile/pulumi-resource-stile": STILE_START,
}


@dataclass(frozen=True)
class Raw:
    """The raw program, with a PULUMI_HOME and a state of its own in `folder`."""

    folder: Path
    pulumi: Path

    def install(self) -> None:
        """Install the plugins that do nothing, under the names of those that ours uses."""
        for name, version in (("aws", importlib.metadata.version("pulumi-aws")), ("stile", "1.0.0")):
            command = [sys.executable, "-m", "benchmarks.raw_plugin", version]
            install_plugin(self.pulumi, self.folder / "home", name, version, command)

    def begin_anew(self, resources: Sequence[Any]) -> None:
        """Leave nothing in the state, and declare these resources."""
        shutil.rmtree(self.folder / "state", ignore_errors=True)
        (self.folder / "state").mkdir(parents=True)
        (self.folder / "resources.json").write_text(json.dumps(resources))

    def run(self, operation: str) -> None:
        """Run `up` or `preview`. Raises RuntimeError."""
        variables = {
            **os.environ,
            "PULUMI_HOME": str(self.folder / "home"),
            "PULUMI_BACKEND_URL": f"{(self.folder / 'state').as_uri()}?metadata=skip",
            "PULUMI_CONFIG_PASSPHRASE": "raw",
            "PULUMI_IGNORE_AMBIENT_PLUGINS": "1",
            "PULUMI_SKIP_UPDATE_CHECK": "true",
            "PYTHONPATH": str(ROOT),
        }
        root, resources = str(self.pulumi.parents[1]), str(self.folder / "resources.json")
        must([sys.executable, "-m", "benchmarks.raw_program", root, resources, operation], self.folder, variables)


@contextmanager
def both() -> Iterator[tuple[Clone, Raw]]:
    """Lay out both sides in a folder that is gone afterwards, and the local cloud with it."""
    with tempfile.TemporaryDirectory(prefix="stile-benchmark-") as name, clone(STARTS) as ours:
        raw = Raw(Path(name), toolchain.ensure(print).pulumi)
        raw.install()
        yield ours, raw


def measure() -> Iterator[Row]:
    """Compare, both sides taking turns."""
    figures: dict[str, list[float]] = defaultdict(list)
    with both() as (ours, raw):
        ours.run("preview", ENVIRONMENT)  # installs the stand-in
        for _ in range(ROUNDS):
            from_nothing(ours, raw, figures)
            for _ in range(SHORT_ROUNDS):
                for what, command in (("no-op", "up"), ("preview", "preview")):
                    figures[what].append(seconds(partial(ours.run, command, ENVIRONMENT)))
                    figures[f"raw {what}"].append(seconds(partial(raw.run, command)))
    floor = [a + b for a, b in zip(figures["raw up"], figures["cloud"], strict=True)]
    yield Row("`up` from nothing; peer: the raw program's and the cloud's own time", "s", figures["up"], floor, AIM)
    yield Row("the cloud's own time in it; peer: the whole `up`", "s", figures["cloud"], figures["up"])
    yield Row("the image in it, packages cached; peer: crane alone", "s", figures["image"], figures["crane"])
    yield Row("no-op `up`; peer: the raw program's", "s", figures["no-op"], figures["raw no-op"], AIM)
    yield Row("`preview`; peer: the raw program's", "s", figures["preview"], figures["raw preview"], AIM)


def from_nothing(ours: Clone, raw: Raw, figures: dict[str, list[float]]) -> None:
    """Bring up everything on both sides."""
    ours.begin_anew()
    recorded.read(ours.record)
    said: list[str] = []
    figures["up"].append(seconds(lambda: said.append(ours.run("up", ENVIRONMENT, "--json"))))
    notes = recorded.read(ours.record)
    (image,) = (step["seconds"] for step in json.loads(said[0])["steps"] if f"{IMAGE}::" in step["urn"])
    figures["image"].append(image)
    figures["cloud"].append(recorded.covered(notes))
    figures["crane"].append(recorded.covered(note for note in notes if note.by == "stile"))
    raw.begin_anew(ours.resources())
    figures["raw up"].append(seconds(partial(raw.run, "up")))
