"""What makes each feature real on AWS, read off what the program declares; the twin of parity_gcp.py."""

import json
import re
from collections.abc import Mapping
from typing import Any

from components.features import Feature
from tests.components.asking import BASE, EMAIL, EXISTING, ROLES, STEPS, URL, Sign
from tests.components.configs import SHA256
from tests.components.mocked import RANDOM, Declared

NAME = "stile-test-aws-flight-delays"
IN_ACCOUNT = "us-east-1:123456789012"
TOPIC = f"arn:aws:sns:{IN_ACCOUNT}:stile-test-aws-alarms"
EXISTS = EXISTING["aws"]
OURS = {role: EXISTS["role"].format(role) for role in ROLES}


def values(declared: Declared, type_: str, key: str) -> list[Any]:
    """One property of every resource of a type; None where it is not set."""
    return [made.inputs.get(key) for made in declared.all(type_)]


def definitions(declared: Declared) -> list[str]:
    """What runs are started from."""
    return values(declared, "sagemaker/pipeline:Pipeline", "pipelineDefinition")


def jobs(declared: Declared) -> list[Mapping[str, Any]]:
    """What each step's job is made of."""
    return [step["Arguments"] for each in definitions(declared) for step in json.loads(each)["Steps"]]


def network(declared: Declared) -> object:
    """The VPC of each job, and of each model's containers."""
    of_jobs = [each.get("VpcConfig") or each.get("NetworkConfig", {}).get("VpcConfig") for each in jobs(declared)]
    return of_jobs, values(declared, "sagemaker/model:Model", "vpcConfig")


def roles(declared: Declared) -> object:
    """The roles that are made, and those under which pipeline, jobs, endpoint and MLflow act."""
    return {
        "made": [made.name for made in declared.all("iam/role:Role")],
        "pipeline": values(declared, "sagemaker/pipeline:Pipeline", "roleArn"),
        "job": {each["RoleArn"] for each in jobs(declared)},
        "serving": values(declared, "sagemaker/model:Model", "executionRoleArn"),
        "tracking": values(declared, "sagemaker/mlflowApp:MlflowApp", "roleArn"),
    }


def bucket(declared: Declared) -> object:
    """The buckets that are made, those that jobs read and write, and where requests are captured."""
    captures = values(declared, "EndpointConfiguration", "dataCaptureConfig")
    return (
        len(declared.all("s3/bucket:Bucket")),
        {found for each in definitions(declared) for found in re.findall(r's3://[^/"]+', each)},
        [each["destinationS3Uri"] for each in captures],
    )


def key(declared: Declared) -> object:
    """The keys that are made, and those of jobs' disks and outputs, of the bucket and of endpoints."""
    found = set(re.findall(r'"(?:Volume)?KmsKeyId": "([^"]+)"', "".join(definitions(declared))))
    rules = values(declared, "BucketServerSideEncryptionConfiguration", "rules")
    return (
        len(declared.all("kms/key:Key")),
        found,
        [rule["applyServerSideEncryptionByDefault"]["kmsMasterKeyId"] for each in rules for rule in each],
        values(declared, "EndpointConfiguration", "kmsKeyArn"),
    )


def repository(declared: Declared) -> object:
    """The repositories that are made, where the image is pushed, and what the jobs pull."""
    made = [made.name for made in declared.all("ecr/repository:Repository")]
    pulled = re.findall(r'"(?:ImageUri|TrainingImage)": "([^"@]+)@', "".join(definitions(declared)))
    return made, values(declared, "images:Image", "repositoryUrl"), pulled


def base(declared: Declared) -> object:
    """What the job image is made on, and for which Python."""
    return [(made.inputs.get("baseImage"), made.inputs["pythonVersion"]) for made in declared.all("images:Image")]


def tracking(declared: Declared) -> object:
    """What is made of MLflow, and whether it is kept; and what the jobs ask."""
    made = [(made.type.split(":")[-1], made.protected) for made in declared.clouds() if "mlflow" in made.name]
    return made, [each["Environment"].get("MLFLOW_TRACKING_URI") for each in jobs(declared)]


def machines(declared: Declared) -> object:
    """The types of the machines of jobs and of endpoints."""
    found = re.findall(r'"InstanceType": "([^"]+)"', "".join(definitions(declared)))
    variants = values(declared, "EndpointConfiguration", "productionVariants")
    return found, [variant["instanceType"] for each in variants for variant in each]


def realtime(declared: Declared) -> object:
    """Of each endpoint its configuration, if it is declared, with its instances, and what would make another kind."""
    made = {f"{each.name}-{RANDOM}": each.inputs for each in declared.all("EndpointConfiguration")}
    asked = values(declared, "sagemaker/endpoint:Endpoint", "endpointConfigName")
    return [
        (variant["initialInstanceCount"], variant.get("serverlessConfig"), made[name].get("asyncInferenceConfig"))
        for name in asked
        for variant in made[name]["productionVariants"]
    ]


def capture(declared: Declared) -> object:
    """Which percentage of what is captured, and where to."""
    found = [each or {} for each in values(declared, "EndpointConfiguration", "dataCaptureConfig")]
    return [
        (
            each.get("initialSamplingPercentage"),
            [option["captureMode"] for option in each.get("captureOptions", ())],
            each.get("destinationS3Uri"),
        )
        for each in found
    ]


def release(declared: Declared) -> object:
    """The registered version that a model is made of, what its container checks, and what must be live."""
    containers = values(declared, "sagemaker/model:Model", "primaryContainer")
    return (
        [(each["modelPackageName"], each["environment"]["STILE_MODEL_SHA256"]) for each in containers],
        values(declared, "stile:endpoint:Live", "modelVersion"),
    )


