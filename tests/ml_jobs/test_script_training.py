"""Protects script mode in training: what a user's script is told, where its code comes from, how its end is told."""

import io
import json
import os
import signal
import subprocess
import sys
import tarfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from ml_jobs import script_mode
from ml_jobs.errors import JobError
from ml_jobs.script_mode import environment, requirements, source, training
from tests.ml_jobs.serving import LIMIT_SECONDS
from tests.ml_jobs.serving import environment as plain

RESOURCES = {
    "current_host": "algo-1",
    "current_instance_type": "ml.m5.large",
    "current_group_name": "homogeneousCluster",
    "hosts": ["algo-1"],
    "instance_groups": [
        {"instance_group_name": "homogeneousCluster", "instance_type": "ml.m5.large", "hosts": ["algo-1"]}
    ],
    "network_interface_name": "eth0",
}
CHANNEL = {"TrainingInputMode": "File", "S3DistributionType": "FullyReplicated", "RecordWrapperType": "None"}
# Leaves what it was told in its model.
TELLS = """
import json, os, pathlib, sys
told = {"arguments": sys.argv[1:], "folder": os.getcwd(), "variables": dict(os.environ)}
pathlib.Path(os.environ["SM_MODEL_DIR"], "told.json").write_text(json.dumps(told))
"""


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A training job's container without a root of its own."""
    monkeypatch.setenv("STILE_CONTAINER_ROOT", str(tmp_path))
    return tmp_path


def lay_out(root: Path, program: str, files: Mapping[str, str], **hyperparameters: Any) -> None:
    """Write what the platform does, and the code as the SDK does."""
    config = root / "opt/ml/input/config"
    config.mkdir(parents=True)
    (root / "opt/ml/model").mkdir()
    code = root / "opt/ml/input/data/code"
    asked = {"sagemaker_program": program, "sagemaker_submit_directory": "/opt/ml/input/data/code", **hyperparameters}
    (config / "hyperparameters.json").write_text(json.dumps({name: json.dumps(one) for name, one in asked.items()}))
    (config / "resourceconfig.json").write_text(json.dumps(RESOURCES))
    (config / "inputdataconfig.json").write_text(json.dumps({"train": CHANNEL, "code": CHANNEL}))
    for name, text in files.items():
        (code / name).parent.mkdir(parents=True, exist_ok=True)
        (code / name).write_text(text)


def run(root: Path, **variables: str) -> "subprocess.CompletedProcess[str]":
    """Run the image's entry `train`."""
    return subprocess.run(
        [sys.executable, "-m", "ml_jobs.container", "train"],
        cwd=root,
        env=plain(STILE_CONTAINER_ROOT=str(root), TRAINING_JOB_NAME="job-1", **variables),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
        timeout=LIMIT_SECONDS,
    )


def failure(root: Path) -> str:
    return (root / "opt/ml/output/failure").read_text()


HYPERPARAMETERS = {
    "alpha": 0.5,
    "name": "two words",
    "n": 3,
    "learning-rate": 1e-3,
    "deep": {"b": 1, "a": 2},
    "sagemaker_container_log_level": 10,
    "flag": True,
    "sagemaker_region": "eu-west-1",
}
# What of these is the script's own.
OWN_HYPERPARAMETERS = {
    "alpha": 0.5,
    "deep": {"a": 2, "b": 1},
    "flag": True,
    "learning-rate": 0.001,
    "n": 3,
    "name": "two words",
}


@pytest.fixture
def told(root: Path) -> dict[str, Any]:
    """What a script was told that trained with these hyperparameters."""
    lay_out(root, "jobs/train.py", {"jobs/train.py": TELLS}, **HYPERPARAMETERS)
    ended = run(root)
    assert ended.returncode == 0, ended.stdout
    assert (root / "opt/ml/output/success").exists()
    found: dict[str, Any] = json.loads((root / "opt/ml/model/told.json").read_text())
    return found


def test_a_script_runs_in_its_folder_with_its_hyperparameters_as_arguments(root: Path, told: dict[str, Any]) -> None:
    """Protects the order and form of the arguments that scripts written for the vendor's containers parse."""
    told_so = ["--alpha", "0.5", "--deep", "a=2,b=1", "--flag", "True", "--learning-rate", "0.001", "-n", "3"]
    assert told["arguments"] == [*told_so, "--name", "two words"]
    assert told["folder"] == str(root / "opt/ml/code")


