"""The program of the small platform: key, bucket, tracking, and an endpoint whose release is checked."""

import importlib.metadata

import pulumi

SETTINGS = pulumi.Config("small").require_object("settings")
PREFIX = SETTINGS["prefix"]
RELEASE = str(SETTINGS["release"])
VERSION = importlib.metadata.version("pulumi-aws")
TAGS = {"stile-stack": PREFIX}


class Made(pulumi.CustomResource):
    """Any resource of the AWS plugin, without the SDK's classes, whose import takes seconds."""

    arn: pulumi.Output[str]
    name: pulumi.Output[str]
    bucket: pulumi.Output[str]

    def __init__(self, token: str, logical: str, /, **inputs: object) -> None:
        computed = dict.fromkeys(("arn", "name", "bucket"))
        properties = {**computed, **inputs, "tags": TAGS}
        super().__init__(f"aws:{token}", f"{PREFIX}-{logical}", properties, pulumi.ResourceOptions(version=VERSION))


options = pulumi.InvokeOptions(version=VERSION)
account = pulumi.runtime.invoke("aws:index/getCallerIdentity:getCallerIdentity", {}, options).value
pulumi.export("account", account["accountId"])

Made("kms/key:Key", "key", description=f"{PREFIX} data")
bucket = Made("s3/bucket:Bucket", "data")
Made(
    "sagemaker/mlflowApp:MlflowApp",
    "tracking",
    name=f"{PREFIX}-tracking",
    artifactStoreUri=pulumi.Output.concat("s3://", bucket.bucket),
    roleArn=SETTINGS["role"],
)
model = Made(  # a release has a model of its own
    "sagemaker/model:Model",
    f"model-{RELEASE}",
    executionRoleArn=SETTINGS["role"],
    primaryContainer={
        "image": SETTINGS["image"],
        "modelDataUrl": SETTINGS["artifact"],
        "environment": {"STILE_MODEL_VERSION": RELEASE},
    },
)
variant = {
    "variantName": "all",
    "modelName": model.name,
    "instanceType": "ml.m5.large",
    "initialInstanceCount": 1,
    "initialVariantWeight": 1,
}
# replaced by a release
config = Made("sagemaker/endpointConfiguration:EndpointConfiguration", "config", productionVariants=[variant])
endpoint = Made("sagemaker/endpoint:Endpoint", "endpoint", name=f"{PREFIX}-endpoint", endpointConfigName=config.name)
asked = {"cloud": "aws", "endpointName": endpoint.name, "asked": config.name, "modelVersion": RELEASE}
pulumi.CustomResource("stile:endpoint:Live", f"{PREFIX}-live", asked)
