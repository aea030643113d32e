"""The official SageMaker SDKs train, deploy and call a user's script on the local cloud, as docs/own-code.md tells."""

import io
import json
import os
import re
import subprocess
import sys
import tarfile
from dataclasses import dataclass
from pathlib import Path
from threading import Event
from typing import Any

import numpy as np
import pytest
from sklearn.datasets import load_diabetes
from sklearn.linear_model import Ridge

from infra.localcloud.jobs.root import MODE_VARIABLE, Mode, probe
from infra.providers.stile import assembly, layers, packages, registry_aws
from tests.localcloud.cloud import LocalAws
from tests.localcloud.job_images import ALLOW, TRUST, wait_for

pytestmark = pytest.mark.slow
ROOT = Path(__file__).resolve().parents[2]
SDKS = ROOT / "tests" / "official_sdk"
PAGE = ROOT / "docs" / "own-code.md"
LIMIT_SECONDS = 300
BLOCK = re.compile(r"^```(?P<language>\w+)(?: title=(?P<title>\S+))?\n(?P<text>.*?)^```$", re.M | re.S)


@dataclass(frozen=True)
class Notebook:
    """A folder with the page's files, and the image that its jobs run."""

    aws: LocalAws
    folder: Path
    image: str

    def run(self, version: str, *arguments: str) -> str:
        """Run a program under an SDK, as a plain client of the cloud; return what it printed."""
        python = SDKS / version / ".venv" / "bin" / "python"
        if not python.is_file():
            pytest.skip(f"the SDK's environment is not installed ({python}): run ./stile first")
        kept = {name: os.environ[name] for name in ("PATH", "HOME", "TMPDIR") if name in os.environ}
        own = {"IMAGE": self.image, "SAGEMAKER_USER_CONFIG_OVERRIDE": str(self.folder / "config.yaml")}
        done = subprocess.run(
            [python, *arguments],
            cwd=self.folder,
            env={**kept, **self.aws.environment, **own},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
            timeout=LIMIT_SECONDS,
        )
        assert done.returncode == 0, done.stdout[-5000:]
        return done.stdout


@pytest.fixture(scope="module")
def image(local_aws: LocalAws, crane: str) -> str:
    """The real job image, put together as `stile:images:Image` does it."""
    uri = local_aws.client("ecr").create_repository(repositoryName=local_aws.name("jobs/stile"))
    url: str = uri["repository"]["repositoryUri"]
    never = Event()
    locked = packages.locked(ROOT, f"{sys.version_info.major}.{sys.version_info.minor}", "linux/amd64", never)
    with pytest.MonkeyPatch.context() as patch:
        for name, value in local_aws.environment.items():
            patch.setenv(name, value)
        recipe = assembly.Recipe(None, locked, layers.code_tar(ROOT))
        digest = assembly.push(recipe, registry_aws.open_repository(url), lambda line: None, never)
    return f"{url}@{digest}"


@pytest.fixture
def notebook(local_aws: LocalAws, image: str, tmp_path: Path) -> Notebook:
    """The page's files, and its cells as notebook.py."""
    if probe(os.environ.get(MODE_VARIABLE)) is not Mode.NAMESPACE:
        pytest.skip("jobs have no root of their own here, so that /opt/ml written out is not theirs")
    blocks = list(BLOCK.finditer(PAGE.read_text()))
    for block in blocks:
        if block["title"]:
            (tmp_path / block["title"]).parent.mkdir(exist_ok=True)
            (tmp_path / block["title"]).write_text(block["text"])
    cells = [block["text"] for block in blocks if block["language"] == "python" and not block["title"]]
    (tmp_path / "notebook.py").write_text("\n".join(cells))
    return Notebook(local_aws, tmp_path, image)


def predicted(output: str) -> Any:
    """Read what a program printed as its prediction."""
    (line,) = [line for line in output.splitlines() if line.startswith("predicted ")]
    return json.loads(line.removeprefix("predicted "))


def fitted(alpha: float) -> Ridge:
    """Fit here what the script fits there."""
    data = load_diabetes()
    return Ridge(alpha=alpha).fit(data.data, data.target)


def place(aws: LocalAws) -> tuple[str, str]:
    """Make a bucket, and a role that may all."""
    name, iam = aws.name("user-code"), aws.client("iam")
    aws.client("s3").create_bucket(Bucket=name)
    role: str = iam.create_role(RoleName=name, AssumeRolePolicyDocument=json.dumps(TRUST))["Role"]["Arn"]
    iam.put_role_policy(RoleName=name, PolicyName="all", PolicyDocument=json.dumps(ALLOW))
    return name, role


