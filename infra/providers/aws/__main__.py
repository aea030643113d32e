"""Starts the stand-in for the AWS plugin: `python -m infra.providers.aws`, run by the Pulumi engine."""

import importlib.metadata

from infra.providers.aws.plugin import AwsPlugin
from infra.providers.kit.server import main

if __name__ == "__main__":
    main(lambda: AwsPlugin(importlib.metadata.version("pulumi-aws")))
