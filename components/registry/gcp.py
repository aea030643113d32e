"""The registry on Google Cloud: one model of Vertex AI's Model Registry per model, whose versions are uploaded by runs.

A model needs no group made beforehand: the first upload under its id makes it, and the later ones its versions. The
provider has no resource for it either. So this stage makes nothing, and names the id.
"""

import pulumi

from components.google import own_role
from components.registry import RegistryArgs
from components.stages import Grants

LOOKING = ("aiplatform.models.get", "aiplatform.models.list")
UPLOADING = ("aiplatform.models.upload",)
"""A version is uploaded with its status and its aliases, and no job changes it afterwards.

Source: https://cloud.google.com/iam/docs/roles-permissions/aiplatform
"""


class GcpRegistry(pulumi.ComponentResource):
    """The id under which a model's versions are uploaded. They outlive the stack, since it does not own them.

    Vertex AI's models take no conditions: who may register one model may register any in the project.
    """

    group: pulumi.Output[str]
    grants: Grants

    def __init__(self, name: str, args: RegistryArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("stile:index:Registry", name, {}, opts)
        given, made = args.get("group_arn"), f"{args['place'].parent}/models/{args['naming'].of(args['model'])}"
        self._model: pulumi.Output[str] = pulumi.Output.from_input(given if given else made)
        self.group = self._model.apply(lambda name: name.rsplit("/", maxsplit=1)[-1])
        # Evaluate measures the champion too, so it looks for it.
        self.grants = {
            "evaluate": [own_role("reads", LOOKING)],
            "register": [own_role("adds", LOOKING + UPLOADING)],
        }
        self.register_outputs({"group": self.group})

    def version(self, number: str) -> pulumi.Output[str]:
        """Return the resource name of a version of the model."""
        return pulumi.Output.concat(self._model, f"@{number}")
