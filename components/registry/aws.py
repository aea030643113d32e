"""The registry on AWS: one SageMaker model package group per model."""

from typing import Any

import pulumi
import pulumi_aws as aws

from components.registry import RegistryArgs
from components.stages import Grants


class AwsRegistry(pulumi.ComponentResource):
    """A model package group, protected: `destroy` keeps the registered versions."""

    group: pulumi.Output[str]
    grants: Grants

    def __init__(self, name: str, args: RegistryArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("stile:index:Registry", name, {}, opts)
        given = args.get("group_arn")
        self._arn: pulumi.Output[str] = pulumi.Output.from_input(given) if given else self._new_group(args).arn
        self.group = self._arn.apply(lambda arn: arn.rsplit("/", maxsplit=1)[-1])
        packages = self._packages("*")
        reading = (
            {"Action": ["sagemaker:DescribeModelPackage"], "Resource": [packages]},
            {"Action": ["sagemaker:ListModelPackages"], "Resource": ["*"]},  # the action knows no resources
        )
        changing = (
            {"Action": ["sagemaker:CreateModelPackage"], "Resource": [self._arn, packages]},
            {"Action": ["sagemaker:UpdateModelPackage"], "Resource": [packages]},
        )
        # Evaluate measures the champion too, so it looks for it.
        self.grants = {"evaluate": reading, "register": (*reading, *changing)}
        self.register_outputs({"group": self.group})

    def _new_group(self, args: RegistryArgs) -> Any:
        naming, model = args["naming"], args["model"]
        return aws.sagemaker.ModelPackageGroup(
            naming.of(model),
            model_package_group_name=naming.of(model),
            model_package_group_description=f"Versions of {model}",
            tags=naming.tags("registry", model),
            opts=pulumi.ResourceOptions(parent=self, protect=True),
        )

    def _packages(self, version: str) -> pulumi.Output[str]:
        return self._arn.apply(lambda arn: arn.replace(":model-package-group/", ":model-package/") + f"/{version}")

    def version(self, number: str) -> pulumi.Output[str]:
        """Return the ARN of a version of the group."""
        return self._packages(number)