def test_a_script_is_told_in_texts_what_the_toolkit_tells(root: Path, told: dict[str, Any]) -> None:
    """Protects the names and values of variables that scripts written for the vendor's containers read as they are."""
    ml = root / "opt/ml"
    texts = {
        "SM_MODEL_DIR": str(ml / "model"),
        "SM_INPUT_DIR": str(ml / "input"),
        "SM_INPUT_CONFIG_DIR": str(ml / "input/config"),
        "SM_OUTPUT_DIR": str(ml / "output"),
        "SM_OUTPUT_DATA_DIR": str(ml / "output/data"),
        "SM_CHANNEL_TRAIN": str(ml / "input/data/train"),
        "SM_CHANNEL_CODE": str(ml / "input/data/code"),
        "SM_CURRENT_HOST": "algo-1",
        "SM_CURRENT_INSTANCE_TYPE": "ml.m5.large",
        "SM_MODULE_NAME": "jobs/train",
        "SM_MODULE_DIR": "/opt/ml/input/data/code",
        "SM_USER_ENTRY_POINT": "jobs/train.py",
        "SM_FRAMEWORK_MODULE": "",
        "SM_HP_NAME": "two words",
        "SM_HP_LEARNING-RATE": "0.001",
        "SM_HP_LEARNING_RATE": "0.001",
        "SM_LOG_LEVEL": "10",
        "SM_NETWORK_INTERFACE_NAME": "eth0",
        "SM_NUM_GPUS": "0",
        "CURRENT_HOST": "algo-1",
        "SAGEMAKER_JOB_NAME": "job-1",
        "SAGEMAKER_REGION": "eu-west-1",
    }
    assert {name: told["variables"].get(name) for name in texts} == texts


def test_a_script_is_told_in_json_what_the_toolkit_tells(told: dict[str, Any]) -> None:
    """Protects the names and values of variables that scripts written for the vendor's containers decode."""
    decoded = {
        "SM_CHANNELS": ["code", "train"],
        "SM_HOSTS": ["algo-1"],
        "SM_NUM_CPUS": os.cpu_count(),
        "SM_USER_ARGS": told["arguments"],
        "SM_RESOURCE_CONFIG": RESOURCES,
        "SM_INPUT_DATA_CONFIG": {"train": CHANNEL, "code": CHANNEL},
        "SM_HPS": OWN_HYPERPARAMETERS,
    }
    assert {name: json.loads(told["variables"][name]) for name in decoded} == decoded


def test_a_script_is_told_everything_in_one_document(root: Path, told: dict[str, Any]) -> None:
    """Protects SM_TRAINING_ENV, by which the vendor's toolkit hands all of it on at once."""
    everything = json.loads(told["variables"]["SM_TRAINING_ENV"])
    assert everything["hyperparameters"] == OWN_HYPERPARAMETERS
    assert everything["channel_input_dirs"]["train"] == str(root / "opt/ml/input/data/train")
    assert everything["job_name"] == "job-1"


FAILURES = {
    "an exception": (
        "def f():\n    raise ValueError('no such\\ncolumn')\nf()",
        1,
        'ErrorMessage "ValueError: no such\ncolumn"',
    ),
    "its own code": ("import sys; sys.stderr.write('bad luck\\n'); sys.exit(7)", 7, 'ErrorMessage "bad luck"'),
    "a signal": ("import os; os.kill(os.getpid(), 9)", 137, "OutOfMemory: Process killed by SIGKILL"),
}


@pytest.mark.parametrize("name", FAILURES)
def test_a_failed_script_is_told_in_the_vendors_words(name: str, root: Path) -> None:
    """Protects FailureReason: the script's code and last error; the image itself ends with 1, as the toolkit does."""
    script, code, said = FAILURES[name]
    lay_out(root, "train.py", {"train.py": script}, alpha=1)
    ended = run(root)
    assert ended.returncode == 1
    assert failure(root).startswith(f"ExecuteUserScriptError:\nExitCode {code}\n")
    assert said in failure(root)
    assert "train.py --alpha 1" in failure(root)
    assert not (root / "opt/ml/output/success").exists()


