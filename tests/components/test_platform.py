"""The platform as a whole: tags and names everywhere, no call to a cloud, and a first `up` without any model."""

import re
from collections.abc import Mapping
from typing import Any

import pytest

from tests.components.configs import PRIVATE_NETWORK, RELEASE, changed, full
from tests.components.conftest import Deploy
from tests.components.mocked import Declared, Made

# Types of pulumi-aws 7.51.1 and of pulumi-gcp 10.2.0 that take no tags
UNTAGGED = {
    "aws": (
        "Alias",
        "BucketLifecycleConfiguration",
        "BucketOwnershipControls",
        "BucketPolicy",
        "BucketPublicAccessBlock",
        "BucketServerSideEncryptionConfiguration",
        "BucketVersioning",
        "Dashboard",
        "RolePolicy",
        "TopicPolicy",
    ),
    "gcp": (
        "Account",
        "Budget",
        "BucketObject",
        "Dashboard",
        "Database",
        "IAMCustomRole",
        "IAMMember",
        "IamMember",
        "KeyRing",
        "SecretVersion",
        "User",
        "projects/service:Service",
    ),
}
# What each of the other types calls them
TAGS = ("tags", "labels", "userLabels")


def tags_of(made: Made) -> dict[str, str]:
    """A resource's tags: a notification channel's own labels are its address, and its tags are the user's."""
    settings = made.inputs.get("settings", {})
    found: dict[str, str] = (
        made.inputs.get("userLabels") or settings.get("userLabels") or made.inputs.get("tags") or made.inputs["labels"]
    )
    return found


def is_untagged(made: Made) -> bool:
    return made.type.endswith(UNTAGGED[made.type.split(":")[0]])


def test_everything_that_can_carries_the_settled_tags(cloud: str, releases: Mapping[str, Declared]) -> None:
    seen = 0
    for made in releases[cloud].clouds():
        if is_untagged(made):
            assert not set(TAGS) & made.inputs.keys(), made.urn
            continue
        seen += 1
        tags = tags_of(made)
        assert tags["stile-stack"] == f"stile-test-{cloud}", made.urn
        assert tags["stile-environment"] == f"test-{cloud}", made.urn
        assert tags["stile-stage"]
        assert tags["stile-owner"] == "ml-platform"
    assert seen > 10


def test_every_tag_is_a_legal_label(cloud: str, releases: Mapping[str, Declared]) -> None:
    """Of Google Cloud, whose rules are the stricter: https://cloud.google.com/resource-manager/docs/labels-overview."""
    for made in releases[cloud].clouds():
        for key, value in ({} if is_untagged(made) else tags_of(made)).items():
            assert re.fullmatch(r"[a-z][a-z0-9_-]{0,62}", key)
            assert re.fullmatch(r"[a-z0-9_-]{0,63}", value)


# What a released model has of its own, by stage; the registry on Google Cloud has nothing
OWN = {"aws": 5, "gcp": 3}


def test_a_models_resources_carry_its_name_and_tag(cloud: str, releases: Mapping[str, Declared]) -> None:
    stages = ("Endpoint$", "Pipeline$", "Registry$")
    made = [one for one in releases[cloud].clouds() if any(f"stile:index:{stage}" in one.urn for stage in stages)]
    assert len(made) == OWN[cloud]
    for one in made:
        assert "flight-delays" in one.name
        assert is_untagged(one) or tags_of(one)["stile-model"] == "flight-delays"


def test_every_name_begins_with_platform_and_environment(cloud: str, releases: Mapping[str, Declared]) -> None:
    prefix = f"stile-test-{cloud}"
    assert [made.urn for made in releases[cloud].resources if not made.name.startswith(prefix)] == []


ADDED = {
    "aws": {"ModelPackageGroup", "Pipeline", "MetricAlarm"},
    "gcp": {"AlertPolicy", "BucketObject", "Dashboard", "IAMCustomRole"},
}


def test_two_models_share_the_stages_and_have_their_own(
    cloud: str, deploy: Deploy, first_ups: Mapping[str, Declared]
) -> None:
    first_up = first_ups[cloud]
    config = full(cloud)
    config["stile:platform"]["models"]["arrivals"] = {"use_case": "flight_delays"}
    added = {urn.split("$")[-1] for urn in set(deploy(config).urns) - set(first_up.urns)}
    assert set(first_up.urns) <= set(deploy(config).urns)
    assert {urn.split(":")[-3].split("/")[-1] for urn in added} >= ADDED[cloud]
    assert all("arrivals" in urn for urn in added)


def definition(declared: Declared, cloud: str) -> str:
    """What runs are started from, as text."""
    type_, key = {
        "aws": ("pipeline:Pipeline", "pipelineDefinition"),
        "gcp": ("bucketObject:BucketObject", "content"),
    }[cloud]
    texts = [str(made.inputs[key]) for made in declared.all(type_) if "Pipeline$" in made.urn]
    assert len(texts) == 1
    return texts[0]


def test_external_tracking_makes_no_server(cloud: str, deploy: Deploy) -> None:
    config = full(cloud)
    config["stile:platform"]["tracking"] = {"mode": "external", "url": "https://mlflow.example.com"}
    declared = deploy(config)
    assert [made for made in declared.clouds() if "mlflow" in made.name] == []
    told = [line for line in definition(declared, cloud).splitlines() if "https://mlflow.example.com" in line]
    assert len(told) == 7  # every step


def test_a_tracking_server_is_an_option(deploy: Deploy) -> None:
    config = full()
    config["stile:platform"]["tracking"] = {"mode": "server"}
    declared = deploy(config)
    assert not declared.all("MlflowApp")
    assert declared.one("MlflowTrackingServer").protected


