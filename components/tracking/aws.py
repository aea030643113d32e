"""MLflow on AWS: SageMaker's serverless App by default, a tracking server as an option, or one that exists."""

from collections.abc import Mapping, Sequence
from typing import Any

import pulumi
import pulumi_aws as aws

from components.stages import Grants, Role
from components.tracking import TrackingArgs

_MAKING_RUNS = ("CreateExperiment", "CreateRun", "GetExperimentByName", "GetRun", "LogBatch", "UpdateRun")

SERVER_ACTIONS: Mapping[Role, Sequence[str]] = {
    "train": _MAKING_RUNS,
    "evaluate": ("GetRun", "LogBatch"),
    "govern": ("GetRun",),
    "jobs": _MAKING_RUNS,
}
"""What the jobs call of a tracking server, whose actions are those of MLflow's REST API.

Source: https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazonsagemakerwithmlflow.html
"""


class AwsTracking(pulumi.ComponentResource):
    """SageMaker's MLflow, reached by its ARN.

    Its database holds the history of runs, so a managed App and a tracking server are protected.
    """

    uri: pulumi.Output[str]
    grants: Grants

    def __init__(self, name: str, args: TrackingArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("stile:index:Tracking", name, {}, opts)
        # A fixed name cannot be created twice: should the App or the server ever be replaced, the old one goes first.
        self._options = pulumi.ResourceOptions(
            parent=self, protect=True, delete_before_replace=True, depends_on=list(args.get("depends_on", ()))
        )
        make = {"managed": self._app, "server": self._server, "external": self._external}
        self.uri = make[args["mode"]](args)
        self.grants = self._grants(args["mode"])
        self.register_outputs({"uri": self.uri})

    def _app(self, args: TrackingArgs) -> pulumi.Output[str]:
        naming = args["naming"]
        app = aws.sagemaker.MlflowApp(
            naming.of("mlflow"),
            name=naming.of("mlflow"),
            artifact_store_uri=args["artifacts_uri"],
            role_arn=args["role"],
            model_registration_mode="AutoModelRegistrationDisabled",
            tags=naming.tags("tracking"),
            opts=self._options,
        )
        arn: pulumi.Output[str] = app.arn
        return arn

    def _server(self, args: TrackingArgs) -> pulumi.Output[str]:
        naming = args["naming"]
        server = aws.sagemaker.MlflowTrackingServer(
            naming.of("mlflow"),
            tracking_server_name=naming.of("mlflow"),
            tracking_server_size="Small",
            artifact_store_uri=args["artifacts_uri"],
            role_arn=args["role"],
            automatic_model_registration=False,
            tags=naming.tags("tracking"),
            opts=self._options,
        )
        arn: pulumi.Output[str] = server.arn
        return arn

    def _external(self, args: TrackingArgs) -> pulumi.Output[str]:
        return pulumi.Output.from_input(args["url"])

    def _grants(self, mode: str) -> Grants:
        """What those jobs call that log: training makes a run, evaluate and govern add to it."""
        if mode == "external":
            return {}
        if mode == "managed":
            # The one of Apps: https://docs.aws.amazon.com/sagemaker/latest/dg/mlflow-app-setup-prerequisites-iam.html
            calling = [{"Action": ["sagemaker:CallMlflowAppApi"], "Resource": [self.uri]}]
            return {"train": calling, "evaluate": calling, "govern": calling, "jobs": calling}
        return {role: _named(actions, self.uri) for role, actions in SERVER_ACTIONS.items()}


def _named(actions: Sequence[str], server: pulumi.Output[str]) -> Sequence[Mapping[str, Any]]:
    return [{"Action": [f"sagemaker-mlflow:{name}" for name in actions], "Resource": [server]}]
