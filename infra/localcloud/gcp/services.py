"""The services of the local Google Cloud: one line per module with behaviour."""

from importlib import import_module
from typing import Any

from starlette.routing import BaseRoute

from infra.localcloud.gcp.call import Cloud
from infra.localcloud.gcp.operation_methods import operation_handlers
from infra.localcloud.gcp.routes import Routes
from infra.localcloud.gcp.service import Registered, Service

# Each has a SERVICE, or a tuple SERVICES.
MODULES = (
    "infra.localcloud.gcp.iam",
    "infra.localcloud.gcp.projects",
    "infra.localcloud.gcp.kms",
    "infra.localcloud.gcp.artifactregistry",
    "infra.localcloud.gcp.secretmanager",
    "infra.localcloud.gcp.pubsub",
    "infra.localcloud.gcp.cloudscheduler",
    "infra.localcloud.gcp.monitoring",
    "infra.localcloud.gcp.monitoring_series",
    "infra.localcloud.gcp.monitoring_alerts",
    "infra.localcloud.gcp.cloudlogging",
    "infra.localcloud.gcp.budgets",
    "infra.localcloud.gcp.run.service",
    "infra.localcloud.gcp.sql.service",
    "infra.localcloud.gcp.vertex.records",
    "infra.localcloud.gcp.vertex.models",
    "infra.localcloud.gcp.vertex.endpoints",
    "infra.localcloud.gcp.vertex.prediction",
    "infra.localcloud.gcp.vertex.custom_jobs",
    "infra.localcloud.gcp.vertex.pipelines",
    "infra.localcloud.gcp.vertex.batch_jobs",
    "infra.localcloud.gcp.vertex.schedules",
)
# Each has `routes(cloud)`, which returns starlette routes of its own; they go before everything else.
ROUTED: tuple[str, ...] = ("infra.localcloud.gcp.storage.cloud",)


def handlers(routes: Routes) -> dict[tuple[str, str], Registered]:
    """Return what answers each method, by API and id; operations' own methods are among them."""
    found = operation_handlers(routes)
    for service in services():
        found |= service.join(routes)
    return found


def own_routes(cloud: Cloud) -> list[BaseRoute]:
    """Return the routes of those services that are no generic ones."""
    found: list[BaseRoute] = []
    for name in ROUTED:
        found += import_module(name).routes(cloud)
    return found


def start(cloud: Cloud) -> None:
    """Start what services do by themselves: those modules that have `start(cloud)`."""
    for name in MODULES:
        module: Any = import_module(name)
        if hasattr(module, "start"):
            module.start(cloud)


def services() -> list[Service]:
    """Return the services of all modules."""
    modules: list[Any] = [import_module(name) for name in MODULES]
    return [service for module in modules for service in getattr(module, "SERVICES", None) or (module.SERVICE,)]
