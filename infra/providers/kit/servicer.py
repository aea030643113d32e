"""The gRPC servicer: turns the engine's messages into calls on a Plugin and its resources, and back."""

from collections.abc import Iterable, Mapping
from typing import Any, NoReturn

import grpc
from google.protobuf import any_pb2, empty_pb2, struct_pb2
from pulumi.runtime.proto import plugin_pb2, provider_pb2, provider_pb2_grpc, status_pb2

from infra.providers.kit.resource import (
    Autonaming,
    Change,
    CheckCall,
    CreateCall,
    DeleteCall,
    Diff,
    DiffCall,
    Failure,
    InitFailed,
    Plugin,
    PluginError,
    ReadCall,
    UpdateCall,
)
from infra.providers.kit.values import (
    Path,
    Properties,
    conceal,
    conceal_outputs,
    conceal_texts,
    decode,
    encode,
    reveal,
    texts_at,
)

_MODES = {
    provider_pb2.CheckRequest.AutonamingOptions.PROPOSE: Autonaming.PROPOSE,
    provider_pb2.CheckRequest.AutonamingOptions.ENFORCE: Autonaming.ENFORCE,
    provider_pb2.CheckRequest.AutonamingOptions.DISABLE: Autonaming.DISABLE,
}
_KINDS = {
    Change.ADD: provider_pb2.PropertyDiff.ADD,
    Change.ADD_REPLACE: provider_pb2.PropertyDiff.ADD_REPLACE,
    Change.DELETE: provider_pb2.PropertyDiff.DELETE,
    Change.DELETE_REPLACE: provider_pb2.PropertyDiff.DELETE_REPLACE,
    Change.UPDATE: provider_pb2.PropertyDiff.UPDATE,
    Change.UPDATE_REPLACE: provider_pb2.PropertyDiff.UPDATE_REPLACE,
}


def revealed(struct: struct_pb2.Struct) -> tuple[Properties, frozenset[Path]]:
    """Return a message's properties without Secret wrappers, and where those stood."""
    return reveal(decode(struct))


def plain(struct: struct_pb2.Struct) -> Properties:
    """Return a message's properties without Secret wrappers."""
    return revealed(struct)[0]


def type_of(urn: str) -> str:
    """Return the token in a resource's name (URN)."""
    return urn.split("::")[2].rsplit("$", 1)[-1]


def stack_of(urn: str) -> str:
    """Return the stack in a name (URN); empty if the engine gave none."""
    return urn.split(":")[2] if urn else ""


def name_of(urn: str) -> str:
    """Return the logical name in a resource's name (URN)."""
    return urn.split("::", 3)[3]


def stop(context: grpc.ServicerContext, message: str, code: grpc.StatusCode = grpc.StatusCode.UNKNOWN) -> NoReturn:
    """End the call with an error."""
    context.abort(code, message)
    raise AssertionError("abort always raises")