def test_distribution_is_refused_and_never_run_half(root: Path) -> None:
    lay_out(root, "train.py", {"train.py": TELLS}, sagemaker_mpi_enabled=True, sagemaker_parameter_server_enabled=False)
    with pytest.raises(JobError, match=r"^sagemaker_mpi_enabled: the image runs one process per job"):
        training.run()
    assert not (root / "opt/ml/model/told.json").exists()


def test_a_script_may_leave_its_own_reason(root: Path) -> None:
    script = (
        "import os, sys\nopen(os.path.join(os.environ['SM_OUTPUT_DIR'], 'failure'), 'w').write('mine')\nsys.exit(2)"
    )
    lay_out(root, "train.py", {"train.py": script})
    assert run(root).returncode == 1
    assert failure(root) == "mine"


def test_a_stopped_script_can_save_what_it_has(tmp_path: Path) -> None:
    """Protects the stop: SIGTERM reaches the script, and we wait for it."""
    script = """
import os, signal, sys, time
def stop(*_):
    open("saved", "w").close()
    sys.exit(0)
signal.signal(signal.SIGTERM, stop)
os.kill(os.getppid(), signal.SIGTERM)
while True:
    time.sleep(1)
"""
    before = signal.getsignal(signal.SIGTERM)
    code, _, stopped = training.supervise([sys.executable, "-c", script], tmp_path, os.environ)
    assert (code, stopped) == (0, True)
    assert (tmp_path / "saved").exists()
    assert signal.getsignal(signal.SIGTERM) is before


COMMANDS = {
    "a script": ("train.py", ("train.py",), [sys.executable, "train.py"]),
    "a package": ("jobs/train.py", ("setup.py",), [sys.executable, "-m", "jobs.train"]),
    "a shell script": ("run.sh", ("run.sh", "setup.py"), ["/bin/sh", "-c", 'exec ./run.sh "$@"', "run.sh"]),
}


@pytest.mark.parametrize("name", COMMANDS)
def test_the_kind_of_program_decides_how_it_runs(name: str, tmp_path: Path) -> None:
    program, files, expected = COMMANDS[name]
    for file in files:
        (tmp_path / file).write_text('echo "$1" > told')
    command = training.command_of(tmp_path, program)
    assert command == expected
    if name == "a shell script":
        assert training.supervise([*command, "a b"], tmp_path, os.environ)[0] == 0
        assert (tmp_path / "told").read_text() == "a b\n"


@pytest.mark.parametrize("program", ["../train.py", "/train.py", "-c", "absent.py"])
def test_a_program_outside_of_the_code_is_refused(program: str, tmp_path: Path) -> None:
    with pytest.raises(JobError, match="sagemaker_program is"):
        training.command_of(tmp_path, program)


def packed(**files: str) -> bytes:
    """An archive as the SDK packs it."""
    content = io.BytesIO()
    with tarfile.open(fileobj=content, mode="w:gz") as tar:
        for name, text in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(text)
            tar.addfile(member, io.BytesIO(text.encode()))
    return content.getvalue()


def test_code_may_come_from_an_archive_a_script_or_the_image(tmp_path: Path) -> None:
    archive = tmp_path / "sourcedir.tar.gz"
    archive.write_bytes(packed(**{"train.py": "pass", "jobs/part.py": "pass"}))
    source.bring(f"file://{archive}", tmp_path / "code")
    assert (tmp_path / "code/jobs/part.py").read_text() == "pass"
    source.bring(str(tmp_path / "code/train.py"), tmp_path / "alone")
    assert [file.name for file in (tmp_path / "alone").iterdir()] == ["train.py"]
    source.bring("s3://nobody/asks", tmp_path / "alone")  # what the image brings stays
    assert [file.name for file in (tmp_path / "alone").iterdir()] == ["train.py"]


def test_code_that_cannot_be_had_is_named(tmp_path: Path) -> None:
    with pytest.raises(JobError, match="sagemaker_submit_directory is '/nowhere'"):
        source.bring("/nowhere", tmp_path / "code")
    (tmp_path / "out.tar.gz").write_bytes(packed(**{"../out.py": "pass"}))
    with pytest.raises(JobError, match="points outside of the archive"):
        source.bring(str(tmp_path / "out.tar.gz"), tmp_path / "code")
    assert not (tmp_path / "out.py").exists()


