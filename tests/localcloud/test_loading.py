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