class Servicer(provider_pb2_grpc.ResourceProviderServicer):
    """Serves one plugin; every method is one of the engine's calls and runs in a thread of its own."""

    def __init__(self, plugin: Plugin) -> None:
        self._plugin = plugin

    # the plugin itself

    def Handshake(self, request: Any, context: grpc.ServicerContext) -> provider_pb2.ProviderHandshakeResponse:  # noqa: N802, D102
        return provider_pb2.ProviderHandshakeResponse(accept_secrets=True, supports_autonaming_configuration=True)

    def GetPluginInfo(self, request: Any, context: grpc.ServicerContext) -> plugin_pb2.PluginInfo:  # noqa: N802, D102
        return plugin_pb2.PluginInfo(version=self._plugin.version)

    def GetSchema(self, request: Any, context: grpc.ServicerContext) -> provider_pb2.GetSchemaResponse:  # noqa: N802, D102
        return provider_pb2.GetSchemaResponse(schema=self._plugin.schema())

    def Cancel(self, request: Any, context: grpc.ServicerContext) -> empty_pb2.Empty:  # noqa: N802, D102
        self._plugin.cancelled.set()
        return empty_pb2.Empty()

    def CheckConfig(self, request: Any, context: grpc.ServicerContext) -> provider_pb2.CheckResponse:  # noqa: N802, D102
        self._check_stack(request.urn, context)
        failures = self._plugin.check_config(plain(request.news))
        return provider_pb2.CheckResponse(inputs=request.news, failures=_failures(failures))

    def DiffConfig(self, request: Any, context: grpc.ServicerContext) -> provider_pb2.DiffResponse:  # noqa: N802, D102
        olds, news = plain(request.old_inputs), plain(request.news)
        changed = {key: Change.UPDATE for key in olds.keys() | news.keys() if olds.get(key) != news.get(key)}
        return _diff_response(Diff(changes=changed, of_inputs=True))

    def Configure(self, request: Any, context: grpc.ServicerContext) -> provider_pb2.ConfigureResponse:  # noqa: N802, D102
        self._check_stack(request.urn, context)
        try:
            self._plugin.configure(plain(request.args))
        except PluginError as error:
            stop(context, str(error), grpc.StatusCode.INVALID_ARGUMENT)
        return provider_pb2.ConfigureResponse(
            acceptSecrets=True, supportsPreview=True, supports_autonaming_configuration=True
        )

    def _check_stack(self, urn: str, context: grpc.ServicerContext) -> None:
        try:
            self._plugin.check_stack(stack_of(urn))
        except PluginError as error:
            stop(context, str(error), grpc.StatusCode.FAILED_PRECONDITION)

    def Invoke(self, request: Any, context: grpc.ServicerContext) -> provider_pb2.InvokeResponse:  # noqa: N802, D102
        args, secrets = revealed(request.args)
        try:
            answer = self._plugin.invoke(request.tok, args)
        except PluginError as error:
            stop(context, str(error))
        if secrets:
            answer = {key: conceal(value, [()]) for key, value in answer.items()}
        response = provider_pb2.InvokeResponse()
        getattr(response, "return").CopyFrom(encode(answer))  # a keyword in Python
        return response

    # resources

    def Check(self, request: Any, context: grpc.ServicerContext) -> provider_pb2.CheckResponse:  # noqa: N802, D102
        news, secrets = revealed(request.news)
        call = CheckCall(
            urn=request.urn,
            name=name_of(request.urn),
            news=news,
            olds=plain(request.olds),
            random_seed=request.randomSeed,
            autonaming=_MODES[request.autonaming.mode] if request.HasField("autonaming") else Autonaming.DEFAULT,
            proposed_name=request.autonaming.proposed_name,
        )
        try:
            checked = self._plugin.resource(type_of(request.urn)).check(call)
        except PluginError as error:
            stop(context, str(error))
        inputs = conceal(checked.inputs, (path for path in secrets if path[0] in checked.inputs))
        return provider_pb2.CheckResponse(inputs=encode(inputs), failures=_failures(checked.failures))

    def Diff(self, request: Any, context: grpc.ServicerContext) -> provider_pb2.DiffResponse:  # noqa: N802, D102
        call = DiffCall(
            urn=request.urn,
            id=request.id,
            olds=plain(request.olds),
            news=plain(request.news),
            old_inputs=plain(request.old_inputs),
            ignore_changes=tuple(request.ignoreChanges),
        )
        try:
            return _diff_response(self._plugin.resource(type_of(request.urn)).diff(call))
        except PluginError as error:
            stop(context, str(error))

    def Create(self, request: Any, context: grpc.ServicerContext) -> provider_pb2.CreateResponse:  # noqa: N802, D102
        inputs, secrets = revealed(request.properties)
        call = CreateCall(
            urn=request.urn,
            name=name_of(request.urn),
            inputs=inputs,
            preview=request.preview,
            timeout_seconds=request.timeout or None,
        )
        try:
            created = self._plugin.resource(type_of(request.urn)).create(call)
        except InitFailed as error:
            _stop_half_made(context, error, inputs, secrets)
        except PluginError as error:
            stop(context, str(error))
        return provider_pb2.CreateResponse(id=created.id, properties=_hidden(created.outputs, inputs, secrets))

    def Read(self, request: Any, context: grpc.ServicerContext) -> provider_pb2.ReadResponse:  # noqa: N802, D102
        inputs, input_secrets = revealed(request.inputs)
        outputs, output_secrets = revealed(request.properties)
        call = ReadCall(urn=request.urn, name=name_of(request.urn), id=request.id, inputs=inputs, outputs=outputs)
        try:
            found = self._plugin.resource(type_of(request.urn)).read(call)
        except InitFailed as error:
            _stop_half_made(context, error, inputs, input_secrets)
        except PluginError as error:
            stop(context, str(error))
        if found is None:
            return provider_pb2.ReadResponse()
        return provider_pb2.ReadResponse(
            id=found.id,
            properties=_hidden(found.outputs, inputs, input_secrets, output_secrets),
            inputs=encode(conceal(found.inputs, (path for path in input_secrets if path[0] in found.inputs))),
        )

    def Update(self, request: Any, context: grpc.ServicerContext) -> provider_pb2.UpdateResponse:  # noqa: N802, D102
        inputs, secrets = revealed(request.news)
        call = UpdateCall(
            urn=request.urn,
            name=name_of(request.urn),
            id=request.id,
            olds=plain(request.olds),
            inputs=inputs,
            old_inputs=plain(request.old_inputs),
            ignore_changes=tuple(request.ignoreChanges),
            preview=request.preview,
            timeout_seconds=request.timeout or None,
        )
        try:
            outputs = self._plugin.resource(type_of(request.urn)).update(call)
        except InitFailed as error:
            _stop_half_made(context, error, inputs, secrets)
        except PluginError as error:
            stop(context, str(error))
        return provider_pb2.UpdateResponse(properties=_hidden(outputs, inputs, secrets))

    def Delete(self, request: Any, context: grpc.ServicerContext) -> empty_pb2.Empty:  # noqa: N802, D102
        call = DeleteCall(
            urn=request.urn,
            name=name_of(request.urn),
            id=request.id,
            outputs=plain(request.properties),
            inputs=plain(request.old_inputs),
            timeout_seconds=request.timeout or None,
        )
        try:
            self._plugin.resource(type_of(request.urn)).delete(call)
        except PluginError as error:
            stop(context, str(error))
        return empty_pb2.Empty()


