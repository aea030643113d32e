"""What makes each feature real on Google Cloud, read off what the program declares; the twin of parity_aws.py."""

import json
import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from components.features import Feature
from tests.components.asking import BASE, EMAIL, EXISTING, ROLES, STEPS, URL, Sign
from tests.components.configs import SHA256
from tests.components.mocked import RANDOM, Declared, Made

NAME = "stile-test-gcp-flight-delays"
IN_PROJECT = "projects/our-project"
TOPIC = f"{IN_PROJECT}/topics/stile-test-gcp-alarms"
EXISTS = EXISTING["gcp"]
OURS = {role: EXISTS["role"].format(role) for role in ROLES}


def values(declared: Declared, type_: str, key: str) -> list[Any]:
    """One property of every resource of a type; None where it is not set."""
    return [made.inputs.get(key) for made in declared.all(type_)]


def objects(declared: Declared, stage: str) -> list[Made]:
    """The objects in the bucket that a stage makes."""
    return [made for made in declared.all("bucketObject:BucketObject") if f"{stage}$" in made.urn]


def definitions(declared: Declared) -> list[str]:
    """What runs are started from."""
    return [made.inputs["content"] for made in objects(declared, "Pipeline")]


def jobs(declared: Declared) -> list[Mapping[str, Any]]:
    """What each step's job is made of."""
    components = [
        one for each in definitions(declared) for one in json.loads(each)["pipelineSpec"]["components"].values()
    ]
    return [
        {name: given.get("defaultValue") for name, given in one["inputDefinitions"]["parameters"].items()}
        for one in components
    ]


def pools(declared: Declared) -> list[Mapping[str, Any]]:
    """The machines and the container of each step's job."""
    return [pool for each in jobs(declared) for pool in each["worker_pool_specs"]]


def deployed(declared: Declared) -> list[Mapping[str, Any]]:
    """The models of all endpoints."""
    return [model for each in values(declared, "EndpointDeployment", "deployedModels") for model in each]


def variables(declared: Declared) -> list[Mapping[str, str]]:
    """What each serving container reads when it starts."""
    return [json.loads(made.inputs["content"]) for made in objects(declared, "Endpoint")]


def network(declared: Declared) -> object:
    """The networks that jobs and endpoints are peered with or attached to."""
    ways = ("network", "privateServiceConnectConfig", "enablePrivateServiceConnect")
    of_jobs = [(each["network"], each["psc_interface_config"]) for each in jobs(declared)]
    return of_jobs, [[made.inputs.get(way) for way in ways] for made in declared.all("AiEndpoint")]


def peered(declared: Declared) -> Declared:
    """The same with its jobs peered with a network, for which no configuration can ask."""
    text = re.compile(r'("network": \{\s*"defaultValue": )""')
    (pipeline,) = objects(declared, "Pipeline")
    content = text.sub(rf'\1"{IN_PROJECT}/global/networks/ours"', pipeline.inputs["content"])
    resources = [each for each in declared.resources if each is not pipeline]
    return Declared([*resources, replace(pipeline, inputs={**pipeline.inputs, "content": content})])


def roles(declared: Declared) -> object:
    """The accounts that are made, and those under which pipeline, jobs, endpoint and MLflow act."""
    return {
        "made": [made.name for made in declared.all("serviceaccount/account:Account")],
        "pipeline": [json.loads(each)["serviceAccount"] for each in definitions(declared)],
        "job": {each["service_account"] for each in jobs(declared)},
        "serving": [each["serviceAccount"] for each in deployed(declared)],
        "tracking": [each["serviceAccount"] for each in values(declared, "cloudrunv2/service:Service", "template")],
    }


def bucket(declared: Declared) -> object:
    """The buckets that are made, those that jobs read and write, and where requests are captured."""
    return (
        len(declared.all("storage/bucket:Bucket")),
        {found for each in definitions(declared) for found in re.findall(r'gs://[^/"]+', each)},
        [each.get("STILE_CAPTURE_URI") for each in variables(declared)],
    )


