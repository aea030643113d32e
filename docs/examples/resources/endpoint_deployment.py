"""EndpointDeployment alone: two versions of a model at one endpoint of Vertex AI, 90 requests to 10."""

import pulumi
import pulumi_gcp as gcp

from components.endpoint.deployment import DeployedModelArgs, EndpointDeployment, deployed_id

MODEL = "projects/our-project/locations/us-central1/models/churn"
DIGESTS = {"3": "ab" * 32, "4": "cd" * 32}


def served(version: str) -> DeployedModelArgs:
    """Describe a version as it is to be deployed; its id follows from the description."""
    machine = "e2-standard-2"
    return {
        "id": deployed_id({"version": version, "machine": machine}),
        "model": f"{MODEL}@{version}",
        "sha256": DIGESTS[version],
        "machine_type": machine,
        "min_replicas": 1,
    }


champion, challenger = served("3"), served("4")
endpoint = gcp.vertex.AiEndpoint("churn", name="123456789", display_name="churn", location="us-central1")
deployment = EndpointDeployment(
    "churn",
    endpoint=endpoint.id,
    deployed_models=[champion, challenger],
    traffic_split={str(champion["id"]): 90, str(challenger["id"]): 10},
    rollout={"bake_seconds": 300, "alarms": ["projects/our-project/alertPolicies/1234567890"]},
)

pulumi.export("live", deployment.live)
