"""Many clients at once on the local cloud's SageMaker: what was lost, who won each name, what failed, and the memory.

`python -m benchmarks.crowd` runs it for a minute on a local cloud of its own; a test runs a few rounds of it.
"""

import json
import os
import tempfile
import threading
import time
import uuid
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import boto3
import psutil
from botocore.config import Config
from botocore.exceptions import ClientError

from infra import toolchain
from infra.localcloud import lifecycle

CLIENTS = 20
ROLE = "arn:aws:iam::000000000000:role/crowd"
SPECIFICATION = {
    "Containers": [{"Image": "000000000000.dkr.ecr.us-east-1.amazonaws.com/none@sha256:" + "0" * 64}],
    "SupportedContentTypes": ["application/json"],
    "SupportedResponseMIMETypes": ["application/json"],
}
STEP = {
    "Name": "only",
    "Type": "Processing",
    "Arguments": {
        "ProcessingResources": {
            "ClusterConfig": {"InstanceType": "ml.m5.large", "InstanceCount": 1, "VolumeSizeInGB": 1}
        },
        "AppSpecification": {"ImageUri": "none"},
        "RoleArn": ROLE,
    },
}
DEFINITION = json.dumps({"Version": "2020-12-01", "Parameters": [], "Steps": [STEP]})


@dataclass
class Seen:
    """What the crowd saw.

    Attributes:
        answers: how many answers of each status.
        winners: how many creators, and how many deleters, won each name that all raced for.
        lost: changes that were answered with success and were not there afterwards.
    """

    answers: Counter[int] = field(default_factory=Counter)
    winners: Counter[str] = field(default_factory=Counter)
    lost: list[str] = field(default_factory=list)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def call(self, operation: Callable[..., Any], **request: Any) -> Any:
        """Call an operation once; None where it was refused."""
        try:
            answer, status = operation(**request), 200
        except ClientError as error:
            answer, status = None, int(error.response["ResponseMetadata"]["HTTPStatusCode"])
        with self._lock:
            self.answers[status] += 1
        return answer

    def race(self, what: str, operation: Callable[..., Any], **request: Any) -> None:
        """Call what only one of all may win."""
        won = self.call(operation, **request) is not None
        with self._lock:
            self.winners[what] += won

    def miss(self, what: str) -> None:
        """Note a lost change."""
        with self._lock:
            self.lost.append(what)


def crowd(connect: Callable[[], Any], role: str, goes_on: Callable[[int], bool]) -> Seen:
    """Let all clients create, update, describe and delete, round by round, until `goes_on(round)` is false.

    Args:
        connect: makes one SageMaker client.
        role: ARN of a role that exists.
        goes_on: asked once before each round.
    """
    seen = Seen()
    gate = threading.Barrier(CLIENTS)
    first = connect()
    group = f"crowd-{uuid.uuid4().hex[:8]}"
    first.create_model_package_group(ModelPackageGroupName=group)
    shared = first.create_model_package(ModelPackageGroupName=group, InferenceSpecification=SPECIFICATION)
    clients = [connect() for _ in range(CLIENTS)]
    round_number = 0
    with ThreadPoolExecutor(CLIENTS) as pool:
        while goes_on(round_number):
            arguments = (seen, gate, shared["ModelPackageArn"], role, round_number)
            ends = [pool.submit(_round, client, name, *arguments) for name, client in enumerate(clients)]
            for end in ends:
                end.result()
            kept = first.describe_model_package(ModelPackageName=shared["ModelPackageArn"])
            found = kept["CustomerMetadataProperties"]
            missing = [f"client-{name}" for name in range(CLIENTS) if found.get(f"client-{name}") != str(round_number)]
            seen.lost += [f"metadata of {one} in round {round_number}" for one in missing]
            round_number += 1
    return seen


def _round(client: Any, name: int, seen: Seen, gate: threading.Barrier, package: str, role: str, number: int) -> None:
    raced, own = f"raced-{number}-{package.split('/')[-2]}", f"own-{name}-{number}"
    gate.wait()
    seen.race(f"create {raced}", client.create_model_package_group, ModelPackageGroupName=raced)
    changed = {f"client-{name}": str(number)}
    if seen.call(client.update_model_package, ModelPackageArn=package, CustomerMetadataProperties=changed) is None:
        seen.miss(f"the update of client {name} in round {number} was refused")
    _own(client, seen, own, role)
    seen.call(client.list_pipelines, MaxResults=10)
    seen.call(client.describe_model_package_group, ModelPackageGroupName=raced)
    gate.wait()
    seen.race(f"delete {raced}", client.delete_model_package_group, ModelPackageGroupName=raced)


def _own(client: Any, seen: Seen, name: str, role: str) -> None:
    """Create, update, describe and delete what nobody else touches."""
    seen.call(client.create_pipeline, PipelineName=name, PipelineDefinition=DEFINITION, RoleArn=role)
    seen.call(client.update_pipeline, PipelineName=name, PipelineDescription=name)
    described = seen.call(client.describe_pipeline, PipelineName=name)
    if described is None or described.get("PipelineDescription") != name:
        seen.miss(f"the description of {name}")
    seen.call(client.delete_pipeline, PipelineName=name)
    if seen.call(client.describe_pipeline, PipelineName=name) is not None:
        seen.miss(f"the deletion of {name}")


def memory_mib(pid: int) -> float:
    """Resident memory of a process and all below it."""
    top = psutil.Process(pid)
    return float(sum(one.memory_info().rss for one in [top, *top.children(recursive=True)])) / 2**20


def main(seconds: float = 60) -> None:
    """Run the crowd for a while and say what it saw."""
    os.environ["STILE_CRANE"] = str(toolchain.ensure(print).crane)
    with tempfile.TemporaryDirectory() as folder:
        cloud = lifecycle.start("aws", Path(folder), print)
        try:
            _measure(cloud, seconds)
        finally:
            lifecycle.stop("aws", Path(folder), print)


def _measure(cloud: lifecycle.LocalCloud, seconds: float) -> None:
    account = {"aws_access_key_id": "test", "aws_secret_access_key": "test", "region_name": "us-east-1"}
    once = Config(retries={"total_max_attempts": 1})
    trust = {"Effect": "Allow", "Principal": {"Service": "sagemaker.amazonaws.com"}, "Action": "sts:AssumeRole"}
    boto3.client("iam", endpoint_url=cloud.endpoint_url, **account).create_role(
        RoleName="crowd", AssumeRolePolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": [trust]})
    )

    def connect() -> Any:
        return boto3.client("sagemaker", endpoint_url=cloud.endpoint_url, config=once, **account)

    crowd(connect, ROLE, lambda done: done < 1)
    before, began = memory_mib(cloud.pid), time.monotonic()
    seen = crowd(connect, ROLE, lambda _: time.monotonic() - began < seconds)
    print(f"{sum(seen.answers.values())} calls in {time.monotonic() - began:.0f} s by {CLIENTS} clients")
    print(f"answers by status: {dict(seen.answers)}; lost: {len(seen.lost)}")
    print(f"names raced for: {len(seen.winners)}, won more or less than once: {_odd(seen)}")
    print(f"memory: {before:.0f} MiB before, {memory_mib(cloud.pid):.0f} MiB after")


def _odd(seen: Seen) -> int:
    return sum(winners != 1 for winners in seen.winners.values())


if __name__ == "__main__":
    main()
