"""MLflow Apps: the serverless kind of managed MLflow, each a real MLflow server here."""

import secrets
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

MACHINE = "mlflow_app"
UPDATED = ("AccountDefaultStatus", "DefaultDomainIdList", "ModelRegistrationMode", "WeeklyMaintenanceWindowStart")
DESCRIBED = (*UPDATED, "ArtifactStoreUri", "RoleArn")


def create_app(context: RequestContext, request: Request) -> Response:
    """CreateMlflowApp: starts an MLflow server."""
    _refuse_unsupported(request)
    mlflow_records.check(request, context)
    records, identity = store(context), f"app-{secrets.token_hex(6).upper()}"
    # An App's id is not its name: it keeps its capitals.
    arn = f"{sagemaker_arn(context, 'mlflow-app')}/{identity}"
    defaults = {
        "AccountDefaultStatus": "DISABLED",
        "ModelRegistrationMode": "AutoModelRegistrationDisabled",
        "WeeklyMaintenanceWindowStart": mlflow_records.DEFAULT_WINDOW,
    }
    app = MlflowRecord(
        name=request["Name"],
        arn=arn,
        settings={**defaults, **echo(request, DESCRIBED)},
        plan=MlflowPlan(identity, request["ArtifactStoreUri"], request["RoleArn"], context.region),
    )
    records.tags.check(request.get("Tags"))
    records.mlflow_apps.add(app)
    records.tags.begin(arn, request.get("Tags"))
    mlflow_records.create(app, MACHINE)
    return {"Arn": arn}


def describe_app(context: RequestContext, request: Request) -> Response:
    """DescribeMlflowApp."""
    app = _named(context, request)
    answer = {
        **_summary(app),
        "CreatedBy": {},
        "LastModifiedBy": {},
        "MaintenanceStatus": "MaintenanceComplete",
    }
    return answer | echo(app.settings, DESCRIBED)


def update_app(context: RequestContext, request: Request) -> Response:
    """UpdateMlflowApp."""
    _refuse_unsupported(request)
    app = _named(context, request)

    def work() -> None:
        app.settings |= echo(request, (*UPDATED, "ArtifactStoreUri"))
        app.move(request.get("ArtifactStoreUri"))

    mlflow_records.run(app, MACHINE, "update", work, _busy(app))
    return {"Arn": app.arn}


def delete_app(context: RequestContext, request: Request) -> Response:
    """DeleteMlflowApp: its records go, its artifacts stay in the bucket."""
    records, app = store(context), _named(context, request)

    def work() -> None:
        app.end()
        app.plan.forget()
        records.tags.end(app.arn)
        records.mlflow_apps.remove(app.name)

    mlflow_records.run(app, MACHINE, "delete", work, _busy(app))
    return {"Arn": app.arn}


def presign(context: RequestContext, request: Request) -> Response:
    """CreatePresignedMlflowAppUrl: the server's address itself; on loopback nothing is to be signed."""
    app = _named(context, request)
    if app.server is None:
        raise conflict(f"MlflowApp {app.arn} is not running; its status is {app.status}.")
    return {"AuthorizedUrl": app.server.url}


def _summary(app: MlflowRecord) -> dict[str, Any]:
    summary = {
        "Arn": app.arn,
        "Name": app.name,
        "Status": app.status,
        "CreationTime": app.created,
        "LastModifiedTime": app.modified,
    }
    return summary | ({"MlflowVersion": app.version} if app.version else {})


LISTING: Listing[MlflowRecord] = Listing(
    summary=_summary, key="Summaries", sort_keys={"Status": lambda app: app.status}
)


def list_apps(context: RequestContext, request: Request) -> Response:
    """ListMlflowApps."""
    chosen = [
        app
        for app in store(context).mlflow_apps.all()
        if request.get("Status") in (None, app.status)
        and request.get("MlflowVersion") in (None, app.version)
        and request.get("AccountDefaultStatus") in (None, app.settings["AccountDefaultStatus"])
        and _is_default_for(app, request.get("DefaultForDomainId"))
    ]
    return LISTING.page(chosen, request)


def _is_default_for(app: MlflowRecord, domain: str | None) -> bool:
    return domain is None or domain in app.settings.get("DefaultDomainIdList", ())


def _named(context: RequestContext, request: Request) -> MlflowRecord:
    found: MlflowRecord = store(context).mlflow_apps.get(request["Arn"])
    return found


def _busy(app: MlflowRecord) -> Any:
    return conflict(f"MlflowApp {app.arn} cannot be changed in status {app.status}.")


def _refuse_unsupported(request: Request) -> None:
    if request.get("ModelRegistrationMode") == "AutoModelRegistrationEnabled":
        raise NotImplementedError("Automatic model registration is not implemented in the local cloud.")


OPERATIONS: Operations = {
    "CreateMlflowApp": create_app,
    "CreatePresignedMlflowAppUrl": presign,
    "DeleteMlflowApp": delete_app,
    "DescribeMlflowApp": describe_app,
    "ListMlflowApps": list_apps,
    "UpdateMlflowApp": update_app,
}
