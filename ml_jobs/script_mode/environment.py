"""What a user's training script is told: its arguments, and the SM_* variables.

Source: the vendor's sagemaker-training toolkit 5.1 (ENVIRONMENT_VARIABLES.md of its repository), read 2026-11.
"""

import json
import logging
import os
import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ml_jobs.contracts import sagemaker_job
from ml_jobs.script_mode import PROGRAM, SUBMIT_DIRECTORY
from ml_jobs.settings import container_path

CODE = "/opt/ml/code"
LOG_LEVEL = "sagemaker_container_log_level"
FOLDERS = {
    "input_dir": "/opt/ml/input",
    "input_config_dir": "/opt/ml/input/config",
    "output_dir": "/opt/ml/output",
    "output_data_dir": "/opt/ml/output/data",
    "output_intermediate_dir": "/opt/ml/output/intermediate",
    "model_dir": "/opt/ml/model",
}


@dataclass(frozen=True)
class Asked:
    """What the platform and the request say of a training job; hyperparameters are decoded.

    Attributes:
        own: the script's hyperparameters.
        framework: those of the vendor's SDK, whose names begin with `sagemaker_`.
        resources: resourceconfig.json, the hosts and machines.
        channels: inputdataconfig.json, by channel.
    """

    own: Mapping[str, Any]
    framework: Mapping[str, Any]
    resources: Mapping[str, Any]
    channels: Mapping[str, Any]

    @property
    def distribution(self) -> list[str]:
        """The kinds of distribution that the request asks for, by the names of their switches."""
        return sorted(name for name, value in self.framework.items() if name.endswith("_enabled") and value is True)

    @property
    def program(self) -> str:
        """The script's path in the code."""
        return str(os.environ.get(PROGRAM.upper()) or self.framework[PROGRAM])

    @property
    def submitted(self) -> str:
        """Where the code comes from; the image's own code folder where nobody says."""
        return str(self.framework.get(SUBMIT_DIRECTORY) or os.environ.get(SUBMIT_DIRECTORY.upper()) or CODE)


def read() -> Asked:
    """Read the job's configuration files.

    Raises:
        JobError: one is missing or no JSON object.
    """
    decoded = {name: _decoded(value) for name, value in sagemaker_job.configuration("hyperparameters.json").items()}
    framework = {name: value for name, value in decoded.items() if name.startswith(("sagemaker_", "_tuning_"))}
    own = {name: value for name, value in decoded.items() if name not in framework}
    return Asked(
        own,
        framework,
        sagemaker_job.configuration("resourceconfig.json"),
        sagemaker_job.configuration("inputdataconfig.json"),
    )


def _decoded(value: Any) -> Any:
    try:
        return json.loads(value)
    except (ValueError, TypeError):
        return value


def arguments(hyperparameters: Mapping[str, Any]) -> list[str]:
    """Return hyperparameters as the toolkit's command line: sorted, `--name value`, `-n value` for short names."""
    found: list[str] = []
    for name, value in sorted(hyperparameters.items()):
        found += [f"--{name}" if len(name) > 1 else f"-{name}", _argument(value)]
    return found


def _argument(value: Any) -> str:
    if isinstance(value, Mapping):
        return ",".join(f"{key}={item}" for key, item in sorted(value.items()))
    return "" if value is None else str(value)


def variables(asked: Asked) -> dict[str, str]:
    """Return the SM_* variables, and the three others that the toolkit sets."""
    facts = _facts(asked)
    others = {
        "CURRENT_HOST": facts["current_host"],
        "SAGEMAKER_JOB_NAME": asked.framework.get("sagemaker_job_name") or facts["job_name"],
        "SAGEMAKER_REGION": asked.framework.get("sagemaker_region") or os.environ.get("AWS_REGION"),
    }
    found = {
        **{name: value for name, value in facts.items() if name != "channel_input_dirs"},
        "hps": facts["hyperparameters"],
        "framework_params": facts["additional_framework_parameters"],
        "channels": sorted(asked.channels),
        "training_env": facts,
        "user_args": arguments(asked.own),
        **{f"channel_{name}": path for name, path in facts["channel_input_dirs"].items()},
    }
    for name, value in asked.own.items():
        # The toolkit keeps a dash, which no shell can name; the newer SDK writes an underscore. Scripts use either.
        found[f"hp_{name}"] = found[f"hp_{name.replace('-', '_')}"] = value
    told = {f"SM_{name.upper()}": value for name, value in found.items()} | others
    return {name: _text(value) for name, value in told.items()}


def _facts(asked: Asked) -> dict[str, Any]:
    """Return what SM_TRAINING_ENV holds, which the other variables tell one by one."""
    hosts, host = list(asked.resources["hosts"]), str(asked.resources["current_host"])
    groups = {group["instance_group_name"]: group for group in asked.resources.get("instance_groups", ())}
    group = asked.resources.get("current_group_name", "homogeneousCluster")
    data = container_path("/opt/ml/input/data")
    return {
        **{name: str(container_path(path)) for name, path in FOLDERS.items()},
        "additional_framework_parameters": _extra(asked.framework),
        "channel_input_dirs": {name: str(data / name) for name in asked.channels},
        "current_host": host,
        "current_instance_group": group,
        "current_instance_group_hosts": groups.get(group, {}).get("hosts", hosts),
        "current_instance_type": asked.resources.get("current_instance_type", "local"),
        "distribution_instance_groups": [],
        "framework_module": os.environ.get("SAGEMAKER_TRAINING_MODULE"),
        "hosts": hosts,
        "hyperparameters": dict(asked.own),
        "input_data_config": dict(asked.channels),
        "instance_groups": list(groups),
        "instance_groups_dict": groups,
        "is_hetero": len(groups) > 1,
        "is_master": host == sorted(hosts)[0],
        "job_name": os.environ.get("TRAINING_JOB_NAME"),
        "log_level": asked.framework.get(LOG_LEVEL, logging.INFO),
        "master_hostname": sorted(hosts)[0],
        "module_dir": asked.submitted,
        "module_name": Path(asked.program).with_suffix("").as_posix(),
        "network_interface_name": asked.resources.get("network_interface_name", "eth0"),
        "num_cpus": os.cpu_count() or 1,
        "num_gpus": _gpus(),
        "num_neurons": 0,
        "resource_config": dict(asked.resources),
        "user_entry_point": asked.program,
    }


def _extra(framework: Mapping[str, Any]) -> dict[str, Any]:
    known = {PROGRAM, SUBMIT_DIRECTORY, LOG_LEVEL, "sagemaker_region", "sagemaker_job_name", "sagemaker_s3_output"}
    known |= {"sagemaker_enable_cloudwatch_metrics"}
    return {name: value for name, value in framework.items() if name.startswith("sagemaker_") and name not in known}


def _gpus() -> int:
    if shutil.which("nvidia-smi") is None:
        return 0
    listed = subprocess.run(["nvidia-smi", "--list-gpus"], capture_output=True, text=True, check=False)
    return sum(line.startswith("GPU ") for line in listed.stdout.splitlines())


def _text(value: Any) -> str:
    if value is None:
        return ""
    return value if isinstance(value, str) else json.dumps(value, sort_keys=True, separators=(",", ":"))
