"""Protects the first requests to a fresh local cloud: its services load whole, however many are asked for at once."""

import subprocess
from pathlib import Path

from infra.localcloud.preparation import PYTHON

ROOT = Path(__file__).resolve().parents[2]
# Modules that load slowly, as from a cold disk, leave the threads that load them the time to meet in their circles.
LOADING = """
import importlib.machinery, random, sys, threading, time
from localstack.services.plugins import SERVICE_PLUGINS
from infra.localcloud.aws.one_at_a_time import load_one_at_a_time

load_one_at_a_time()
run = importlib.machinery.SourceFileLoader.exec_module

def slowly(self, module):
    time.sleep(0.02 if module.__name__.startswith("moto.") else 0)
    run(self, module)

importlib.machinery.SourceFileLoader.exec_module = slowly
gate, failed = threading.Barrier(8), []

def load(name):
    gate.wait()
    try:
        assert SERVICE_PLUGINS.get_service_container(name) is not None
        import moto.iam.access_control
    except BaseException as error:
        failed.append(f"{name}: {error}")

names = ["iam", "s3", "logs", "sns", "sts", "ecr", "cloudwatch", "events"]
threads = [threading.Thread(target=load, args=(name,)) for name in names]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
sys.exit("\\n".join(failed) or 0)
"""


def test_services_load_whole_when_they_are_asked_for_at_once() -> None:
    done = subprocess.run([PYTHON, "-c", LOADING], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


# A collection of garbage in the middle of a parse lets another thread in; this one makes that certain.
PARSING = """
import ast, gc, sys, threading, time
from infra.localcloud.aws.one_at_a_time import parse_one_at_a_time

if "locked" in sys.argv:
    parse_one_at_a_time()
gc.set_threshold(20)
gc.callbacks.append(lambda *about: time.sleep(0))
failed = []

def parse(depth):
    if depth:
        return parse(depth - 1)
    for _ in range(3000):
        try:
            ast.parse("if a:\\n b = f'{c}' + d")
        except SystemError as error:
            failed.append(str(error))

threads = [threading.Thread(target=parse, args=(depth,)) for depth in range(0, 80, 10)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
sys.exit(failed[0] if failed else 0)
"""


def test_routes_are_compiled_whole_when_services_are_asked_for_at_once() -> None:
    """A Python before 3.11.8 fails here without the lock; an endpoint under load once answered 500 for it."""
    done = subprocess.run([PYTHON, "-c", PARSING, "locked"], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
