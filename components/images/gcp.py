"""The job image on Google Cloud: an Artifact Registry repository, and the image that our plugin pushes to it."""

from collections.abc import Mapping
from typing import Any

import pulumi
import pulumi_gcp as gcp

from components.google import enable, statement
from components.images import ImagesArgs
from components.images.image import Image
from components.stages import JOBS, Grants, Role

IMAGE = "jobs"
"""The image's name in the repository, which on Google Cloud holds many."""


def _repository_name(url: str) -> str:
    """Return the name of the repository of `<location>-docker.pkg.dev/<project>/<repository>/<image>`."""
    host, project, repository, *_ = url.split("/")
    return f"projects/{project}/locations/{host.removesuffix('-docker.pkg.dev')}/repositories/{repository}"


class GcpImages(pulumi.ComponentResource):
    """A repository for containers and the job image.

    Registered model versions name images by their digest. So the repository is protected, and an image that is no
    longer the newest stays in it.
    """

    repository_url: pulumi.Output[str]
    image_uri: pulumi.Output[str]
    grants: Grants

    def __init__(self, name: str, args: ImagesArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("stile:index:Images", name, {}, opts)
        given = args.get("repository_url")
        if given:
            self.repository_url = pulumi.Output.from_input(given)
            repository = self.repository_url.apply(_repository_name)
        else:
            made = self._repository(args)
            self.repository_url = pulumi.Output.concat(made.registry_uri, f"/{IMAGE}")
            repository = made.id
        image = Image(
            args["naming"].of("jobs"),
            repository_url=self.repository_url,
            base_image=args.get("base"),
            python_version=args["python_version"],
            opts=pulumi.ResourceOptions(parent=self, retain_on_delete=True),
        )
        self.image_uri = image.image_uri
        pull = [_pull(repository)]
        runners: tuple[Role, ...] = (*JOBS, "serving")
        self.grants = dict.fromkeys(runners, pull)
        self.register_outputs({"repository_url": self.repository_url, "image_uri": self.image_uri})

    def _repository(self, args: ImagesArgs) -> Any:
        naming = args["naming"]
        kept = pulumi.ResourceOptions(parent=self, protect=True)
        enabled = enable(naming, ("artifactregistry",), kept)
        return gcp.artifactregistry.Repository(
            naming.of("jobs"),
            repository_id=naming.of("jobs"),
            location=args["place"].region,
            format="DOCKER",
            docker_config={"immutable_tags": True},
            labels=naming.tags("images"),
            opts=pulumi.ResourceOptions.merge(kept, pulumi.ResourceOptions(depends_on=enabled)),
        )


def _pull(repository: pulumi.Output[str]) -> Mapping[str, Any]:
    """Vertex AI pulls a job's image under its own agent, a tool inside a job under the job's account."""
    return statement("pulls", "roles/artifactregistry.reader", "repository", repository)
