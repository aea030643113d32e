"""Lets threads do one at a time what fails when several do it at once: loading services, and parsing Python.

moto's modules import each other in circles: two threads that import the two ends of one (S3 and IAM) wait for each
other until Python ends one of them with "deadlock detected by _ModuleLock", which answers the first request to its
service with 500. And LocalStack's routes are compiled from parsed Python when their service is first asked for: before
3.11.8 Python counts the depth of all threads' syntax trees in one place ("AST constructor recursion depth mismatch",
python/cpython#106905).
"""

import ast
import importlib
import sys
import threading
from collections import defaultdict
from typing import Any

from localstack.runtime import hooks
from localstack.services.plugins import SERVICE_PLUGINS

# The circle that no load would close: moto imports it when it answers its first request.
CIRCLE = "moto.iam.access_control"


@hooks.on_infra_start()
def load_one_at_a_time() -> None:
    """Called by LocalStack before the first request is taken."""
    lock = threading.RLock()
    SERVICE_PLUGINS._plugin_load_locks = defaultdict(lambda: lock)
    if sys.version_info < (3, 11, 8):
        parse_one_at_a_time()
    importlib.import_module(CIRCLE)


def parse_one_at_a_time() -> None:
    """Let each `ast.parse` of this process wait for those of other threads."""
    parse, lock = ast.parse, threading.Lock()

    def locked(*args: Any, **named: Any) -> Any:
        with lock:
            return parse(*args, **named)

    ast.parse = locked
