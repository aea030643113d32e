"""What the tests of Vertex AI stand on: tiny images in the registry, a bucket, and clients of Google over REST."""

import io
import json
import subprocess
import tarfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
from google.api_core.client_options import ClientOptions

from tests.localcloud.gcp.cloud import PROJECT, LocalGcp
from tests.localcloud.gcp.serving import Person

# A model server by Vertex AI's contract: it fetches a word from its model's folder as the account that it serves under.
SERVER = """
import http.server, json, os, sys, time, urllib.parse, urllib.request
root = os.environ["STORAGE_EMULATOR_HOST"]

def ask(url, **headers):
    return urllib.request.urlopen(urllib.request.Request(url, headers=headers)).read()

metadata = f"http://{os.environ['GCE_METADATA_HOST']}/computeMetadata/v1/instance/service-accounts/default/"
account = ask(metadata + "email", **{"Metadata-Flavor": "Google"}).decode()
token = json.loads(ask(metadata + "token", **{"Metadata-Flavor": "Google"}))["access_token"]
bucket, _, folder = os.environ["AIP_STORAGE_URI"].removeprefix("gs://").partition("/")
name = urllib.parse.quote(f"{folder}/model.json", safe="")
asked = json.loads(ask(f"{root}/storage/v1/b/{bucket}/o/{name}?alt=media", Authorization=f"Bearer {token}"))
print("serving", asked["word"], "with", sys.argv[1:], flush=True)
if asked.get("broken"):
    print("the model is broken", flush=True)
    sys.exit(9)

class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version, disable_nagle_algorithm = "HTTP/1.1", True

    def answer(self, status, body):
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def do_GET(self):
        self.answer(200 if self.path == os.environ["AIP_HEALTH_ROUTE"] else 404, {})

    def do_POST(self):
        got = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        first = got["instances"][0] if got.get("instances") else None
        if first == "die":
            os._exit(3)
        if isinstance(first, dict) and "status" in first:
            return self.answer(first["status"], b"the model refuses")
        time.sleep(0.3 if first == "slow" else 0)
        seen = {"word": asked["word"], "account": account, "args": sys.argv[1:], "path": self.path,
                "own": os.environ.get("OWN"), "parameters": got.get("parameters")}
        self.answer(200, {"predictions": [{**seen, "got": one} for one in got["instances"]]})

    def log_message(self, *arguments):
        pass

http.server.ThreadingHTTPServer(("127.0.0.1", int(os.environ["AIP_HTTP_PORT"])), Handler).serve_forever()
"""


