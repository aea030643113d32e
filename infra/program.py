"""The program behind every preview, up and destroy: configuration -> Spec -> Platform -> exports."""

import importlib
import pkgutil
import sys
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pulumi

from components.checks import Known
from components.platform import Deployed, Platform, Resolved
from components.spec import Spec
from components.validation import parse
from ml_jobs import use_cases

# What the components use of a cloud's SDK. Importing it takes longer than the rest of a program that changes nothing.
SDK = {
    "aws": ("budgets", "cloudwatch", "ecr", "iam", "kms", "s3", "sagemaker", "sns"),
    "gcp": (
        "artifactregistry",
        "billing",
        "cloudrunv2",
        "kms",
        "monitoring",
        "projects",
        "pubsub",
        "secretmanager",
        "serviceaccount",
        "sql",
        "storage",
        "vertex",
    ),
}
PROJECT_ROOT = Path(__file__).resolve().parents[1]


def read(environment: str, config: Mapping[str, object]) -> Spec:
    """Return the Spec of an environment's configuration; raises ConfigError with every problem. Needs no engine."""
    names = tuple(module.name for module in pkgutil.iter_modules(use_cases.__path__) if module.ispkg)
    return parse(environment, config, Known(names, PROJECT_ROOT))


def load_ahead(spec: Spec) -> None:
    """Import the cloud's SDK in a thread while the CLI is asked about the stack; the program then finds it."""
    modules = [f"pulumi_{spec.cloud}.{name}" for name in SDK.get(spec.cloud, ())]

    def load() -> None:
        for module in modules:
            importlib.import_module(module)

    threading.Thread(target=load, name="load-sdk", daemon=True).start()


def resolved(spec: Spec) -> Resolved:
    """Look up what a Spec only describes: machine types, the use cases' candidates, the image's Python.

    A machine that is asked for by need is the cheapest in the region that has it. Raises ConfigError if the price book
    is wrong.
    """
    from infra.cost.machines import chosen_types

    models, types = spec.platform.models, chosen_types(spec)
    return Resolved(
        machine=types["training", None],
        processing_machine=types["processing", None],
        endpoint_machines={name: types["endpoint", name] for name in models},
        candidates={model.use_case: _candidates(model.use_case) for model in models.values()},
        python_version=spec.platform.images.python_version or f"{sys.version_info.major}.{sys.version_info.minor}",
    )


def define(environment: str, config: Mapping[str, object]) -> None:
    """Declare everything that an environment consists of, and export what the commands need.

    `config` has the keys of the stack's file: stile:cloud, stile:platform, stile:gcp, and those of the provider that
    say where it stands, such as aws:region. Raises ConfigError.
    """
    spec = read(environment, config)
    platform = Platform(spec, resolved(spec))
    outputs: dict[str, Any] = {
        "data_bucket": platform.storage.bucket,
        "job_role_arn": platform.identity.roles["jobs"],
        "image_uri": platform.images.image_uri,
        "tracking_uri": platform.tracking.uri,
        "region": spec.region,
        "environment": environment,
        "models": {name: _model_outputs(deployed) for name, deployed in platform.models.items()},
    }
    for name, value in outputs.items():
        pulumi.export(name, value)


def _model_outputs(deployed: Deployed) -> Mapping[str, Any]:
    return {
        "pipeline": deployed.pipeline.name,
        "model_package_group": deployed.registry.group,
        "endpoint": deployed.endpoint.name,
        "dashboard": deployed.dashboard,
    }


def _candidates(use_case: str) -> Sequence[str]:
    module = importlib.import_module(f"{use_cases.__name__}.{use_case}")
    candidates: Sequence[str] = module.CANDIDATES
    return candidates
