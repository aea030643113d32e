"""Starts the stand-in for the Google Cloud plugin: `python -m infra.providers.gcp`, run by the Pulumi engine."""

import importlib.metadata

from infra.providers.gcp.plugin import GcpPlugin
from infra.providers.kit.server import main

if __name__ == "__main__":
    main(lambda: GcpPlugin(importlib.metadata.version("pulumi-gcp")))