WHEEL = {
    "greeting.py": "WORD = 'hello'\n",
    "greeting-1.0.dist-info/METADATA": "Metadata-Version: 2.1\nName: greeting\nVersion: 1.0\n",
    "greeting-1.0.dist-info/WHEEL": "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    "greeting-1.0.dist-info/RECORD": "",
}


def write_wheel(folder: Path) -> None:
    import zipfile

    folder.mkdir(parents=True)
    with zipfile.ZipFile(folder / "greeting-1.0-py3-none-any.whl", "w") as wheel:
        for name, text in WHEEL.items():
            wheel.writestr(name, text)


def test_what_a_script_requires_is_installed_for_it_alone(root: Path) -> None:
    """Protects requirements.txt: only what is missing is installed, beside the image's packages, and comes first."""
    write_wheel(root / "wheels")
    asked = f"--no-index\n--find-links {root / 'wheels'}\ngreeting==1.0\nnumpy\n"
    script = "import greeting, os; open(os.path.join(os.environ['SM_MODEL_DIR'], 'word'), 'w').write(greeting.WORD)"
    lay_out(root, "train.py", {"train.py": script, "requirements.txt": asked})
    ended = run(root)
    assert ended.returncode == 0, ended.stdout
    assert (root / "opt/ml/model/word").read_text() == "hello"
    installed = {path.name for path in (root / "opt/ml/packages").iterdir()} - {"__pycache__"}
    assert installed == {"greeting-1.0.dist-info", "greeting.py"}


def test_requirements_that_cannot_be_met_say_so(root: Path) -> None:
    """Protects the failure without a network: pip's words and the fix, not a traceback."""
    lay_out(root, "train.py", {"train.py": "pass", "requirements.txt": "no-such-package-anywhere==1\n"})
    ended = run(root, PIP_NO_INDEX="1")
    assert ended.returncode == 1
    assert failure(root).startswith("InstallRequirementsError:\nExitCode 1\n")
    assert "No matching distribution found for no-such-package-anywhere" in failure(root)
    assert "fix: pip must reach a package registry" in failure(root)
    assert "Traceback" not in ended.stdout


def test_requirements_that_the_image_meets_need_no_network(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "requirements.txt").write_text("numpy>=2\npandas\n")
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    assert requirements.install(tmp_path) is None


def test_literal_paths_are_told_where_they_cannot_work(root: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Without a root of its own, /opt/ml written out is not the job's: the log names each line."""
    (root / "train.py").write_text("import os\nopen('/opt/ml/model/model.joblib', 'w')\n")
    with caplog.at_level("WARNING"):
        source.warn_of_literal_paths(root)
    assert "this machine gives jobs no root of their own" in caplog.text
    assert "train.py:2 writes /opt/ml out" in caplog.text


def test_literal_paths_are_fine_in_a_root_of_its_own(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("STILE_CONTAINER_ROOT", raising=False)
    (tmp_path / "train.py").write_text("open('/opt/ml/model/model.joblib', 'w')\n")
    source.warn_of_literal_paths(tmp_path)
    assert caplog.text == ""


def test_a_program_is_named_by_the_job_or_by_the_image() -> None:
    assert not script_mode.is_training({"use_case": "flight_delays", "sagemaker_region": "us-east-1"}, {})
    assert script_mode.is_training({"sagemaker_program": '"train.py"'}, {})
    assert script_mode.is_training({}, {"SAGEMAKER_PROGRAM": "train.py"})


def test_the_last_error_is_the_exception_not_its_traceback() -> None:
    lines = ["warning", training.TRACEBACK, '  File "a.py", line 1', "KeyError: 'a'", "", "During handling ...", ""]
    lines += [training.TRACEBACK, '  File "a.py", line 3', "    f()", "ValueError: no", "column"]
    assert training.last_error(lines) == "ValueError: no\ncolumn"
    assert training.last_error(["one", "two"]) == "one\ntwo"
    assert training.last_error([]) == ""


def test_arguments_have_the_toolkits_form() -> None:
    assert environment.arguments({"b": None, "alpha": [1, 2], "ok": False}) == [
        "--alpha", "[1, 2]", "-b", "", "--ok", "False"
    ]  # fmt: skip
