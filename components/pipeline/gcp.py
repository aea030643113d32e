"""The pipeline on Google Cloud: a PipelineJob in the data bucket, with the spec that vertex.py compiles.

Vertex AI keeps no pipeline's definition, only its runs. So the definition is an object, named by the hash of what is in
it: all that a run is made of but its own parameters, in the JSON of `projects.locations.pipelineJobs.create`. The SDK's
`PipelineJob(template_path=...)` takes it too.
"""

import hashlib
import json
from collections.abc import Mapping

import pulumi
import pulumi_gcp as gcp

from components.pipeline import PipelineArgs
from components.pipeline.chain import value_chain
from components.pipeline.vertex import Run, compile_graph
from components.storage import PIPELINES, SERVING
from components.training import JobTemplate


class GcpPipeline(pulumi.ComponentResource):
    """One model's pipeline: its `name` is the address of the object that runs are started from."""

    name: pulumi.Output[str]
    definition: pulumi.Output[str]

    def __init__(self, name: str, args: PipelineArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("stile:index:Pipeline", name, {}, opts)
        naming, model = args["naming"], args["model"]
        known = pulumi.Output.all(
            template=args["template"],
            data_uri=args["data_uri"],
            group=args["group"],
            roles=args.get("roles", {}),
            role=args["role"],
        )
        self.definition = known.apply(
            lambda known: _definition(args, known["template"], known["data_uri"], known["group"], known["roles"])
        )
        body = pulumi.Output.all(known, self.definition).apply(
            lambda both: _job(args, both[1], both[0]["template"].key, both[0]["data_uri"], both[0]["role"])
        )
        job = gcp.storage.BucketObject(
            naming.of(model),
            bucket=pulumi.Output.from_input(args["data_uri"]).apply(lambda uri: uri.removeprefix("gs://")),
            name=body.apply(lambda text: f"{PIPELINES}/{naming.of(model)}/{_digest(text)}.json"),
            content=body,
            content_type="application/json",
            opts=pulumi.ResourceOptions(parent=self),
        )
        self.name = pulumi.Output.concat(args["data_uri"], "/", job.name)
        self.register_outputs({"name": self.name})


def _definition(args: PipelineArgs, template: JobTemplate, data_uri: str, group: str, roles: Mapping[str, str]) -> str:
    graph = value_chain(args["use_case"], args["candidates"], f"{data_uri}/raw/{args['use_case']}/")
    name = args["naming"].of(args["model"])
    environment = {
        "STILE_MODEL": args["model"],
        "STILE_USE_CASE": args["use_case"],
        "STILE_MODEL_PACKAGE_GROUP": group,
        "STILE_SERVING_URI": f"{data_uri}/{SERVING}",
        # No resource stands for the model: by its labels one finds it.
        "STILE_LABELS": json.dumps(args["naming"].tags("registry", args["model"]), sort_keys=True),
        "MLFLOW_EXPERIMENT_NAME": args["model"],
    }
    tags = args["naming"].tags("pipeline", args["model"])
    root = f"{data_uri}/{PIPELINES}/{name}/runs"
    return compile_graph(graph, Run(template, f"{data_uri}/runs", environment, roles, tags, name, root))


def _job(args: PipelineArgs, definition: str, key: str, data_uri: str, role: str) -> str:
    """Return the body of a PipelineJob, to which a run adds its parameters."""
    name = args["naming"].of(args["model"])
    body = {
        "displayName": name,
        "pipelineSpec": json.loads(definition),
        "runtimeConfig": {"gcsOutputDirectory": f"{data_uri}/{PIPELINES}/{name}/runs"},
        "serviceAccount": role,
        "encryptionSpec": {"kmsKeyName": key},
        "labels": args["naming"].tags("pipeline", args["model"]),
    }
    return json.dumps(body, indent=2, sort_keys=True)


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:16]