def key(declared: Declared) -> object:
    """The keys that are made, and those of runs and jobs, of the bucket and of endpoints."""
    runs = {json.loads(each)["encryptionSpec"]["kmsKeyName"] for each in definitions(declared)}
    return (
        len(declared.all("cryptoKey:CryptoKey")),
        runs | {each["encryption_spec_key_name"] for each in jobs(declared)},
        [each["defaultKmsKeyName"] for each in values(declared, "storage/bucket:Bucket", "encryption")],
        [each["kmsKeyName"] for each in values(declared, "AiEndpoint", "encryptionSpec")],
    )


def repository(declared: Declared) -> object:
    """The repositories that are made, where the image is pushed, and what the jobs pull."""
    made = [made.name for made in declared.all("artifactregistry/repository:Repository")]
    pulled = [pool["container_spec"]["image_uri"].split("@")[0] for pool in pools(declared)]
    return made, values(declared, "images:Image", "repositoryUrl"), pulled


def base(declared: Declared) -> object:
    """What the job image is made on, and for which Python."""
    return [(made.inputs.get("baseImage"), made.inputs["pythonVersion"]) for made in declared.all("images:Image")]


def tracking(declared: Declared) -> tuple[list[bool], list[int], list[str]]:
    """What is kept of MLflow's history, how many instances of its server run always, and what the jobs ask."""
    databases = [made.protected for made in declared.all("DatabaseInstance")]
    asked = [
        each["value"]
        for pool in pools(declared)
        for each in pool["container_spec"]["env"]
        if each["name"] == "MLFLOW_TRACKING_URI"
    ]
    servers = values(declared, "cloudrunv2/service:Service", "template")
    return databases, [each["scaling"]["minInstanceCount"] for each in servers], asked


def external_tracking(declared: Declared) -> object:
    """All that is made of MLflow, and what the jobs ask."""
    *_, asked = tracking(declared)
    return [made.name for made in declared.clouds() if "mlflow" in made.name], asked


def machines(declared: Declared) -> object:
    """The types of the machines of jobs and of endpoints."""
    found = [pool["machine_spec"]["machine_type"] for pool in pools(declared)]
    return found, [each["machineType"] for each in deployed(declared)]


def realtime(declared: Declared) -> object:
    """Of each deployment whether its endpoint is declared, its instances and all shares of the requests."""
    made = {f"{IN_PROJECT}/locations/us-central1/endpoints/{name}" for name in values(declared, "AiEndpoint", "name")}
    return [
        (
            one.inputs["endpoint"] in made,
            [model["minReplicas"] for model in one.inputs["deployedModels"]],
            sum(one.inputs["trafficSplit"].values()),
        )
        for one in declared.all("EndpointDeployment")
    ]


def scaling(declared: Declared) -> object:
    """The fewest and the most instances of each model."""
    return [(each["minReplicas"], each["maxReplicas"]) for each in deployed(declared)]


def capture(declared: Declared) -> object:
    """Which share is captured, and where to."""
    return [(each.get("STILE_CAPTURE_SHARE"), each.get("STILE_CAPTURE_URI")) for each in variables(declared)]


def mask(declared: Declared) -> object:
    """What is left out of captured requests."""
    return [each.get("STILE_CAPTURE_MASK") for each in variables(declared)]


def release(declared: Declared) -> object:
    """The registered version that is deployed, its digest, and what its container checks."""
    checked = [(each["STILE_MODEL_VERSION"], each["STILE_MODEL_SHA256"]) for each in variables(declared)]
    return [(each["model"], each["sha256"]) for each in deployed(declared)], checked


def rollout(declared: Declared) -> object:
    """Which share a release takes first, how long it is watched, and the declared alarms that roll it back."""
    alarms = {f"{IN_PROJECT}/alertPolicies/{made.name}" for made in declared.all("AlertPolicy")}
    found = [each or {} for each in values(declared, "EndpointDeployment", "rollout")]
    return [
        (each.get("canaryPercent"), each.get("bakeSeconds"), sorted({*each.get("alarms", ())} & alarms))
        for each in found
    ]


def instances_of_canary(declared: Declared) -> object:
    """The same, with the instances of each model."""
    return scaling(declared), rollout(declared)


