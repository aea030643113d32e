"""Runs the local Google Cloud: `python -m infra.localcloud.gcp --port N --state DIR`."""

import argparse
import logging
import os
from pathlib import Path

import uvicorn

from infra.localcloud.gcp.call import Cloud
from infra.localcloud.gcp.server import application
from infra.localcloud.jobs.registry_process import serve_registry

HOST = "127.0.0.1"


def main() -> None:
    """Serve until killed."""
    parser = argparse.ArgumentParser(prog="python -m infra.localcloud.gcp", description="The local Google Cloud.")
    parser.add_argument("--port", type=int, required=True, help="the loopback port on which all services answer")
    parser.add_argument("--state", type=Path, required=True, help="the folder for all that it writes")
    arguments = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    # A line per request that Cloud Run hands on.
    logging.getLogger("httpx").setLevel(logging.WARNING)
    home: Path = arguments.state.absolute()
    home.mkdir(parents=True, exist_ok=True)
    os.environ.setdefault("STILE_LOCAL_HOME", str(home))
    serve_registry(home)
    registry = os.environ.get("STILE_REGISTRY_URL", "")
    cloud = Cloud(endpoint_url=f"http://{HOST}:{arguments.port}", home=home, registry_url=registry)
    uvicorn.run(application(cloud), host=HOST, port=arguments.port, log_level="warning", access_log=False)


if __name__ == "__main__":
    main()