def _hidden(
    outputs: Properties, inputs: Properties, secrets: frozenset[Path], more: frozenset[Path] = frozenset()
) -> struct_pb2.Struct:
    """Return outputs as a message: secret is what was so in the inputs, by its place or by its text, and at `more`."""
    marked = conceal_outputs(outputs, secrets | more)
    return encode(conceal_texts(marked, texts_at(inputs, secrets)))


def _failures(failures: Iterable[Failure]) -> list[provider_pb2.CheckFailure]:
    return [provider_pb2.CheckFailure(property=failure.property, reason=failure.reason) for failure in failures]


def _diff_response(diff: Diff) -> provider_pb2.DiffResponse:
    response = provider_pb2.DiffResponse
    return response(
        changes=response.DIFF_SOME if diff.changes else response.DIFF_NONE,
        diffs=sorted({_top(path) for path in diff.changes}),
        replaces=sorted({_top(path) for path, change in diff.changes.items() if change.replaces}),
        stables=list(diff.stables),
        deleteBeforeReplace=diff.delete_before_replace,
        detailedDiff=_details(diff.changes, of_inputs=diff.of_inputs),
        hasDetailedDiff=True,
    )


def _details(changes: Mapping[str, Change], *, of_inputs: bool) -> dict[str, provider_pb2.PropertyDiff]:
    return {
        path: provider_pb2.PropertyDiff(kind=_KINDS[change], inputDiff=of_inputs) for path, change in changes.items()
    }


def _top(path: str) -> str:
    """Return the property that a path starts with."""
    return path.split(".", 1)[0].split("[", 1)[0]


def _stop_half_made(
    context: grpc.ServicerContext, error: InitFailed, inputs: Properties, secrets: frozenset[Path]
) -> None:
    """End the call with what the engine records about a resource that exists but did not come up."""
    details = provider_pb2.ErrorResourceInitFailed(
        id=error.id,
        properties=_hidden(error.outputs, inputs, secrets),
        reasons=[str(error)],
        inputs=encode(conceal(inputs if error.inputs is None else error.inputs, secrets)),
    )
    packed = any_pb2.Any()
    packed.Pack(details)
    code = grpc.StatusCode.UNKNOWN
    status = status_pb2.Status(code=code.value[0], message=str(error), details=[packed])
    context.set_trailing_metadata((("grpc-status-details-bin", status.SerializeToString()),))
    stop(context, str(error), code)
