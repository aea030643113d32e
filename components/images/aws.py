"""The job image on AWS: an ECR repository, and the image that our plugin makes and pushes to it."""

from collections.abc import Mapping
from typing import Any

import pulumi
import pulumi_aws as aws

from components.images import ImagesArgs
from components.images.image import Image
from components.stages import JOBS, Grants, Role


def _repository_arn(url: str) -> str:
    """Return the ARN of `<account>.dkr.ecr.<region>.amazonaws.com/<name>`."""
    host, name = url.split("/", maxsplit=1)
    account, _, _, region, *_ = host.split(".")
    return f"arn:aws:ecr:{region}:{account}:repository/{name}"


class AwsImages(pulumi.ComponentResource):
    """An ECR repository and the job image.

    Registered model versions name images by their digest. So the repository is protected, and an image that is no
    longer the newest stays in it.
    """

    repository_url: pulumi.Output[str]
    image_uri: pulumi.Output[str]
    grants: Grants

    def __init__(self, name: str, args: ImagesArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("stile:index:Images", name, {}, opts)
        given = args.get("repository_url")
        self.repository_url = pulumi.Output.from_input(given) if given else self._repository(args).repository_url
        image = Image(
            args["naming"].of("jobs"),
            repository_url=self.repository_url,
            base_image=args.get("base"),
            python_version=args["python_version"],
            opts=pulumi.ResourceOptions(parent=self, retain_on_delete=True),
        )
        self.image_uri = image.image_uri
        pull = self._pull()
        runners: tuple[Role, ...] = (*JOBS, "serving")
        self.grants = dict.fromkeys(runners, pull)
        self.register_outputs({"repository_url": self.repository_url, "image_uri": self.image_uri})

    def _repository(self, args: ImagesArgs) -> Any:
        naming = args["naming"]
        return aws.ecr.Repository(
            naming.of("jobs"),
            name=naming.of("jobs"),
            image_tag_mutability="IMMUTABLE",
            image_scanning_configuration={"scan_on_push": True},
            tags=naming.tags("images"),
            opts=pulumi.ResourceOptions(parent=self, protect=True),
        )

    def _pull(self) -> list[Mapping[str, Any]]:
        return [
            {
                "Action": ["ecr:BatchCheckLayerAvailability", "ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer"],
                "Resource": [self.repository_url.apply(_repository_arn)],
            },
            {"Action": ["ecr:GetAuthorizationToken"], "Resource": ["*"]},  # the action knows no resources
        ]
