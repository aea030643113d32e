"""The job template on Google Cloud; it needs no resource of its own, since Vertex AI's jobs are made by runs."""

from typing import Any

import pulumi

from components.training import JobTemplate, TrainingArgs


class GcpTraining(pulumi.ComponentResource):
    """The template of Vertex AI's CustomJobs, which train and process alike."""

    template: pulumi.Output[JobTemplate]

    def __init__(self, name: str, args: TrainingArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("stile:index:Training", name, {}, opts)
        place = args["place"]
        where = {
            "GOOGLE_CLOUD_PROJECT": place.project,
            "GOOGLE_CLOUD_LOCATION": place.region,
            "STILE_KMS_KEY": args["key"],  # a model must be encrypted by the key of its endpoint
        }
        parts: dict[str, Any] = {
            "image_uri": args["image_uri"],
            "role": args["role"],
            "key": args["key"],
            "environment": {**where, **args.get("environment", {})},
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
