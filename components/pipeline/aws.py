"""The pipeline on AWS: a SageMaker pipeline, with the definition that sagemaker.py compiles."""

from collections.abc import Mapping

import pulumi
import pulumi_aws as aws

from components.pipeline import PipelineArgs
from components.pipeline.chain import value_chain
from components.pipeline.sagemaker import Run, compile_graph
from components.training import JobTemplate


class AwsPipeline(pulumi.ComponentResource):
    """One model's SageMaker pipeline."""

    name: pulumi.Output[str]
    definition: pulumi.Output[str]

    def __init__(self, name: str, args: PipelineArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("stile:index:Pipeline", name, {}, opts)
        naming, model = args["naming"], args["model"]
        self.definition = pulumi.Output.all(
            template=args["template"], data_uri=args["data_uri"], group=args["group"], roles=args.get("roles", {})
        ).apply(lambda known: _definition(args, **known))
        pipeline = aws.sagemaker.Pipeline(
            naming.of(model),
            pipeline_name=naming.of(model),
            pipeline_display_name=naming.of(model),
            pipeline_description=f"Ingest, validate, train, evaluate, govern and register {model}",
            pipeline_definition=self.definition,
            role_arn=args["role"],
            tags=naming.tags("pipeline", model),
            opts=pulumi.ResourceOptions(parent=self),
        )
        self.name = pipeline.pipeline_name
        self.register_outputs({"name": self.name})


def _definition(args: PipelineArgs, template: JobTemplate, data_uri: str, group: str, roles: Mapping[str, str]) -> str:
    graph = value_chain(args["use_case"], args["candidates"], f"{data_uri}/raw/{args['use_case']}/")
    tags = args["naming"].tags("pipeline", args["model"])
    environment = {
        "STILE_MODEL": args["model"],
        "STILE_USE_CASE": args["use_case"],
        "STILE_MODEL_PACKAGE_GROUP": group,
        "MLFLOW_EXPERIMENT_NAME": args["model"],
    }
    return compile_graph(graph, Run(template, f"{data_uri}/runs", environment, roles, tags))
