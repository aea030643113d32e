"""The platform as a whole: tags and names everywhere, no call to a cloud, and a first `up` without any model."""

from tests.components.configs import PRIVATE_NETWORK, RELEASE, changed, full
from tests.components.conftest import Deploy
from tests.components.mocked import Declared

# Types of pulumi-aws 7.51.1 that take no tags
UNTAGGED = (
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
)


def test_everything_that_can_carries_the_settled_tags(released: Declared) -> None:
    for made in released.clouds():
        if made.type.endswith(UNTAGGED):
            assert "tags" not in made.inputs
            continue
        tags = made.inputs["tags"]
        assert tags["stile-stack"] == "stile-test-aws", made.urn
        assert tags["stile-environment"] == "test-aws", made.urn
        assert tags["stile-stage"]
        assert tags["stile-owner"] == "ml-platform"


def test_a_models_resources_carry_its_name_and_tag(released: Declared) -> None:
    stages = ("Endpoint$", "Pipeline$", "Registry$")
    of_model = [made for made in released.clouds() if any(f"stile:index:{stage}" in made.urn for stage in stages)]
    assert len(of_model) == 5
    for made in of_model:
        assert "flight-delays" in made.name
        assert made.inputs["tags"]["stile-model"] == "flight-delays"


def test_every_name_begins_with_platform_and_environment(released: Declared) -> None:
    assert [made.urn for made in released.resources if not made.name.startswith("stile-test-aws")] == []


def test_two_models_share_the_stages_and_have_their_own(deploy: Deploy, first_up: Declared) -> None:
    config = full()
    config["stile:platform"]["models"]["arrivals"] = {"use_case": "flight_delays"}
    added = {urn.split("$")[-1] for urn in set(deploy(config).urns) - set(first_up.urns)}
    assert set(first_up.urns) <= set(deploy(config).urns)
    assert {urn.split(":")[-3].split("/")[-1] for urn in added} >= {"ModelPackageGroup", "Pipeline", "MetricAlarm"}
    assert all("arrivals" in urn for urn in added)


def test_external_tracking_makes_no_server(deploy: Deploy) -> None:
    config = full()
    config["stile:platform"]["tracking"] = {"mode": "external", "url": "https://mlflow.example.com"}
    declared = deploy(config)
    assert not declared.all("MlflowApp")
    assert (
        '"MLFLOW_TRACKING_URI": "https://mlflow.example.com"'
        in declared.one("pipeline:Pipeline").inputs["pipelineDefinition"]
    )


def test_a_tracking_server_is_an_option(deploy: Deploy) -> None:
    config = full()
    config["stile:platform"]["tracking"] = {"mode": "server"}
    declared = deploy(config)
    assert not declared.all("MlflowApp")
    assert declared.one("MlflowTrackingServer").protected


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


def test_without_a_budget_there_is_none(deploy: Deploy) -> None:
    config = full()
    del config["stile:platform"]["budget"]
    assert not deploy(config).all("Budget")
