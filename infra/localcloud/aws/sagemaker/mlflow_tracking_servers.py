"""MLflow tracking servers: the kind with a size and a price per hour, each a real MLflow server here."""

from typing import Any

from localstack.aws.api import RequestContext

from infra.localcloud.aws.arns import sagemaker_arn
from infra.localcloud.aws.failures import conflict
from infra.localcloud.aws.operations import Operations, Request, Response
from infra.localcloud.aws.paging import Listing
from infra.localcloud.aws.sagemaker import mlflow_records
from infra.localcloud.aws.sagemaker.job_records import echo
from infra.localcloud.aws.sagemaker.mlflow_process import MlflowPlan
from infra.localcloud.aws.sagemaker.mlflow_records import MlflowRecord
from infra.localcloud.aws.sagemaker.store import store

MACHINE = "mlflow_tracking_server"
UPDATED = ("AutomaticModelRegistration", "TrackingServerSize", "WeeklyMaintenanceWindowStart", "ArtifactStoreUri")
DESCRIBED = (*UPDATED, "RoleArn")


def create_server(context: RequestContext, request: Request) -> Response:
    """CreateMlflowTrackingServer: starts an MLflow server, of the version that is installed."""
    _refuse_unsupported(request)
    mlflow_records.check(request, context)
    records, name = store(context), request["TrackingServerName"]
    defaults = {
        "AutomaticModelRegistration": False,
        "TrackingServerSize": "Small",
        "WeeklyMaintenanceWindowStart": mlflow_records.DEFAULT_WINDOW,
    }
    server = MlflowRecord(
        name=name,
        arn=sagemaker_arn(context, "mlflow-tracking-server", name),
        settings={**defaults, **echo(request, DESCRIBED)},
        plan=MlflowPlan(f"server-{name}", request["ArtifactStoreUri"], request["RoleArn"], context.region),
    )
    records.tags.check(request.get("Tags"))
    records.mlflow_servers.add(server)
    records.tags.begin(server.arn, request.get("Tags"))
    mlflow_records.create(server, MACHINE)
    return {"TrackingServerArn": server.arn}


def describe_server(context: RequestContext, request: Request) -> Response:
    """DescribeMlflowTrackingServer."""
    server = _named(context, request)
    answer = {
        **_summary(server),
        "CreatedBy": {},
        "LastModifiedBy": {},
        "TrackingServerMaintenanceStatus": "MaintenanceComplete",
    }
    answer |= echo(server.settings, DESCRIBED)
    return answer | ({"TrackingServerUrl": server.server.url} if server.server else {})


def update_server(context: RequestContext, request: Request) -> Response:
    """UpdateMlflowTrackingServer."""
    _refuse_unsupported(request)
    server = _named(context, request)

    def work() -> None:
        server.settings |= echo(request, UPDATED)
        server.move(request.get("ArtifactStoreUri"))

    return _change(server, "update", work)


def start_server(context: RequestContext, request: Request) -> Response:
    """StartMlflowTrackingServer: it finds the records that it had."""
    server = _named(context, request)
    if server.server is not None:
        raise _busy(server)
    return _change(server, "start", server.serve)


def stop_server(context: RequestContext, request: Request) -> Response:
    """StopMlflowTrackingServer: its records stay."""
    server = _named(context, request)
    return _change(server, "stop", server.end)


def delete_server(context: RequestContext, request: Request) -> Response:
    """DeleteMlflowTrackingServer: its records go, its artifacts stay in the bucket."""
    records, server = store(context), _named(context, request)

    def work() -> None:
        server.end()
        server.plan.forget()
        records.tags.end(server.arn)
        records.mlflow_servers.remove(server.name)

    return _change(server, "delete", work)


def presign(context: RequestContext, request: Request) -> Response:
    """CreatePresignedMlflowTrackingServerUrl: the server's address itself; on loopback nothing is to be signed."""
    server = _named(context, request)
    if server.server is None:
        raise conflict(f"Tracking server {server.arn} is not running; its status is {server.status}.")
    return {"AuthorizedUrl": server.server.url}


def _change(server: MlflowRecord, action: str, work: Any) -> Response:
    mlflow_records.run(server, MACHINE, action, work, _busy(server))
    return {"TrackingServerArn": server.arn}


def _summary(server: MlflowRecord) -> dict[str, Any]:
    summary = {
        "TrackingServerArn": server.arn,
        "TrackingServerName": server.name,
        "TrackingServerStatus": server.status,
        "IsActive": "Active" if server.server else "Inactive",
        "CreationTime": server.created,
        "LastModifiedTime": server.modified,
    }
    return summary | ({"MlflowVersion": server.version} if server.version else {})


LISTING: Listing[MlflowRecord] = Listing(
    summary=_summary, key="TrackingServerSummaries", sort_keys={"Status": lambda server: server.status}
)


def list_servers(context: RequestContext, request: Request) -> Response:
    """ListMlflowTrackingServers."""
    chosen = [
        server
        for server in store(context).mlflow_servers.all()
        if request.get("TrackingServerStatus") in (None, server.status)
        and request.get("MlflowVersion") in (None, server.version)
    ]
    return LISTING.page(chosen, request)


def _named(context: RequestContext, request: Request) -> MlflowRecord:
    found: MlflowRecord = store(context).mlflow_servers.get(request["TrackingServerName"])
    return found


def _busy(server: MlflowRecord) -> Any:
    return conflict(f"Tracking server {server.arn} cannot be changed in status {server.status}.")


def _refuse_unsupported(request: Request) -> None:
    if request.get("AutomaticModelRegistration"):
        raise NotImplementedError("Automatic model registration is not implemented in the local cloud.")


OPERATIONS: Operations = {
    "CreateMlflowTrackingServer": create_server,
    "CreatePresignedMlflowTrackingServerUrl": presign,
    "DeleteMlflowTrackingServer": delete_server,
    "DescribeMlflowTrackingServer": describe_server,
    "ListMlflowTrackingServers": list_servers,
    "StartMlflowTrackingServer": start_server,
    "StopMlflowTrackingServer": stop_server,
    "UpdateMlflowTrackingServer": update_server,
}