def rollout(declared: Declared) -> object:
    """How requests move to a release, and the declared alarms that roll it back."""
    alarms = {made.name for made in declared.all("MetricAlarm")}
    found = [each or {} for each in values(declared, "sagemaker/endpoint:Endpoint", "deploymentConfig")]
    return [
        (
            each.get("blueGreenUpdatePolicy", {}).get("trafficRoutingConfiguration"),
            sorted({one["alarmName"] for one in each.get("autoRollbackConfiguration", {}).get("alarms", ())} & alarms),
        )
        for each in found
    ]


def emails(declared: Declared) -> object:
    """Who subscribes to which topic, and which topics the alarms tell."""
    subscribed = [made.inputs for made in declared.all("TopicSubscription")]
    told = {topic for each in values(declared, "MetricAlarm", "alarmActions") for topic in each}
    return [(each["protocol"], each["endpoint"], each["topic"]) for each in subscribed], told


def logs(declared: Declared) -> object:
    """For how many days each group of logs is kept."""
    return [(made.inputs["name"], made.inputs["retentionInDays"]) for made in declared.all("LogGroup")]


def budget(declared: Declared) -> object:
    """The limit, what is counted, and which topic hears at which percentage."""
    return [
        (
            (made.inputs["limitAmount"], made.inputs["limitUnit"], made.inputs["timeUnit"]),
            made.inputs["costFilters"],
            [(each["threshold"], each["subscriberSnsTopicArns"]) for each in made.inputs["notifications"]],
        )
        for made in declared.all("budget:Budget")
    ]


def _mlflow(kind: str) -> list[str]:
    return [f"arn:aws:sagemaker:{IN_ACCOUNT}:mlflow-{kind}/stile-test-aws-mlflow"] * STEPS


_JOBS_VPC = {"Subnets": ["subnet-0a1b"], "SecurityGroupIds": ["sg-0a1b"]}
_MODELS_VPC = {"subnets": ["subnet-0a1b"], "securityGroupIds": ["sg-0a1b"]}
_DEFAULT_ALARMS = [f"{NAME}-latency", f"{NAME}-server-errors"]
_CANARY = {
    "type": "CANARY",
    "waitIntervalInSeconds": 60,
    "canarySize": {"type": "CAPACITY_PERCENT", "value": 10},
}

SIGNS: Mapping[Feature, Sign] = {
    Feature.PUBLIC_NETWORK: Sign(network, ([None] * STEPS, [None])),
    Feature.PRIVATE_NETWORK: Sign(network, ([_JOBS_VPC] * STEPS, [_MODELS_VPC])),
    Feature.EXISTING_ROLES: Sign(
        roles,
        {
            "made": [],
            "pipeline": [OURS["pipeline"]],
            "job": {OURS["job"]},
            "serving": [OURS["serving"]],
            "tracking": [OURS["tracking"]],
        },
    ),
    Feature.EXISTING_BUCKET: Sign(bucket, (0, {"s3://our-bucket"}, ["s3://our-bucket/capture"])),
    Feature.EXISTING_KEY: Sign(key, (0, {EXISTS["key"]}, [EXISTS["key"]], [EXISTS["key"]])),
    Feature.EXISTING_REPOSITORY: Sign(repository, ([], [EXISTS["repository"]], [EXISTS["repository"]] * STEPS)),
    Feature.BASE_IMAGE: Sign(base, [(BASE, "3.12")]),
    Feature.TRACKING_MANAGED: Sign(tracking, ([("MlflowApp", True)], _mlflow("app"))),
    Feature.TRACKING_SERVER: Sign(tracking, ([("MlflowTrackingServer", True)], _mlflow("tracking-server"))),
    Feature.TRACKING_EXTERNAL: Sign(tracking, ([], [URL] * STEPS)),
    Feature.MACHINE_BY_NEED: Sign(machines, (["ml.r5.xlarge"] * STEPS, ["ml.m5.4xlarge"])),
    Feature.MACHINE_BY_TYPE: Sign(machines, ([EXISTS["training_machine"]] * STEPS, [EXISTS["endpoint_machine"]])),
    Feature.REALTIME_ENDPOINT: Sign(realtime, [(1, None, None)]),
    Feature.CAPTURE: Sign(capture, [(25, ["Input", "Output"], f"s3://stile-test-aws-data-{RANDOM}/capture")]),
    Feature.RELEASE: Sign(release, ([(f"arn:aws:sagemaker:{IN_ACCOUNT}:model-package/{NAME}/3", SHA256)], ["3"])),
    Feature.WATCHED_ROLLOUT: Sign(rollout, [({"type": "ALL_AT_ONCE", "waitIntervalInSeconds": 60}, _DEFAULT_ALARMS)]),
    Feature.CANARY: Sign(rollout, [(_CANARY, _DEFAULT_ALARMS)]),
    Feature.EMAILS: Sign(emails, ([("email", EMAIL, TOPIC)], {TOPIC})),
    Feature.LOG_RETENTION: Sign(logs, [(f"/aws/sagemaker/Endpoints/{NAME}", 90)]),
    Feature.BUDGET: Sign(
        budget,
        [
            (
                ("99.99", "USD", "MONTHLY"),
                [{"name": "TagKeyValue", "values": ["user:stile-stack$stile-test-aws"]}],
                [(50, [TOPIC]), (120, [TOPIC])],
            )
        ],
    ),
}
