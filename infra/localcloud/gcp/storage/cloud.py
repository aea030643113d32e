"""Joins Cloud Storage to the local Google Cloud."""

from starlette.routing import BaseRoute

from infra.localcloud.gcp.call import Cloud
from infra.localcloud.gcp.storage.routes import routes as routes_of
from infra.localcloud.gcp.storage.store import Store

FOLDER = "storage"


def routes(cloud: Cloud) -> list[BaseRoute]:
    """The routes of Cloud Storage; objects' bytes lie below the cloud's own folder."""
    return routes_of(Store(cloud.home / FOLDER))