@dataclass(frozen=True)
class Ground:
    """A place to train and serve in.

    Attributes:
        gcp: the cloud.
        crane: the program that pushes images.
        folder: for files on their way.
        bucket: a bucket of the project.
    """

    gcp: LocalGcp
    crane: str
    folder: Path
    bucket: str

    @contextmanager
    def generated(self, client: Any) -> Iterator[Any]:
        """Give a generated client of google-cloud-aiplatform that speaks REST to this cloud."""
        with generated(self.gcp.cloud.endpoint_url, client) as made:
            yield made

    def image(self, script: str) -> str:
        """Push an image without a base whose entrypoint is a script, and return its URI by digest."""
        name = f"{PROJECT}/{self.gcp.name('images')}/tiny"
        archive = self.folder / f"{self.gcp.name('layer')}.tar"
        with tarfile.open(archive, "w") as tar:
            member = tarfile.TarInfo("opt/job/main.py")
            member.size = len(script.encode())
            tar.addfile(member, io.BytesIO(script.encode()))
        target = f"{urlsplit(self.gcp.cloud.registry_url).netloc}/{name}:latest"
        run(self.crane, "append", "--new_layer", str(archive), "--new_tag", target)
        run(self.crane, "mutate", target, "--tag", target, "--entrypoint=python,-u,/opt/job/main.py")
        return f"us-central1-docker.pkg.dev/{name}@{run(self.crane, 'digest', target).strip()}"

    def put(self, name: str, content: str) -> str:
        """Write an object and return its URI."""
        base = self.gcp.cloud.endpoint_url
        answer = httpx.post(
            f"{base}/upload/storage/v1/b/{self.bucket}/o",
            params={"uploadType": "media", "name": name},
            content=content.encode(),
            trust_env=False,
        )
        assert answer.is_success, answer.text
        return f"gs://{self.bucket}/{name}"

    def text(self, uri: str) -> str:
        """Read an object."""
        bucket, _, name = uri.removeprefix("gs://").partition("/")
        storage = self.gcp.client("storage", "v1")
        content: bytes = storage.objects().get_media(bucket=bucket, object=name).execute()
        return content.decode()

    def names(self, prefix: str) -> list[str]:
        """List the names of the bucket's objects that begin so."""
        found = self.gcp.client("storage", "v1").objects().list(bucket=self.bucket, prefix=prefix).execute()
        return [one["name"] for one in found.get("items", ())]

    def account(self, *roles: str) -> str:
        """Make a service account with roles on the project, and return its e-mail address."""
        body = {"accountId": self.gcp.name("vertex-account")}
        accounts = self.gcp.client("iam", "v1").projects().serviceAccounts()
        email = str(accounts.create(name=f"projects/{PROJECT}", body=body).execute()["email"])
        projects, name = self.gcp.client("cloudresourcemanager", "v3").projects(), f"projects/{PROJECT}"
        policy = projects.getIamPolicy(resource=name, body={}).execute()
        policy.setdefault("bindings", [])
        policy["bindings"] += [{"role": role, "members": [f"serviceAccount:{email}"]} for role in roles]
        projects.setIamPolicy(resource=name, body={"policy": policy}).execute()
        return email

    def model(self, word: str, **more: Any) -> str:
        """Store a model of one word, and return the URI of its folder."""
        folder = self.gcp.name("models")
        self.put(f"{folder}/model.json", json.dumps({"word": word, **more}))
        return f"gs://{self.bucket}/{folder}"

    def journal(self, name: str) -> list[dict[str, Any]]:
        """Return every transition of a resource."""
        answer = httpx.get(f"{self.gcp.cloud.endpoint_url}/_stile/journal", params={"name": name}, trust_env=False)
        found: list[dict[str, Any]] = answer.json()["transitions"]
        return found

    def logs(self, words: str) -> list[str]:
        """Return the messages of the log entries that a filter finds."""
        body = {"resourceNames": [f"projects/{PROJECT}"], "filter": words, "pageSize": 1000}
        found = self.gcp.client("logging", "v2").entries().list(body=body).execute()
        return [entry["jsonPayload"]["message"] for entry in found.get("entries", ())]


@contextmanager
def generated(endpoint_url: str, client: Any) -> Iterator[Any]:
    """Give a generated client that speaks REST to a cloud."""
    options = ClientOptions(api_endpoint=endpoint_url)
    with client(credentials=Person(), transport="rest", client_options=options) as made:
        yield made
        # The client closes its own connections, but not those by which it polls operations.
        if polling := getattr(made.transport, "_operations_client", None):
            polling._transport._session.close()


def ground(gcp: LocalGcp, crane: str, folder: Path) -> Ground:
    """Make a bucket to work in."""
    bucket = gcp.name("vertex-bucket")
    gcp.client("storage", "v1").buckets().insert(project=PROJECT, body={"name": bucket}).execute()
    return Ground(gcp, crane, folder, bucket)


def eventually(look: Callable[[], Any], *, attempts: int = 600) -> Any:
    """Look until something is there, at the pace of a busy service, and return it."""
    for _ in range(attempts):
        if found := look():
            return found
        time.sleep(0.05)
    raise AssertionError("what was waited for did not come")


def run(*argv: str) -> str:
    """Run a command; its output is in the failure when it fails."""
    done = subprocess.run(argv, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{argv}: {done.stderr}"
    return done.stdout