def emails(declared: Declared) -> object:
    """To which addresses channels lead, and to how many channels of addresses each alarm goes."""
    channels = {
        f"{IN_PROJECT}/notificationChannels/{made.name}": made.inputs["labels"]["email_address"]
        for made in declared.all("NotificationChannel")
        if made.inputs["type"] == "email"
    }
    told = values(declared, "AlertPolicy", "notificationChannels")
    return [[channels[each] for each in one if each in channels] for one in told]


def budget(declared: Declared) -> object:
    """The limit, what is counted, at which shares, and which topic hears."""
    return [
        (
            made.inputs["amount"]["specifiedAmount"],
            made.inputs["budgetFilter"],
            [each["thresholdPercent"] for each in made.inputs["thresholdRules"]],
            made.inputs["allUpdatesRule"]["pubsubTopic"],
        )
        for made in declared.all("budget:Budget")
    ]


_DATA = f"gs://stile-test-gcp-data-{RANDOM}"
_SERVER = ["https://stile-test-gcp-mlflow-abc.a.run.app"] * STEPS
_DEFAULT_ALARMS = [f"{IN_PROJECT}/alertPolicies/{NAME}-{kind}" for kind in ("latency", "server-errors")]
_COUNTED = {
    "projects": ["projects/123456789012"],
    "labels": {"stile-stack": "stile-test-gcp"},
    "calendarPeriod": "MONTH",
}

SIGNS: Mapping[Feature, Sign] = {
    Feature.PUBLIC_NETWORK: Sign(network, ([("", {})] * STEPS, [[None, None, None]])),
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
    Feature.EXISTING_BUCKET: Sign(bucket, (0, {"gs://our-bucket"}, [f"gs://our-bucket/capture/{NAME}"])),
    Feature.EXISTING_KEY: Sign(key, (0, {EXISTS["key"]}, [EXISTS["key"]], [EXISTS["key"]])),
    # The one that is made is MLflow's
    Feature.EXISTING_REPOSITORY: Sign(
        repository, (["stile-test-gcp-mlflow"], [EXISTS["repository"]], [EXISTS["repository"]] * STEPS)
    ),
    Feature.BASE_IMAGE: Sign(base, [(BASE, "3.12")]),
    Feature.TRACKING_MANAGED: Sign(tracking, ([True], [0], _SERVER)),
    Feature.TRACKING_SERVER: Sign(tracking, ([True], [1], _SERVER)),
    Feature.TRACKING_EXTERNAL: Sign(external_tracking, ([], [URL] * STEPS)),
    Feature.MACHINE_BY_NEED: Sign(machines, (["e2-highmem-4"] * STEPS, ["e2-standard-16"])),
    Feature.MACHINE_BY_TYPE: Sign(machines, ([EXISTS["training_machine"]] * STEPS, [EXISTS["endpoint_machine"]])),
    Feature.REALTIME_ENDPOINT: Sign(realtime, [(True, [1], 100)]),
    Feature.SCALING_ENDPOINT: Sign(scaling, [(1, 3)]),
    Feature.CAPTURE: Sign(capture, [("0.25", f"{_DATA}/capture/{NAME}")]),
    Feature.CAPTURE_MASK: Sign(mask, ["origin,dest"]),
    Feature.RELEASE: Sign(
        release, ([(f"{IN_PROJECT}/locations/us-central1/models/{NAME}@3", SHA256)], [("3", SHA256)])
    ),
    Feature.WATCHED_ROLLOUT: Sign(rollout, [(None, 60, _DEFAULT_ALARMS)]),
    Feature.CANARY: Sign(rollout, [(10, 60, _DEFAULT_ALARMS)]),
    Feature.CANARY_ON_ONE_INSTANCE: Sign(instances_of_canary, ([(1, 1)], [(10, 60, _DEFAULT_ALARMS)])),
    Feature.EMAILS: Sign(emails, [[EMAIL]] * 3),
    Feature.BUDGET: Sign(
        budget, [({"currencyCode": "USD", "units": "99", "nanos": 990_000_000}, _COUNTED, [0.5, 1.2], TOPIC)]
    ),
}
