"""The way to an MLflow server that a container is given: requests pass the permission gate and are handed on."""

import functools
import re
import tomllib
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote

from localstack.http import Response
from localstack.runtime import hooks
from localstack.services.edge import ROUTER
from localstack.utils.aws.request_context import extract_access_key_id_from_auth_header
from rolo.proxy import Proxy

from infra.localcloud.aws.permissions.demands import Asked
from infra.localcloud.aws.permissions.gate import AccessDeniedError, require
from infra.localcloud.aws.permissions.roles import actor_of
from infra.localcloud.aws.sagemaker.store import store_of

PREFIX = "/_stile/mlflow"
TABLE = Path(__file__).with_name("mlflow_actions.toml")
UNNAMED = "*"
"""What an operation is called that the table does not name: only a policy that allows all of them holds it."""


@hooks.on_infra_start()
def open_way() -> None:
    """Called by LocalStack before the first request is taken."""
    way: Any = hand_on  # the router calls it with the path's parts as keywords, which its type does not say
    ROUTER.add(f"{PREFIX}/<arn>/<path:path>", way, methods=["GET", "POST", "PUT", "PATCH", "DELETE"])


def address(cloud_url: str, arn: str) -> str:
    """Return where a container reaches the MLflow App or tracking server of an ARN."""
    return f"{cloud_url}{PREFIX}/{quote(arn.replace('/', '~'), safe='')}"


def hand_on(request: Any, arn: str, path: str) -> Any:
    """Answer a request to an MLflow server: refused by the gate with 403, or as the server answers it."""
    name = unquote(arn).replace("~", "/")
    region, account = name.split(":")[3:5]
    records = store_of(account_id=account, region=region)
    found = records.mlflow_apps.find(name) or records.mlflow_servers.find(name)
    if found is None or found.server is None:
        return _error(404, "RESOURCE_DOES_NOT_EXIST", f"{name} does not run")
    actor = actor_of(extract_access_key_id_from_auth_header(request.headers), account)
    if actor is not None:
        try:
            require(actor, _asked(name, request.method, f"/{path}"))
        except AccessDeniedError as error:
            return _error(403, "PERMISSION_DENIED", f"AccessDeniedException: {error}")
    with Proxy(found.server.url, preserve_host=False) as proxy:
        return proxy.forward(request, f"/{path}")


def _asked(arn: str, method: str, path: str) -> Asked:
    _, partition, _, region, account, resource = arn.split(":")
    place = {"partition": partition, "region": region, "account": account}
    if resource.startswith("mlflow-app/"):
        return Asked("sagemaker", "CallMlflowAppApi", place, {"Arn": arn, "Path": path})
    return Asked("sagemaker-mlflow", action_of(method, path), place, {"Arn": arn, "Path": path})


def action_of(method: str, path: str) -> str:
    """Return what the vendor calls an operation of MLflow's REST API, for tracking servers."""
    found = (name for verb, pattern, name in _actions() if verb == method and pattern.fullmatch(path))
    return next(found, UNNAMED)


@functools.cache
def _actions() -> list[tuple[str, re.Pattern[str], str]]:
    rows = tomllib.loads(TABLE.read_text())["actions"]
    return [(method, re.compile(rf"/(?:ajax-)?api/2\.0/mlflow/{path}"), name) for method, path, name in rows]


def _error(status: int, code: str, message: str) -> Response:
    answer = Response(status=status)
    answer.set_json({"error_code": code, "message": message})
    return answer
