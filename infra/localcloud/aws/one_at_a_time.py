"""Lets services be loaded one at a time: moto's modules import each other in circles.

Two threads that import the two ends of a circle (S3 and IAM) wait for each other until Python ends one of them with
"deadlock detected by _ModuleLock", which answers the first request to its service with 500.
"""

import importlib
import threading
from collections import defaultdict

from localstack.runtime import hooks
from localstack.services.plugins import SERVICE_PLUGINS

# The circle that no load would close: moto imports it when it answers its first request.
CIRCLE = "moto.iam.access_control"


@hooks.on_infra_start()
def load_one_at_a_time() -> None:
    """Called by LocalStack before the first request is taken."""
    lock = threading.RLock()
    SERVICE_PLUGINS._plugin_load_locks = defaultdict(lambda: lock)
    importlib.import_module(CIRCLE)
