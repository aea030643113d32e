"""What a job gets of the cloud around it: its role's credentials, its object store, its log, and checks before it."""

import os
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from botocore.exceptions import ClientError
from localstack.aws.connect import connect_externally_to

from infra.localcloud.aws.containers import container_host
from infra.localcloud.aws.failures import validation
from infra.localcloud.aws.permissions.gate import AccessDeniedError
from infra.localcloud.aws.permissions.policies import trusts
from infra.localcloud.aws.permissions.roles import Actor
from infra.localcloud.aws.sagemaker.job_logs import JobLog
from infra.localcloud.aws.sagemaker.job_permissions import check_machine, check_pull
from infra.localcloud.aws.sagemaker.job_records import JobRecord
from infra.localcloud.aws.sagemaker.machine_metrics import MachineMetrics
from infra.localcloud.aws.sagemaker.tracking_environment import tracking_environment
from infra.localcloud.aws.states import FaultError, Transition, transition
from infra.localcloud.jobs import contract_sagemaker
from infra.localcloud.jobs.process import LogLine
from infra.localcloud.jobs.registry import ImageError
from infra.localcloud.jobs.request import JobRequest
from infra.localcloud.jobs.runner import JobRun, Result, Surroundings
from infra.localcloud.jobs.transfer import ObjectStore, S3Store, TransferError

SESSION_SECONDS = 43_200
PRINCIPAL = "sagemaker.amazonaws.com"


@dataclass(frozen=True)
class Session:
    """A session of a job's role in a region."""

    role: str
    name: str
    region: str
    access_key_id: str
    secret_access_key: str
    session_token: str

    @property
    def actor(self) -> Actor:
        """Who the permission gate sees."""
        return Actor(self.role.split(":")[4], self.role.rsplit("/", 1)[-1], self.name)

    def client(self, service: str) -> Any:
        """Return a client that acts under the role."""
        return connect_externally_to.get_client(
            service,
            region_name=self.region,
            endpoint_url=endpoint_url(),
            aws_access_key_id=self.access_key_id,
            aws_secret_access_key=self.secret_access_key,
            aws_session_token=self.session_token,
        )

    def environment(self) -> dict[str, str]:
        """Return the variables by which the SDKs of a job act under the role, on this cloud."""
        return {
            "AWS_ACCESS_KEY_ID": self.access_key_id,
            "AWS_SECRET_ACCESS_KEY": self.secret_access_key,
            "AWS_SESSION_TOKEN": self.session_token,
            "AWS_ENDPOINT_URL": endpoint_url(),
            "AWS_REGION": self.region,
            "AWS_DEFAULT_REGION": self.region,
        }


def endpoint_url() -> str:
    """Return where this cloud answers."""
    return os.environ["AWS_ENDPOINT_URL"]


def own_client(service: str, region: str) -> Any:
    """Return a client of the cloud itself."""
    return connect_externally_to.get_client(
        service,
        region_name=region,
        endpoint_url=endpoint_url(),
        aws_access_key_id="test",
        aws_secret_access_key="test",  # noqa: S106 - every local client's
    )


def assume(role: str, job_name: str, region: str) -> Session:
    """Return a session of a role, as the service does for each job."""
    name = f"SageMaker-{job_name}"[:64]
    answer = own_client("sts", region).assume_role(RoleArn=role, RoleSessionName=name, DurationSeconds=SESSION_SECONDS)[
        "Credentials"
    ]
    return Session(role, name, region, answer["AccessKeyId"], answer["SecretAccessKey"], answer["SessionToken"])


def check_role(role: str, region: str) -> None:
    """Raise the vendor's error for a role that does not exist, or that does not trust SageMaker."""
    refusal = validation(
        f"Could not assume role {role}. Please ensure that the role exists and allows principal '{PRINCIPAL}' "
        "to assume the role."
    )
    try:
        found = own_client("iam", region).get_role(RoleName=role.rsplit("/", 1)[-1])["Role"]
    except ClientError as error:
        raise refusal from error
    if found["Arn"] != role or not trusts(found["AssumeRolePolicyDocument"], PRINCIPAL):
        raise refusal


def check_image(image: str) -> None:
    """Raise the vendor's error for an image that is not in the registry."""
    try:
        container_host().check(image)
    except ImageError as error:
        raise validation(f"Cannot find image {image}: {error}. Please check if your ECR image exists.") from error


def check_input(uri: str, role: str, region: str) -> None:
    """Raise the vendor's error where nothing lies under an input's prefix."""
    bucket, _, prefix = uri.removeprefix("s3://").partition("/")
    refusal = validation(
        f'No S3 objects found under S3 URL "{uri}" given in input data source. Please ensure that the bucket exists '
        f"in the selected region ({region}), that objects exist under that S3 prefix, and that the role "
        f'"{role}" has "s3:ListBucket" permissions on bucket "{bucket}".'
    )
    try:
        found = own_client("s3", region).list_objects_v2(Bucket=bucket, Prefix=prefix, MaxKeys=1)
    except ClientError as error:
        raise refusal from error
    if not found.get("Contents"):
        raise refusal


def check_bucket(uri: str, region: str) -> None:
    """Raise the vendor's error for an output whose bucket does not exist."""
    bucket = uri.removeprefix("s3://").partition("/")[0]
    try:
        own_client("s3", region).head_bucket(Bucket=bucket)
    except ClientError as error:
        raise validation(f"The specified bucket does not exist: {bucket} (of {uri})") from error


def begin(record: JobRecord, job: JobRequest, session: Session, group: str, on_line: Callable[[str], None]) -> None:
    """Start a job's run; everything that becomes of it goes into its record, its log and its outputs.

    `on_line` sees each line of the job's output besides the log.
    """
    host = f"{job.name}/{contract_sagemaker.HOST}"
    log = JobLog(session.client("logs"), group, f"{host}-{_epoch(record)}")
    # The namespace of the metrics is called as the group of the logs.
    metrics = MachineMetrics(session.client("cloudwatch"), group, {"Host": host})

    def connect() -> tuple[ObjectStore, Mapping[str, str]]:
        _suffer(transition(f"{job.kind.value}_job", "run", job.name))
        _check_permissions(session, job.image, record.request)
        return S3Store(session.client("s3")), {**session.environment(), **tracking_environment(job.environment)}

    def take(line: LogLine) -> None:
        log.write(line)
        on_line(line.text)

    def end(result: Result) -> None:
        metrics.close()
        log.close()
        record.finish(result)

    around = Surroundings(container_host(), contract_sagemaker, connect, take, record.enter_phase, end)
    record.begin(JobRun(job, around))


def _check_permissions(session: Session, image: str, request: Mapping[str, Any]) -> None:
    check_pull(session.actor, image)
    try:
        check_machine(session.actor, session.region, request)
    except AccessDeniedError as error:
        raise TransferError(f"AccessDeniedException: {error}") from error


def _suffer(change: Transition) -> None:
    """Let a job last and fail as the table of states, or a test through it, says."""
    threading.Event().wait(change.delay_seconds)  # nobody signals it: the delay is the fact that is emulated
    if change.fault is not None:
        raise FaultError(change.fault)


def _epoch(record: JobRecord) -> int:
    return int(record.created.timestamp())
