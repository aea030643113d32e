"""What Amazon SageMaker says is live at an endpoint."""

from dataclasses import dataclass
from typing import Any, Final

from infra.providers.kit.resource import PluginError

# DescribeEndpoint's EndpointStatus values that pass by themselves
# source: https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_DescribeEndpoint.html
PASSING: Final = frozenset({"Creating", "Updating", "SystemUpdating", "RollingBack", "Deleting"})
IN_SERVICE: Final = "InService"


@dataclass(frozen=True)
class Endpoint:
    """An endpoint as it is.

    Attributes:
        status: the vendor's EndpointStatus.
        config: name of the endpoint configuration that is live.
        failure_reason: why it failed; empty if it did not.
    """

    status: str
    config: str
    failure_reason: str = ""


class SageMaker:
    """Asks one region's SageMaker. Every method raises PluginError if the API refuses or does not answer."""

    def __init__(self, region: str | None) -> None:
        import boto3

        self._client: Any = boto3.client("sagemaker", region_name=region)

    def endpoint(self, name: str) -> Endpoint | None:
        """Return the endpoint, None if SageMaker says that there is none."""
        answer = self._ask("describe_endpoint", EndpointName=name)
        if answer is None:
            return None
        return Endpoint(answer["EndpointStatus"], answer["EndpointConfigName"], answer.get("FailureReason", ""))

    def model_version(self, config: str) -> str | None:
        """Return the version that the model of a configuration's first variant carries, None if it carries none."""
        answer = self._ask("describe_endpoint_config", EndpointConfigName=config)
        variants = answer["ProductionVariants"] if answer else []
        model = self._ask("describe_model", ModelName=variants[0]["ModelName"]) if variants else None
        if model is None:
            return None
        container = model.get("PrimaryContainer") or (model.get("Containers") or [{}])[0]
        version = container.get("Environment", {}).get("STILE_MODEL_VERSION")
        return None if version is None else str(version)

    def _ask(self, operation: str, **names: str) -> dict[str, Any] | None:
        from botocore.exceptions import BotoCoreError, ClientError

        try:
            answer: dict[str, Any] = getattr(self._client, operation)(**names)
        except ClientError as error:
            if _says_missing(error.response["Error"]):
                return None
            raise PluginError(f"SageMaker refuses {operation}: {error}") from error
        except BotoCoreError as error:
            raise PluginError(f"SageMaker does not answer {operation}: {error}") from error
        return answer


def _says_missing(error: dict[str, str]) -> bool:
    """Tell a missing thing from any other mistake: SageMaker has one code for both, and says `Could not find`."""
    missing = error.get("Message", "").lower().startswith("could not find")
    return error.get("Code") == "ResourceNotFound" or (error.get("Code") == "ValidationException" and missing)
