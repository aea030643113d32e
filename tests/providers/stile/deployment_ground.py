"""What the tests of `EndpointDeployment` stand on: tiny versions of a model, endpoints, and what the journal has."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx

from tests.localcloud.gcp.cloud import PLACE, PROJECT
from tests.localcloud.gcp.vertex.ground import Ground, eventually

# A model server by Vertex AI's contract: it says which deployed model it is; one that is told to ends at once.
SERVER = """
import http.server, json, os, sys
if os.environ.get("BROKEN"):
    print("the model is broken", flush=True)
    sys.exit(9)

class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version, disable_nagle_algorithm = "HTTP/1.1", True

    def answer(self, body):
        content = json.dumps(body).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def do_GET(self):
        self.answer({})

    def do_POST(self):
        self.rfile.read(int(self.headers["Content-Length"]))
        self.answer({"predictions": [os.environ["AIP_DEPLOYED_MODEL_ID"]]})

    def log_message(self, *arguments):
        pass

http.server.ThreadingHTTPServer(("127.0.0.1", int(os.environ["AIP_HTTP_PORT"])), Handler).serve_forever()
"""
MACHINE = "n1-standard-2"
Inputs = dict[str, Any]


def digest(word: str) -> str:
    """The digest of the model of a word."""
    return hashlib.sha256(word.encode()).hexdigest()


@dataclass(frozen=True)
class Place:
    """Endpoints and versions in the local Google Cloud.

    Attributes:
        ground: the cloud.
        image: serves a model by SERVER.
        http: asks the cloud.
    """

    ground: Ground
    image: str
    http: httpx.Client

    @property
    def environment(self) -> dict[str, str]:
        """The variables by which a process uses the cloud."""
        return self.ground.gcp.environment

    def ask(self, verb: str, name: str, body: Any = None, *, refused: int | None = None, **query: str) -> Any:
        """Send a request as curl does; its operation, if it began one, is waited for."""
        answer = self.http.request(verb, f"/{name}", json=body, params=query)
        found = answer.json()
        assert answer.status_code == (refused or 200), found
        if refused:
            return found["error"]
        return eventually(lambda: self._done(found["name"])) if "/operations/" in found.get("name", "") else found

    def _done(self, operation: str) -> Any:
        found = self.http.get(f"/ui/{operation}").json()
        return found if found["done"] else None

    def version(self, word: str, **environment: str) -> str:
        """Register the model of a word, and return its version's name."""
        variables = {"STILE_MODEL_SHA256": digest(word), **environment}
        container = {"imageUri": self.image, "env": [{"name": key, "value": one} for key, one in variables.items()]}
        body = {"model": {"displayName": word, "containerSpec": container}}
        found = self.ask("POST", f"v1/{PLACE}/models:upload", body)["response"]
        return f"{found['model']}@{found['modelVersionId']}"

    def endpoint(self) -> str:
        """Make an endpoint, and return its name."""
        return str(self.ask("POST", f"v1/{PLACE}/endpoints", {"displayName": "deployments"})["response"]["name"])

    def live(self, endpoint: str) -> tuple[dict[str, str], dict[str, int]]:
        """What an endpoint serves: its deployed models, and its split."""
        found = self.ask("GET", f"v1/{endpoint}")
        models = {one["id"]: one["model"] for one in found.get("deployedModels", ())}
        return models, {id_: share for id_, share in found.get("trafficSplit", {}).items() if share}

    def predict(self, endpoint: str) -> str:
        """Ask an endpoint once, and return which deployed model answered."""
        return str(self.ask("POST", f"v1/{endpoint}:predict", {"instances": [1]})["predictions"][0])

    def alarm(self, name: str) -> str:
        """Make an alert policy over a metric of that name, and return its own."""
        threshold = {
            "filter": f'metric.type = "custom.googleapis.com/{name}"',
            "comparison": "COMPARISON_GT",
            "thresholdValue": 0,
            "duration": "0s",
        }
        conditions = [{"displayName": name, "conditionThreshold": threshold}]
        body = {"displayName": name, "combiner": "OR", "conditions": conditions}
        return str(self.ask("POST", f"v3/projects/{PROJECT}/alertPolicies", body)["name"])

    def ring(self, name: str) -> None:
        """Let a metric rise, and so its alarm go off."""
        ring(self.http, name)

    def silence(self, policy: str) -> None:
        """Close what is open of an alert policy, and open no more."""
        self.ask("PATCH", f"v3/{policy}", {"enabled": False}, updateMask="enabled")

    @property
    def faults(self) -> Path:
        """The file of faults that the cloud reads before each transition."""
        return self.ground.gcp.cloud.state_dir / "local" / "gcp" / "faults.toml"

    def fail(self, endpoint: str, action: str, id_: str) -> None:
        """Let an action on a deployed model fail from now on; an empty one lets none fail."""
        name = f"{endpoint}/{id_}"
        fault = (
            f'[[fault]]\nmachine = "deployment"\naction = "{action}"\nname = "{name}"\nreason = "no machines left"\n'
        )
        self.faults.write_text(fault if action else "fault = []\n")

    def history(self, endpoint: str) -> list[tuple[list[str], dict[str, int]]]:
        """Return the deployed models and the split after every transition of an endpoint."""
        models: list[str] = []
        split: dict[str, int] = {}
        found = []
        for entry in self.ground.journal(endpoint):
            changed: Mapping[str, Any] = entry["changed"]
            if "deployedModels" in changed:
                models = [one["id"] for one in changed["deployedModels"] or ()]
            if "trafficSplit" in changed:
                split = changed["trafficSplit"] or {}
            found.append((models, split))
        return found


def ring(http: httpx.Client, name: str) -> None:
    """Write a point of a metric that is too high."""
    point = {"interval": {"endTime": datetime.now(UTC).isoformat()}, "value": {"doubleValue": 1.0}}
    metric = {"type": f"custom.googleapis.com/{name}"}
    body = {"timeSeries": [{"metric": metric, "resource": {"type": "global"}, "points": [point]}]}
    answer = http.post(f"/v3/projects/{PROJECT}/timeSeries", json=body)
    assert answer.is_success, answer.text


def described(id_: str, version: str, word: str, **more: Any) -> Inputs:
    """Describe a model as an input does."""
    one = {"id": id_, "model": version, "sha256": digest(word), "machineType": MACHINE, "minReplicas": 1}
    return {**one, "maxReplicas": 1, **more}


def never_broken(history: list[tuple[list[str], dict[str, int]]]) -> bool:
    """Whether, since its first model, an endpoint always had one and a split of 100 over what it had."""
    began = next((number for number, (models, _) in enumerate(history) if models), len(history))
    return all(
        models and sum(split.values()) == 100 and split.keys() <= set(models) for models, split in history[began:]
    )