def nothing_is_left(aws: LocalAws, name: str) -> None:
    """Protects: what the SDK deletes is gone."""
    client = aws.client("sagemaker")
    assert client.list_endpoints(NameContains=name, StatusEquals="InService")["Endpoints"] == []
    assert client.list_endpoint_configs(NameContains=name)["EndpointConfigs"] == []
    assert client.list_models(NameContains=name)["Models"] == []


def test_the_page_imports_nothing_of_ours(notebook: Notebook) -> None:
    """Protects the claim itself: plain clients and plain scripts, and no path to our packages."""
    files = list(notebook.folder.rglob("*.py"))
    assert len(files) == 5
    own = re.compile(r"^\s*(from|import)\s+(ml_jobs|infra|components|tests|stile)\b", re.M)
    assert [path.name for path in files if own.search(path.read_text())] == []
    found = notebook.run(
        "v3", "-c", "import importlib.util as u; print([u.find_spec(n) for n in ('ml_jobs', 'infra')])"
    )
    assert found.strip() == "[None, None]"


def test_the_current_sdk_trains_deploys_and_calls_a_users_script(notebook: Notebook) -> None:
    """Protects ModelTrainer and ModelBuilder: predictions are those of the same model, fitted here."""
    output = notebook.run("v3", "notebook.py")
    expected = fitted(0.5)
    assert np.allclose(predicted(output), expected.predict(load_diabetes().data[:3]), rtol=1e-9)
    client = notebook.aws.client("sagemaker")
    (job,) = client.list_training_jobs(NameContains="own-code")["TrainingJobSummaries"]
    described = client.describe_training_job(TrainingJobName=job["TrainingJobName"])
    assert described["TrainingJobStatus"] == "Completed"
    bucket, key = described["ModelArtifacts"]["S3ModelArtifacts"].removeprefix("s3://").split("/", 1)
    archive = notebook.aws.client("s3").get_object(Bucket=bucket, Key=key)["Body"].read()
    with tarfile.open(fileobj=io.BytesIO(archive)) as tar:
        assert tar.getnames() == ["model.joblib"]
    nothing_is_left(notebook.aws, "own-code")


def test_the_classic_sdk_runs_a_script_with_its_paths_written_out(notebook: Notebook) -> None:
    """Protects script mode's own form (sagemaker_program), and /opt/ml as literal paths in training and serving."""
    aws = notebook.aws
    bucket, role = place(aws)
    table = load_diabetes(as_frame=True).frame.to_csv(index=False)
    aws.client("s3").put_object(Bucket=bucket, Key="data/diabetes.csv", Body=table.encode())
    row = load_diabetes().data[7]
    text = ",".join(map(repr, row.tolist()))
    output = notebook.run("v2", "classic.py", role, bucket, f"s3://{bucket}/data/", text)
    assert np.allclose(predicted(output), fitted(2.0).predict([row]), rtol=1e-9)
    (job,) = aws.client("sagemaker").list_training_jobs(NameContains="literal")["TrainingJobSummaries"]
    described = aws.client("sagemaker").describe_training_job(TrainingJobName=job["TrainingJobName"])
    assert json.loads(described["HyperParameters"]["sagemaker_program"]) == "train.py"
    nothing_is_left(aws, "literal")


def sources(script: str) -> bytes:
    """Pack a script as the SDK packs code."""
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as tar:
        member = tarfile.TarInfo("train.py")
        member.size = len(script.encode())
        tar.addfile(member, io.BytesIO(script.encode()))
    return packed.getvalue()


def test_a_script_that_fails_is_told_to_the_client(local_aws: LocalAws, image: str) -> None:
    """Protects FailureReason through the wire: boto3 sends what Estimator does, and reads the script's last error."""
    bucket, role = place(local_aws)
    code = sources("raise ValueError('no such column')\n")
    local_aws.client("s3").put_object(Bucket=bucket, Key="code/sourcedir.tar.gz", Body=code)
    submitted = {"sagemaker_program": "train.py", "sagemaker_submit_directory": f"s3://{bucket}/code/sourcedir.tar.gz"}
    name = local_aws.name("failing")
    local_aws.client("sagemaker").create_training_job(
        TrainingJobName=name,
        AlgorithmSpecification={"TrainingImage": image, "TrainingInputMode": "File"},
        RoleArn=role,
        HyperParameters={key: json.dumps(value) for key, value in submitted.items()},
        OutputDataConfig={"S3OutputPath": f"s3://{bucket}/out"},
        ResourceConfig={"InstanceType": "ml.m5.large", "InstanceCount": 1, "VolumeSizeInGB": 1},
        StoppingCondition={"MaxRuntimeInSeconds": 60},
    )
    reason = wait_for(local_aws, "training", name)["FailureReason"]
    assert reason.startswith('AlgorithmError: ExecuteUserScriptError:\nExitCode 1\nErrorMessage "ValueError: no such')
    assert reason.endswith("exit code: 1")
