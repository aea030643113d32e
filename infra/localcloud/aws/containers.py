"""This machine as the host of the containers that our services run."""

import os
from functools import cache

from infra.localcloud.jobs.container import ContainerHost, Settings


@cache
def container_host() -> ContainerHost:
    """Return the one host of this local cloud. Raises KeyError where lifecycle.start did not start LocalStack."""
    return ContainerHost(Settings.from_environment(os.environ))
