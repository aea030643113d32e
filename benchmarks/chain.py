"""The value chain as a run on the local cloud, against one plain script with the same data, fits and files."""

import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import boto3

from benchmarks import plain_chain
from benchmarks.fitted import raw_folder
from benchmarks.ground import Clone, clone
from benchmarks.measure import Row, seconds
from infra import demo_data
from infra.environments import ROOT
from infra.runs import REGISTERED_KEY
from tests.e2e.project import ENVIRONMENT

ROUNDS = 2


def measure() -> Iterator[Row]:
    """Compare on an environment that is up and has its raw data, both sides taking turns."""
    ours: list[float] = []
    peer: list[float] = []
    with clone() as made, tempfile.TemporaryDirectory(prefix="stile-benchmark-") as name:
        raw, out = Path(name) / "raw", Path(name) / "out"
        raw.mkdir()
        raw_folder(raw)
        made.run("up", ENVIRONMENT)
        account = Account(made)
        account.put_raw_data(raw)
        for number in range(ROUNDS):
            plain = out / str(number)
            plain.mkdir(parents=True)
            peer.append(seconds(partial(run_plain, raw, plain)))
            said: list[str] = []
            ours.append(seconds(partial(run_ours, made, said)))
            require_same(plain, account.registered(json.loads(said[0])["pipeline"]["execution"]))
            account.forget_versions()
    yield Row("a run with 3 candidates; peer: one plain script", "s", ours, peer, "at most 3")


def run_plain(raw: Path, out: Path) -> None:
    """Run the script. Raises CalledProcessError."""
    subprocess.run([sys.executable, "-m", "benchmarks.plain_chain", str(raw), str(out)], cwd=ROOT, check=True)


def run_ours(made: Clone, said: list[str]) -> None:
    """Run the pipeline as a user does, and keep what it said."""
    said.append(made.run("run", ENVIRONMENT, "--json"))


class Account:
    """What runs read and leave in a clone's local cloud: the data bucket and the model versions."""

    def __init__(self, made: Clone) -> None:
        variables = made.project.exported()
        self._bucket = variables["STILE_BUCKET"]
        (self._group,) = (model["model_package_group"] for model in made.project.outputs()["models"].values())
        account = boto3.session.Session(
            aws_access_key_id=variables["AWS_ACCESS_KEY_ID"],
            aws_secret_access_key=variables["AWS_SECRET_ACCESS_KEY"],
            region_name=variables["AWS_REGION"],
        )
        self._s3, self._sagemaker = (
            account.client(service, endpoint_url=variables["AWS_ENDPOINT_URL"]) for service in ("s3", "sagemaker")
        )

    def put_raw_data(self, folder: Path) -> None:
        """Put the raw files where the jobs look for them."""
        for key, file in demo_data.raw_files(plain_chain.USE_CASE, folder).items():
            self._s3.upload_file(str(file), self._bucket, key)

    def registered(self, execution: str) -> dict[str, Any]:
        """Return what a run registered, by candidate."""
        key = REGISTERED_KEY.format(execution=execution)
        found: dict[str, Any] = json.loads(self._s3.get_object(Bucket=self._bucket, Key=key)["Body"].read())
        return dict(found["versions"])

    def forget_versions(self) -> None:
        """Delete the registered versions: a run that has a champion measures that one too, and decides otherwise."""
        listed = self._sagemaker.list_model_packages(ModelPackageGroupName=self._group)["ModelPackageSummaryList"]
        for version in listed:
            self._sagemaker.delete_model_package(ModelPackageName=version["ModelPackageArn"])


def require_same(plain: Path, registered: dict[str, Any]) -> None:
    """Raise RuntimeError unless both sides made the same models, byte for byte, and gave the same reasons."""
    decided: dict[str, Any] = json.loads((plain / "decision.json").read_text())
    for name, version in registered.items():
        sha256 = json.loads((plain / name / "metrics.json").read_text())["sha256"]
        if sha256 != version["sha256"] or decided["reasons"][name] != version["reason"]:
            raise RuntimeError(f"{name}: the plain script made or decided something else: {sha256}, {version}")
    if set(registered) != set(decided["reasons"]):
        raise RuntimeError(f"registered are {sorted(registered)}, not {sorted(decided['reasons'])}")
