"""What the local AWS cloud's own services answer, operation by operation, beside the vendor's whole list.

`python -m infra.reports.local_operations` writes docs/local-operations.md; a test is red when that page is stale, and
another asks the running cloud for every one of them.
"""

import json
import subprocess
from collections.abc import Iterator

import boto3

from infra.environments import ROOT
from infra.localcloud.preparation import PYTHON

PAGE = ROOT / "docs" / "local-operations.md"
SERVICES = {"sagemaker": "sagemaker", "sagemaker-runtime": "sagemaker_runtime", "budgets": "budgets", "ecr": "ecr"}
LIST = """
import importlib, json, sys
from infra.localcloud.aws import operations
found = {}
operations.compose = lambda api, parts: found.setdefault(api, sorted(name for part in parts for name in part))
for folder in sys.argv[1:]:
    importlib.import_module(f"infra.localcloud.aws.{folder}.provider").service()
print(json.dumps(found))
"""
HEADER = """# What the local AWS cloud answers

Its own services beside every operation that boto3 {version} knows. What is implemented has a test by boto3. What is not
answers `InternalFailure` with status 501 and the operation's name, never a success. Other services (S3, IAM, KMS, SNS,
CloudWatch, Logs, STS) are LocalStack's. Written by `python -m infra.reports.local_operations`; a test is red when this
page is stale, and `tests/localcloud/test_wire.py` asks the running cloud for every operation.

| service | operations | implemented | not implemented |
|---|---|---|---|
"""


def implemented() -> dict[str, list[str]]:
    """Operations by service, as the services themselves list them.

    Raises:
        subprocess.CalledProcessError: LocalStack's environment cannot load them.
    """
    done = subprocess.run(
        [PYTHON, "-c", LIST, *SERVICES.values()], cwd=ROOT, capture_output=True, text=True, check=True
    )
    found: dict[str, list[str]] = json.loads(done.stdout)
    return found


def known(service: str) -> list[str]:
    """All operations of a service that the installed SDK knows."""
    client = boto3.client(service, region_name="us-east-1", aws_access_key_id="-", aws_secret_access_key="-")  # noqa: S106 - nothing is called
    return sorted(client.meta.service_model.operation_names)


def rows(service: str, answered: list[str]) -> Iterator[str]:
    """What a service implements and what it does not, by name."""
    others = [name for name in known(service) if name not in answered]
    yield f"\n## {service}\n"
    yield f"Implemented: {', '.join(answered)}.\n"
    yield f"Not implemented: {', '.join(others) or 'none'}."


def page() -> str:
    """The page, whole."""
    by_service = implemented()
    counts: list[str] = []
    parts: list[str] = []
    for service in SERVICES:
        answered, total = by_service[service], len(known(service))
        counts.append(f"| {service} | {total} | {len(answered)} | {total - len(answered)} |")
        parts += rows(service, answered)
    return HEADER.format(version=boto3.__version__) + "\n".join([*counts, *parts]) + "\n"


if __name__ == "__main__":
    PAGE.write_text(page())
