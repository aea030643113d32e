"""MLflow on AWS: SageMaker's serverless App by default, a tracking server as an option, or one that exists."""

import pulumi
import pulumi_aws as aws

from components.stages import Grants
from components.tracking import TrackingArgs


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
        self.grants = {} if args["mode"] == "external" else {"jobs": self._logging()}
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

    def _logging(self) -> list[dict[str, list[object]]]:
        return [
            {
                "Action": ["sagemaker:CallMlflowAppApi", "sagemaker:DescribeMlflowApp", "sagemaker-mlflow:*"],
                "Resource": [self.uri],
            }
        ]
