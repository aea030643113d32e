"""What endpoint tests stand on: an image that serves a model of one word, and calls that create, wait and invoke."""

import io
import json
import tarfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from botocore.exceptions import WaiterError

from tests.localcloud.cloud import LocalAws
from tests.localcloud.job_images import Ground

# Serves the word in its model; a request may ask for a status, and is told what the server sees.
SERVER = """
import http.server, json, os, pathlib, sys, time
model = pathlib.Path(os.environ.get("STILE_CONTAINER_ROOT", "/")) / "opt/ml/model/model.json"
asked = json.loads(model.read_text())
print("serving", asked["word"], "with", sys.argv[1:], flush=True)
if asked.get("broken"):
    print("the model is broken", flush=True)
    sys.exit(9)

class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version, disable_nagle_algorithm = "HTTP/1.1", True

    def answer(self, status, body):
        content = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        if "X-Amzn-SageMaker-Custom-Attributes" in self.headers:
            self.send_header("X-Amzn-SageMaker-Custom-Attributes", "back")
        self.end_headers()
        self.wfile.write(content)

    def do_GET(self):
        self.answer(200, "pong")

    def do_POST(self):
        got = self.rfile.read(int(self.headers["Content-Length"])).decode()
        time.sleep(0.4 if got == "slow" else 0)
        if got == "die":
            os._exit(3)
        status = int(got) if got.isdigit() else 200
        self.answer(status, {
            "word": asked["word"], "got": got, "headers": dict(self.headers), "role": "AWS_SESSION_TOKEN" in os.environ,
            "environment": {k: v for k, v in os.environ.items() if k.startswith("OWN")},
        })

    def log_message(self, *arguments):
        pass

http.server.ThreadingHTTPServer(("127.0.0.1", int(os.environ["SAGEMAKER_BIND_TO_PORT"])), Handler).serve_forever()
"""
WAIT = {"Delay": 0.1, "MaxAttempts": 600}


@dataclass(frozen=True)
class Serving:
    """A place to serve from."""

    aws: LocalAws
    ground: Ground

    @property
    def sagemaker(self) -> Any:
        """SageMaker's client."""
        return self.aws.client("sagemaker")

    def artifact(self, **model: Any) -> str:
        """Store a model archive and return its URI."""
        content = json.dumps(model).encode()
        packed = io.BytesIO()
        with tarfile.open(fileobj=packed, mode="w:gz") as tar:
            member = tarfile.TarInfo("model.json")
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))
        key = f"{self.aws.name('models')}/model.tar.gz"
        self.aws.client("s3").put_object(Bucket=self.ground.bucket, Key=key, Body=packed.getvalue())
        return f"s3://{self.ground.bucket}/{key}"

    def model(self, **content: Any) -> str:
        """Create a model that serves `word`, and return its name."""
        name = self.aws.name("model")
        self.sagemaker.create_model(
            ModelName=name,
            ExecutionRoleArn=self.ground.role,
            PrimaryContainer={
                "Image": self.ground.image,
                "ModelDataUrl": self.artifact(**content),
                "Environment": {"OWN": "set"},
            },
        )
        return name

    def config(self, *variants: tuple[str, float], **more: Any) -> str:
        """Create a configuration of variants named by their words, and return its name."""
        name = self.aws.name("config")
        self.sagemaker.create_endpoint_config(
            EndpointConfigName=name,
            ProductionVariants=[
                {
                    "VariantName": word,
                    "ModelName": self.model(word=word, broken=word == "broken"),
                    "InstanceType": "ml.m5.large",
                    "InitialInstanceCount": 1,
                    "InitialVariantWeight": weight,
                }
                for word, weight in variants
            ],
            **more,
        )
        return name

    def endpoint(self, config: str) -> str:
        """Create an endpoint, wait until it serves, and return its name."""
        name = self.aws.name("endpoint")
        self.sagemaker.create_endpoint(EndpointName=name, EndpointConfigName=config)
        assert self.settled(name)["EndpointStatus"] == "InService"
        return name

    def settled(self, name: str) -> dict[str, Any]:
        """Wait until an endpoint is in service or failed, and describe it."""
        try:
            self.sagemaker.get_waiter("endpoint_in_service").wait(EndpointName=name, WaiterConfig=WAIT)
        except WaiterError as error:
            if "terminal failure state" not in str(error):
                raise
        described: dict[str, Any] = self.sagemaker.describe_endpoint(EndpointName=name)
        return described

    def invoke(self, name: str, body: str = "hello", **more: Any) -> dict[str, Any]:
        """Invoke an endpoint and return the response with its body parsed."""
        runtime = self.aws.client("sagemaker-runtime")
        answer = runtime.invoke_endpoint(EndpointName=name, Body=body, ContentType="application/json", **more)
        return {**answer, "Body": json.loads(answer["Body"].read())}

    def delete(self, name: str) -> None:
        """Delete an endpoint and wait until it is gone."""
        self.sagemaker.delete_endpoint(EndpointName=name)
        self.sagemaker.get_waiter("endpoint_deleted").wait(EndpointName=name, WaiterConfig=WAIT)


def eventually(look: Callable[[], Any], *, attempts: int = 400, pause_seconds: float = 0.05) -> Any:
    """Look until something is there, at the pace of a busy service, and return it."""
    for _ in range(attempts):
        if found := look():
            return found
        time.sleep(pause_seconds)
    raise AssertionError("what was waited for did not come")
