"""What MLflow Apps and tracking servers have in common: a server process with a status, started, moved and stopped."""

import threading
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from localstack.aws.api import RequestContext

from infra.localcloud.aws.failures import Refusal
from infra.localcloud.aws.records import Record
from infra.localcloud.aws.sagemaker import job_cloud
from infra.localcloud.aws.sagemaker.mlflow_process import MlflowPlan, MlflowServer, start_mlflow
from infra.localcloud.aws.states import transition

BUSY = ("Creating", "Updating", "Deleting", "Starting", "Stopping")
# What the vendor picks where a request names none.
DEFAULT_WINDOW = "Tue:03:00"
_CHANGING = threading.Lock()


@dataclass(kw_only=True)
class MlflowRecord(Record):
    """An MLflow App or tracking server; `settings` holds the members that it was given."""

    settings: dict[str, Any]
    plan: MlflowPlan
    status: str = BUSY[0]
    version: str = ""
    server: MlflowServer | None = None
    reason: str | None = None

    def enter(self, status: str, reason: str | None = None) -> None:
        """Note a status, and the reason if it is a failure's."""
        self.status = status
        self.reason = reason
        self.touch()

    def serve(self) -> None:
        """Start the server; raises MlflowError if it does not become ready."""
        self.server = start_mlflow(self.plan)
        self.version = self.server.version()

    def end(self) -> None:
        """Stop the server."""
        if self.server is not None:
            self.server.stop()
            self.server = None

    def move(self, artifacts: str | None) -> None:
        """Let artifacts go elsewhere from now on, which takes a restart."""
        if artifacts is None or artifacts == self.plan.artifacts:
            return
        self.plan = replace(self.plan, artifacts=artifacts)
        if self.server is not None:
            self.end()
            self.serve()


def check(request: Any, context: RequestContext) -> None:
    """Raise the vendor's errors for a role that cannot be assumed, or artifacts in no bucket of ours."""
    job_cloud.check_role(request["RoleArn"], context.region)
    job_cloud.check_bucket(request["ArtifactStoreUri"], context.region)


def create(record: MlflowRecord, machine: str) -> None:
    """Start a new record's server in the background."""
    change = transition(machine, "create", record.name)
    change.run(record.serve, record.enter)


def run(record: MlflowRecord, machine: str, action: str, work: Callable[[], None], busy: Refusal) -> None:
    """Take a record through a transition, doing the work in the background; one that is busy refuses."""
    with _CHANGING:
        if record.status in BUSY:
            raise busy
        change = transition(machine, action, record.name)
        record.enter(change.during)
    change.run(work, record.enter)
