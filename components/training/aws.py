"""The job template on AWS; it needs no resource of its own, since SageMaker's jobs are made by runs."""

from typing import Any

import pulumi

from components.training import JobTemplate, TrainingArgs


class AwsTraining(pulumi.ComponentResource):
    """The template of SageMaker's training and processing jobs."""

    template: pulumi.Output[JobTemplate]

    def __init__(self, name: str, args: TrainingArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("stile:index:Training", name, {}, opts)
        parts: dict[str, Any] = {
            "image_uri": args["image_uri"],
            "role": args["role"],
            "key": args["key"],
            "environment": args.get("environment", {}),
        }
        self.template = pulumi.Output.all(**parts).apply(
            lambda known: JobTemplate(
                **known,
                machine=args["machine"],
                processing_machine=args["processing_machine"],
                max_seconds=args["max_seconds"],
                network=args.get("network"),
            )
        )
        self.register_outputs({"image_uri": args["image_uri"], "machine": args["machine"]})
