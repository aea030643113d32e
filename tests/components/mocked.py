"""A program run under Pulumi's mocks: what it declared, with URNs as the real engine makes them."""

import asyncio
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, cast

import pulumi
from pulumi.runtime import mocks, settings

from tests.components.google import COMPUTED, IDS, LOCATION, PROJECT

ACCOUNT, REGION = "123456789012", "us-east-1"
RANDOM = "0a1b2c3"
STACK = "pulumi:pulumi:Stack"
# Of all programs run here: the SDK keeps threads in it, and loops in those.
_LOOP = asyncio.new_event_loop()

# Types to which the provider gives a name when the program gives none, and the property that takes it.
_NAMED_BY_PROVIDER = {
    "aws:s3/bucket:Bucket": "bucket",
    "aws:sagemaker/model:Model": "name",
    "aws:sagemaker/endpointConfiguration:EndpointConfiguration": "name",
    "gcp:kms/cryptoKey:CryptoKey": "name",
    "gcp:kms/keyRing:KeyRing": "name",
    "gcp:sql/databaseInstance:DatabaseInstance": "name",
    "gcp:storage/bucket:Bucket": "name",
}
# The part of an ARN after the account, by type.
_ARNS = {
    "aws:iam/role:Role": "iam::{account}:role/{name}",
    "aws:kms/key:Key": "kms:{region}:{account}:key/{name}",
    "aws:sns/topic:Topic": "sns:{region}:{account}:{name}",
    "aws:sagemaker/modelPackageGroup:ModelPackageGroup": "sagemaker:{region}:{account}:model-package-group/{name}",
    "aws:sagemaker/mlflowApp:MlflowApp": "sagemaker:{region}:{account}:mlflow-app/{name}",
    "aws:sagemaker/mlflowTrackingServer:MlflowTrackingServer": (
        "sagemaker:{region}:{account}:mlflow-tracking-server/{name}"
    ),
}


@dataclass(frozen=True)
class Made:
    """One declared resource, with the options that matter to a stack's safety."""

    urn: str
    type: str
    name: str
    inputs: Mapping[str, Any]
    parent: str
    protected: bool
    retained: bool
    depends_on: frozenset[str]


@dataclass
class Declared:
    """All that a program declared, and what it exported."""

    resources: list[Made] = field(default_factory=list)
    outputs: dict[str, Any] = field(default_factory=dict)

    def all(self, type_: str) -> list[Made]:
        """Every resource of a type, given by the end of its token."""
        return [made for made in self.resources if made.type.endswith(type_)]

    def one(self, type_: str) -> Made:
        """The only resource of a type, given by the end of its token."""
        (made,) = self.all(type_)
        return made

    def clouds(self) -> Iterator[Made]:
        """What exists in a cloud: no components, nothing of ours."""
        return (made for made in self.resources if made.type.startswith(("aws:", "gcp:")))

    @property
    def urns(self) -> list[str]:
        return sorted(made.urn for made in self.resources)


class _Answers(mocks.Mocks):
    def call(self, args: mocks.MockCallArgs) -> tuple[dict[str, Any], list[tuple[str, str]] | None]:
        raise AssertionError(f"the program asks the cloud while it runs: {args.token}")

    def new_resource(self, args: mocks.MockResourceArgs) -> tuple[str | None, dict[str, Any]]:
        state = dict(args.inputs)
        named = _NAMED_BY_PROVIDER.get(args.typ)
        if named and named not in state:
            state[named] = f"{args.name}-{RANDOM}"
        if arn := _ARNS.get(args.typ):
            state["arn"] = "arn:aws:" + arn.format(account=ACCOUNT, region=REGION, name=args.name)
        state |= COMPUTED[args.typ](state) if args.typ in COMPUTED else _computed(args.typ, state)
        form = IDS.get(args.typ, f"{args.name}-id")
        return form.format_map({"project": PROJECT, "location": LOCATION, **state}), state


def _computed(type_: str, state: Mapping[str, Any]) -> dict[str, Any]:
    match type_:
        case "aws:ecr/repository:Repository":
            return {"repositoryUrl": f"{ACCOUNT}.dkr.ecr.{REGION}.amazonaws.com/{state['name']}"}
        case "aws:kms/key:Key":
            return {"keyId": "11111111-2222-3333-4444-555555555555"}
        case "aws:sns/topic:Topic":
            return {"owner": ACCOUNT}
        case "stile:images:Image":
            return {"imageUri": f"{state['repositoryUrl']}@sha256:{'1' * 64}", "digest": f"sha256:{'1' * 64}"}
        case "stile:endpoint:Live":
            return {"live": state["asked"], "liveVersion": state["modelVersion"]}
    return {}


def _revealed(value: Any) -> Any:
    """Inputs as the program gave them: the SDK itself marks some as secret."""
    if pulumi.runtime.rpc.is_rpc_secret(value):
        return _revealed(pulumi.runtime.rpc.unwrap_rpc_secret(value))
    if isinstance(value, dict):
        return {key: _revealed(item) for key, item in value.items()}
    return [_revealed(item) for item in value] if isinstance(value, list) else value


class _Recorder(mocks.MockMonitor):
    def __init__(self, declared: Declared) -> None:
        super().__init__(_Answers())
        self._declared = declared

    def make_urn(self, parent: str, type_: str, name: str) -> str:
        """Qualify the type by all its parents, as the engine does; the mocks know only the nearest."""
        parents = parent.split("::")[2] if parent else STACK
        qualified = type_ if parents == STACK else f"{parents}${type_}"
        return f"urn:pulumi:{settings.get_stack()}::{settings.get_project()}::{qualified}::{name}"

    def RegisterResource(self, request: Any) -> Any:  # noqa: N802 - the protocol's name
        if request.type == STACK:
            return super().RegisterResource(request)  # type: ignore[no-untyped-call]
        answer = super().RegisterResource(request)  # type: ignore[no-untyped-call]
        self._declared.resources.append(
            Made(
                urn=answer.urn,
                type=request.type,
                name=request.name,
                inputs=_revealed(pulumi.runtime.rpc.deserialize_properties(request.object)),
                parent=request.parent,
                protected=request.protect,
                retained=request.retainOnDelete,
                depends_on=frozenset(request.dependencies),
            )
        )
        return answer


def declare(program: Callable[[], object], stack: str = "test-aws", declared: Declared | None = None) -> Declared:
    """Run a program to its end and return what it declared; raises what the program raises.

    What it declares until then is in `declared`, if that is given.
    """
    declared = Declared() if declared is None else declared
    settings.reset_options()  # or the stack of the run before would stay the root

    def run() -> None:
        # Nothing is returned: the runtime waits for every output by itself, and cannot wait for one inside another.
        program()
        stack = cast("Any", settings.get_root_resource())
        pulumi.Output.from_input(stack.outputs).apply(declared.outputs.update)

    asyncio.set_event_loop(_LOOP)  # a test before may have taken this thread's away, as asyncio.run does
    mocks.set_mocks(_Answers(), project="stile", stack=stack, monitor=_Recorder(declared))
    mocks.test(run)()  # type: ignore[no-untyped-call]
    return declared
