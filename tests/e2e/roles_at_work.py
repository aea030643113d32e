"""The roles of a demo at work: what their policies hold, what the gate recorded, and jobs run again under a role."""

import copy
import json
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, get_args

import boto3
import httpx
from botocore import xform_name
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.config import Config
from botocore.credentials import Credentials
from botocore.exceptions import ClientError

from components.stages import Role
from tests.e2e.conftest import Demo
from tests.localcloud.job_images import ended
from tests.localcloud.mlflow_address import gate_address

PREFIX = "stile-local-aws"
ROLES: tuple[str, ...] = get_args(Role)
MLFLOW = "CallMlflowAppApi"
NEVER_RETRIED = Config(parameter_validation=False, retries={"total_max_attempts": 1})
Statement = Mapping[str, Any]
# The members of a described job with which it could be created again.
AGAIN = {
    "training": (
        *("AlgorithmSpecification", "HyperParameters", "InputDataConfig", "OutputDataConfig", "ResourceConfig"),
        *("StoppingCondition", "Environment", "RoleArn"),
    ),
    "processing": (
        *("AppSpecification", "ProcessingInputs", "ProcessingOutputConfig", "ProcessingResources"),
        *("StoppingCondition", "Environment", "RoleArn"),
    ),
}


@dataclass(frozen=True)
class Decision:
    """One line of the gate's record."""

    role: str
    action: str
    resource: str
    allowed: bool
    service: str
    operation: str
    request: Mapping[str, Any]


@dataclass(frozen=True)
class Session:
    """A session of a role that makes recorded requests again."""

    url: str
    region: str
    credentials: Credentials
    clients: dict[str, Any] = field(default_factory=dict)

    def replay(self, decision: Decision) -> str:
        """Make a request again and return what it was refused with."""
        if decision.operation == MLFLOW:
            return self._replay_mlflow(decision)
        client = self._client(decision.service)
        known = client.meta.service_model.operation_model(decision.operation).input_shape.members
        request = {name: value for name, value in decision.request.items() if name in known}
        try:
            getattr(client, xform_name(decision.operation))(**request)
        except ClientError as error:
            return f"{error.response['Error']['Code']}: {error.response['Error']['Message']}"
        return "not refused"

    def _client(self, service: str) -> Any:
        if service not in self.clients:
            self.clients[service] = boto3.client(
                service,
                endpoint_url=self.url,
                region_name=self.region,
                aws_access_key_id=self.credentials.access_key,
                aws_secret_access_key=self.credentials.secret_key,
                aws_session_token=self.credentials.token,
                config=NEVER_RETRIED,
            )
        return self.clients[service]

    def _replay_mlflow(self, decision: Decision) -> str:
        """MLflow's API is no operation of an SDK: its plugin signs the requests itself, for the service `sagemaker`."""
        arn, path = decision.request["Arn"], decision.request["Path"]
        address = f"{gate_address(self.url, arn)}{path}"
        request = AWSRequest("GET", address)
        SigV4Auth(self.credentials, "sagemaker", self.region).add_auth(request)
        answer = httpx.get(address, headers=dict(request.headers.items()))
        return f"{answer.status_code}: {answer.json().get('message')}"