@pytest.mark.parametrize(("mode", "instances"), [("managed", 0), ("server", 1)])
def test_mlflow_on_google_runs_when_asked_or_always(deploy: Deploy, mode: str, instances: int) -> None:
    """Our own server in both modes: with its password in a secret alone, and its history in a database that is kept."""
    config = full("gcp")
    config["stile:platform"]["tracking"] = {"mode": mode}
    declared = deploy(config)
    template: Any = declared.one("cloudrunv2/service:Service").inputs["template"]
    assert template["scaling"]["minInstanceCount"] == instances
    assert template["serviceAccount"] == "stile-test-gcp-tracking@our-project.iam.gserviceaccount.com"
    (variable,) = template["containers"][0]["envs"]
    assert variable["valueSource"]["secretKeyRef"]["secret"] == "stile-test-gcp-mlflow"
    where = "host=/cloudsql/our-project:us-central1:stile-test-gcp-mlflow-0a1b2c3"
    assert declared.one("SecretVersion").inputs["secretData"].endswith(where)
    assert declared.one("DatabaseInstance").protected


def test_what_exists_already_is_used_and_not_made_on_google(deploy: Deploy) -> None:
    role = "ours@our-project.iam.gserviceaccount.com"
    key = "projects/our-project/locations/us-central1/keyRings/ours/cryptoKeys/ours"
    config = full("gcp", release=RELEASE)
    config["stile:platform"] |= {
        "identity": {"job_role_arn": role, "serving_role_arn": role},
        "images": {"repository": "us-central1-docker.pkg.dev/our-project/ours/jobs"},
        "storage": {"bucket": "our-bucket", "kms_key_arn": key},
        "tracking": {"mode": "external", "url": "https://mlflow.example.com"},
    }
    declared = deploy(config)
    assert not declared.all("bucket:Bucket")
    assert not declared.all("cryptoKey:CryptoKey")
    assert not declared.all("repository:Repository")
    assert {made.name for made in declared.all("account:Account")} == {
        "stile-test-gcp-pipeline",
        "stile-test-gcp-tracking",
    }
    (deployed,) = declared.one("EndpointDeployment").inputs["deployedModels"]
    assert deployed["serviceAccount"] == role
    assert declared.one("AiEndpoint").inputs["encryptionSpec"] == {"kmsKeyName": key}
    assert "gs://our-bucket/runs" in definition(declared, "gcp")


def test_what_exists_already_is_used_and_not_made(deploy: Deploy) -> None:
    role = "arn:aws:iam::123456789012:role/ours"
    key = "arn:aws:kms:us-east-1:123456789012:key/ours"
    config = full(release=RELEASE)
    config["stile:platform"] |= {
        "identity": {"job_role_arn": role, "serving_role_arn": role},
        "images": {"repository": "123456789012.dkr.ecr.us-east-1.amazonaws.com/ours"},
        "storage": {"bucket": "our-bucket", "kms_key_arn": key},
    }
    declared = deploy(config)
    assert not declared.all("s3/bucket:Bucket")
    assert not declared.all("kms/key:Key")
    assert not declared.all("ecr/repository:Repository")
    assert {made.name for made in declared.all("iam/role:Role")} == {
        "stile-test-aws-pipeline",
        "stile-test-aws-tracking",
    }
    assert declared.one("model:Model").inputs["executionRoleArn"] == role
    assert "s3://our-bucket/runs" in declared.one("pipeline:Pipeline").inputs["pipelineDefinition"]


def test_a_private_network_reaches_jobs_and_endpoint(deploy: Deploy) -> None:
    declared = deploy(changed(full(release=RELEASE), "network", PRIVATE_NETWORK))
    definition = declared.one("pipeline:Pipeline").inputs["pipelineDefinition"]
    assert declared.one("model:Model").inputs["vpcConfig"] == {
        "subnets": ["subnet-0a1b"],
        "securityGroupIds": ["sg-0a1b"],
    }
    assert definition.count('"subnet-0a1b"') == 7  # every step


def test_a_budget_tells_the_topic_at_each_share(first_up: Declared) -> None:
    budget = first_up.one("budget:Budget").inputs
    assert budget["limitAmount"] == "100"
    assert budget["costFilters"] == [{"name": "TagKeyValue", "values": ["user:stile-stack$stile-test-aws"]}]
    assert [notification["threshold"] for notification in budget["notifications"]] == [80, 100]
    assert all(len(each["subscriberSnsTopicArns"]) == 1 for each in budget["notifications"])


def test_a_budget_on_google_counts_the_stacks_label(first_ups: Mapping[str, Declared], deploy: Deploy) -> None:
    """In whole dollars and billionths: 99.99 is 99 and 990000000, which no float is."""
    budget = first_ups["gcp"].one("budget:Budget").inputs
    assert budget["budgetFilter"]["labels"] == {"stile-stack": "stile-test-gcp"}
    assert budget["budgetFilter"]["projects"] == ["projects/123456789012"]
    assert [rule["thresholdPercent"] for rule in budget["thresholdRules"]] == [0.8, 1.0]
    assert budget["allUpdatesRule"]["pubsubTopic"] == "projects/our-project/topics/stile-test-gcp-alarms"
    config = full("gcp")
    config["stile:platform"]["budget"] = {"monthly_usd": 99.99}
    amount = deploy(config).one("budget:Budget").inputs["amount"]["specifiedAmount"]
    assert amount == {"currencyCode": "USD", "units": "99", "nanos": 990_000_000}


def test_without_a_budget_there_is_none(cloud: str, deploy: Deploy) -> None:
    config = full(cloud)
    del config["stile:platform"]["budget"]
    assert not deploy(config).all("Budget")
