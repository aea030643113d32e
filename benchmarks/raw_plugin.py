"""A resource plugin that does nothing: it echoes inputs, on the SDK's own servicer class, and calls nobody.

`python -m benchmarks.raw_plugin VERSION ENGINE`, run by the engine.
"""

import sys
import uuid
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import grpc
from google.protobuf import empty_pb2
from pulumi.runtime.proto import plugin_pb2, provider_pb2, provider_pb2_grpc

WORKERS = 32


class Echo(provider_pb2_grpc.ResourceProviderServicer):
    """Takes every type and every input."""

    def GetPluginInfo(self, request: Any, context: Any) -> plugin_pb2.PluginInfo:  # noqa: N802, D102 - the protocol's
        return plugin_pb2.PluginInfo(version=sys.argv[1])

    def CheckConfig(self, request: Any, context: Any) -> provider_pb2.CheckResponse:  # noqa: N802, D102
        return provider_pb2.CheckResponse(inputs=request.news)

    def DiffConfig(self, request: Any, context: Any) -> provider_pb2.DiffResponse:  # noqa: N802, D102
        return provider_pb2.DiffResponse()

    def Configure(self, request: Any, context: Any) -> provider_pb2.ConfigureResponse:  # noqa: N802, D102
        return provider_pb2.ConfigureResponse(acceptSecrets=True, supportsPreview=True)

    def Check(self, request: Any, context: Any) -> provider_pb2.CheckResponse:  # noqa: N802, D102
        return provider_pb2.CheckResponse(inputs=request.news)

    def Diff(self, request: Any, context: Any) -> provider_pb2.DiffResponse:  # noqa: N802, D102
        answer = provider_pb2.DiffResponse
        return answer(changes=answer.DIFF_NONE if request.old_inputs == request.news else answer.DIFF_SOME)

    def Create(self, request: Any, context: Any) -> provider_pb2.CreateResponse:  # noqa: N802, D102
        identity = "" if request.preview else uuid.uuid4().hex
        return provider_pb2.CreateResponse(id=identity, properties=request.properties)

    def Cancel(self, request: Any, context: Any) -> empty_pb2.Empty:  # noqa: N802, D102
        return empty_pb2.Empty()


def main() -> None:
    """Serve until the engine ends this process."""
    server = grpc.server(ThreadPoolExecutor(WORKERS))
    provider_pb2_grpc.add_ResourceProviderServicer_to_server(Echo(), server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    sys.stdout.write(f"{port}\n")
    sys.stdout.flush()
    server.wait_for_termination()


if __name__ == "__main__":
    main()