@dataclass(frozen=True)
class Roles:
    """The demo's roles, by the names that the components give them."""

    demo: Demo
    made: list[str] = field(default_factory=list)

    def statements(self, role: str) -> list[Statement]:
        """All that a role's inline policies say, as IAM has it."""
        iam, name = self.demo.client("iam"), f"{PREFIX}-{role}"
        found = iam.list_role_policies(RoleName=name)["PolicyNames"]
        documents = [iam.get_role_policy(RoleName=name, PolicyName=one)["PolicyDocument"] for one in found]
        return [statement for document in documents for statement in document["Statement"]]

    def actions(self, role: str) -> set[str]:
        """The actions that a role holds."""
        return {action for statement in self.statements(role) for action in statement["Action"]}

    def arn(self, role: str) -> str:
        """A role's ARN."""
        return str(self.demo.client("iam").get_role(RoleName=f"{PREFIX}-{role}")["Role"]["Arn"])

    def decisions(self) -> Iterator[Decision]:
        """What the gate recorded of these roles so far."""
        path = self.demo.project.folder / ".stile" / "local" / "aws" / "permissions.jsonl"
        for line in path.read_text().splitlines():
            found = json.loads(line)
            role = found["role"].removeprefix(f"{PREFIX}-")
            if role in ROLES:
                yield Decision(role, *(found[name] for name in list(Decision.__annotations__)[1:]))

    def used(self) -> dict[str, dict[str, Decision]]:
        """Per role and action, one request that the gate let through; one that can be refused in words, if any."""
        found: dict[str, dict[str, Decision]] = defaultdict(dict)
        for one in self.decisions():
            known = found[one.role].get(one.action)
            if one.allowed and (known is None or known.operation.startswith("Head")):
                found[one.role][one.action] = one
        return found

    def without(self, role: str, action: str) -> str:
        """Let a role beside another do all that the other may, but for one action; return its ARN."""
        iam, name = self.demo.client("iam"), f"{PREFIX}-{role}-lacks"
        if name not in self.made:
            trust = iam.get_role(RoleName=f"{PREFIX}-{role}")["Role"]["AssumeRolePolicyDocument"]
            iam.create_role(RoleName=name, AssumeRolePolicyDocument=json.dumps(trust))
            self.made.append(name)
        held = self.statements(role)
        left = [{**each, "Action": [one for one in each["Action"] if one != action]} for each in held]
        policy = {"Version": "2012-10-17", "Statement": [each for each in left if each["Action"]]}
        iam.put_role_policy(RoleName=name, PolicyName="left", PolicyDocument=json.dumps(policy))
        return f"{self.arn(role)}-lacks"

    def remove_made(self) -> None:
        """Remove the roles that `without` made."""
        iam = self.demo.client("iam")
        for name in self.made:
            iam.delete_role_policy(RoleName=name, PolicyName="left")
            iam.delete_role(RoleName=name)

    def session(self, arn: str) -> Session:
        """A session of a role."""
        keys = self.demo.client("sts").assume_role(RoleArn=arn, RoleSessionName="replay")["Credentials"]
        return Session(
            self.demo.variables["AWS_ENDPOINT_URL"],
            self.demo.variables["AWS_REGION"],
            Credentials(keys["AccessKeyId"], keys["SecretAccessKey"], keys["SessionToken"]),
        )

    def job(self, kind: str, step: str) -> dict[str, Any]:
        """The request by which a step's job of the demo's run could be made again; its outputs go elsewhere."""
        sagemaker = self.demo.client("sagemaker")
        start = f"pipelines-{self.demo.report['pipeline']['execution']}-{step}"[:52]
        listed = getattr(sagemaker, f"list_{kind}_jobs")(NameContains=start)
        name = listed[f"{kind.capitalize()}JobSummaries"][0][f"{kind.capitalize()}JobName"]
        described = getattr(sagemaker, f"describe_{kind}_job")(**{f"{kind.capitalize()}JobName": name})
        request = copy.deepcopy({member: described[member] for member in AGAIN[kind] if member in described})
        request["Environment"]["MLFLOW_EXPERIMENT_NAME"] = "again"
        execution, text = self.demo.report["pipeline"]["execution"], "OutputDataConfig"
        target = "ProcessingOutputConfig" if kind == "processing" else text
        moved = json.dumps(request[target]).replace(f"/runs/{execution}/", "/runs/again/")
        return {**request, target: json.loads(moved)}

    def run(self, kind: str, name: str, request: Mapping[str, Any]) -> Callable[[], dict[str, Any]]:
        """Create a job; return what waits for its end and describes it."""
        sagemaker = self.demo.client("sagemaker")
        getattr(sagemaker, f"create_{kind}_job")(**request, **{f"{kind.capitalize()}JobName": name})
        return lambda: ended(sagemaker, kind, name, delay_seconds=0.3)
