"""The program of test_release_under_load.py: one endpoint, of the project's own component, as the config says."""

import pulumi

from components.endpoint import Serving
from components.endpoint.aws import AwsEndpoint
from components.naming import Naming
from components.spec import Endpoint, Release, Rollout

ground = pulumi.Config("ground")
release = pulumi.Config("stile").require_object("platform")["models"]["words"]["release"]
AwsEndpoint(
    "load-local-release-words",
    {
        "naming": Naming("load", "local-release", "somebody"),
        "serving": Serving("words", "words", "ml.m5.large", Endpoint(), Rollout(), Release.model_validate(release)),
        "role": ground.require("role"),
        "data_uri": f"s3://{ground.require('bucket')}",
        "key": ground.require("key"),
        "version": f"{ground.require('versions')}/{release['version']}",
        "alarms": [],
    },
)
