"""Works an estimate out a second time, from the graph, the usage file and the price book alone, by fractions.

It imports nothing of the product and reads none of its tables but the prices: what is charged for is written here once
more, by hand. `python recompute.py GRAPH.json USAGE.yaml PRICES.csv` writes {lines, unknown, total} on stdout.
"""

import csv
import json
import sys
from collections.abc import Callable, Iterable, Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

import yaml

HOURS = 730
ONE = Fraction(1)
KIB_IN_GIB = Fraction(1, 2**20)
# https://cloud.google.com/compute/docs/general-purpose-machines: cores, GiB
SIZES = {"e2-highmem-2": (2, 16)}
AWS_OUT = ("Data transfer", "out to internet (first 10TB)", "GB")
GCP_OUT = ("Network", "egress to internet worldwide (0-10 TiB)", "GB")
Item = tuple[str, str, str, Fraction]
"""Service, sku, unit, and how many of what is counted."""
REPOSITORIES = {"": "images.stored_gib", "REMOTE_REPOSITORY": "tracking.image_gib"}
COUNTS = {
    "1k requests": 1000,
    "10k requests": 10**4,
    "1M requests": 10**6,
    "1k ops": 1000,
    "10k ops": 10**4,
    "TiB": 1024,
}


def number(value: Any) -> Fraction:
    return Fraction(str(value))


class Usage:
    """The usage file's figures; each must be there."""

    def __init__(self, document: dict[str, Any], model: str) -> None:
        self._document, self._model = document, model

    def __call__(self, path: str) -> Fraction:
        part, name = path.split(".")
        holder = self._document["models"][self._model] if part == "models" else self._document[part]
        return number(holder[name])


Charges = Callable[[dict[str, Any], Usage], Iterable[Item]]


def nothing(inputs: dict[str, Any], use: Usage) -> Iterable[Item]:
    return ()


def answers(use: Usage) -> Fraction:
    """GiB of answers that leave for the internet."""
    return use("models.requests") * use("models.transfer_out_kib") * KIB_IN_GIB


def aws_runs(inputs: dict[str, Any], use: Usage) -> Iterator[Item]:
    runs = use("models.runs")
    hours = runs * number(inputs["candidates"]) * use("models.training_hours")
    others = runs * use("models.processing_hours")
    yield "SageMaker Pipelines", "orchestration (steps bill as jobs)", "run", runs
    yield "SageMaker training", f"Train:{inputs['trainingMachine']}", "instance-hour", hours
    yield "SageMaker processing", f"Processing:{inputs['processingMachine']}", "instance-hour", others
    yield "CloudWatch Logs", "ingestion (standard class)", "GB", runs * use("models.run_logs_gib")
    yield "SageMaker storage", "Training ML storage", "GB-month", ONE
    batch = f"Tsform:{inputs['processingMachine']}"
    yield "SageMaker batch transform", batch, "instance-hour", use("models.batch_hours")


def aws_machines(inputs: dict[str, Any], use: Usage) -> Iterator[Item]:
    service = "SageMaker real-time inference"
    for variant in inputs["productionVariants"]:
        count, sku = number(variant["initialInstanceCount"]), f"Host:{variant['instanceType']}"
        yield service, sku, "instance-hour", count * HOURS
        yield service, sku, "instance-hour", count * use("models.releases") * use("models.rollout_hours")
        data = use("models.requests") * use("models.request_kib") * KIB_IN_GIB
        yield service, "data processed in + out", "GB", data


def gcp_machines(inputs: dict[str, Any], use: Usage) -> Iterator[Item]:
    for model in inputs["deployedModels"]:
        count, sku = number(model["minReplicas"]), model["machineType"]
        twice = count * use("models.releases") * use("models.rollout_hours")
        yield "Vertex AI online prediction", sku, "node-hour", count * HOURS
        yield "Vertex AI online prediction", sku, "node-hour", twice


def gcp_server(inputs: dict[str, Any], use: Usage) -> Iterator[Item]:
    limits = inputs["template"]["containers"][0]["resources"]["limits"]
    hours = use("tracking.active_hours")
    yield "Cloud Run", "CPU (request-based)", "vCPU-hour", hours * number(limits["cpu"])
    yield "Cloud Run", "memory", "GiB-hour", hours * number(limits["memory"].removesuffix("Gi"))
    yield "Cloud Run", "requests (after 2M free)", "1M requests", use("tracking.requests")


def gcp_runs(inputs: dict[str, Any], use: Usage) -> Iterator[Item]:
    service, runs = "Vertex AI custom training", use("models.runs")
    yield "Vertex AI Pipelines", "pipeline run execution fee", "run", runs
    yield "Vertex AI Pipelines", "launcher", "node-hour", runs
    training = runs * number(inputs["candidates"]) * use("models.training_hours")
    for machine, hours in (
        (inputs["trainingMachine"], training),
        (inputs["processingMachine"], runs * use("models.processing_hours")),
    ):
        cores, memory = SIZES[machine]
        yield service, "e2 core", "vCPU-hour", hours * cores
        yield service, "e2 memory", "GiB-hour", hours * memory
        yield service, "SSD PD capacity (A005-98FE-36CC)", "GiB-hour", hours * 100
    yield "Cloud Logging", "ingestion (after 50 GiB)", "GiB", runs * use("models.run_logs_gib")
    cores, memory = SIZES[inputs["processingMachine"]]
    yield "Vertex AI online prediction", "e2 core", "vCPU-hour", use("models.batch_hours") * cores
    yield "Vertex AI online prediction", "e2 memory", "GiB-hour", use("models.batch_hours") * memory


AWS: dict[str, Charges] = {
    "aws:s3/bucket:Bucket": lambda inputs, use: [
        ("S3", "Standard storage", "GB-month", use("storage.stored_gib")),
        ("S3", "Standard PUT/COPY/POST/LIST", "1k requests", use("storage.written_requests")),
        ("S3", "Standard GET/SELECT/other", "1k requests", use("storage.read_requests")),
        (*AWS_OUT, use("storage.transfer_out_gib")),
    ],
    "aws:kms/key:Key": lambda inputs, use: [
        ("KMS", "customer managed key", "key-month", ONE),
        ("KMS", "symmetric requests", "10k requests", use("storage.key_requests")),
    ],
    "aws:ecr/repository:Repository": lambda inputs, use: [
        ("ECR", "private repository storage", "GB-month", use("images.stored_gib")),
    ],
    "aws:sagemaker/mlflowApp:MlflowApp": lambda inputs, use: [
        ("SageMaker managed MLflow", "serverless app", "app-month", ONE),
        ("SageMaker managed MLflow", "metadata storage", "GB-month", use("tracking.metadata_gib")),
    ],
    "stile:index:Pipeline": aws_runs,
    "aws:sagemaker/endpointConfiguration:EndpointConfiguration": aws_machines,
    "aws:sagemaker/endpoint:Endpoint": lambda inputs, use: [(*AWS_OUT, answers(use))],
    "aws:cloudwatch/logGroup:LogGroup": lambda inputs, use: [
        ("CloudWatch Logs", "ingestion (standard class)", "GB", use("models.logs_gib")),
        ("CloudWatch Logs", "archival storage", "GB-month", use("models.logs_kept_gib")),
    ],
    "aws:cloudwatch/metricAlarm:MetricAlarm": lambda inputs, use: [
        ("CloudWatch", "alarm metric standard resolution", "alarm-metric-month", ONE),
    ],
    "aws:cloudwatch/dashboard:Dashboard": lambda inputs, use: [
        ("CloudWatch", "custom dashboard (over 3)", "dashboard-month", ONE),
    ],
    "aws:sns/topic:Topic": lambda inputs, use: [
        ("SNS", "API requests (over 1M)", "1M requests", use("monitoring.notifications")),
    ],
}
GCP: dict[str, Charges] = {
    "gcp:storage/bucket:Bucket": lambda inputs, use: [
        ("Cloud Storage", "standard", "GB-month", use("storage.stored_gib")),
        ("Cloud Storage", "Class A operations standard", "1k ops", use("storage.written_requests")),
        ("Cloud Storage", "Class B operations standard", "1k ops", use("storage.read_requests")),
        (*GCP_OUT, use("storage.transfer_out_gib")),
    ],
    "gcp:kms/cryptoKey:CryptoKey": lambda inputs, use: [
        ("Cloud KMS", "software symmetric key version", "version-month", use("storage.key_versions")),
        ("Cloud KMS", "operations", "10k ops", use("storage.key_requests")),
    ],
    "gcp:artifactregistry/repository:Repository": lambda inputs, use: [
        ("Artifact Registry", "storage", "GB-month", use(REPOSITORIES[inputs.get("mode", "")])),
    ],
    "gcp:cloudrunv2/service:Service": gcp_server,
    "gcp:sql/databaseInstance:DatabaseInstance": lambda inputs, use: [
        ("Cloud SQL", "db-g1-small zonal", "hour", Fraction(HOURS)),
        ("Cloud SQL", "SSD storage zonal", "GB-month", Fraction(10)),
        ("Cloud SQL", "backups", "GB-month", use("tracking.backup_gib")),
    ],
    "gcp:secretmanager/secret:Secret": lambda inputs, use: [
        ("Secret Manager", "access operations (after 10k)", "10k ops", use("tracking.secret_reads")),
    ],
    "gcp:secretmanager/secretVersion:SecretVersion": lambda inputs, use: [
        ("Secret Manager", "active version (after 6)", "version-month", ONE),
    ],
    "stile:index:Pipeline": gcp_runs,
    "stile:endpoint:EndpointDeployment": gcp_machines,
    "gcp:vertex/aiEndpoint:AiEndpoint": lambda inputs, use: [
        ("Cloud Logging", "ingestion (after 50 GiB)", "GiB", use("models.logs_gib")),
        (*GCP_OUT, answers(use)),
    ],
    "gcp:pubsub/topic:Topic": lambda inputs, use: [
        ("Pub/Sub", "message delivery basic (after 10 GiB)", "TiB", use("monitoring.notifications") * KIB_IN_GIB),
    ],
}


def prices(path: Path, region: str) -> dict[tuple[str, str], Fraction]:
    """What is sold in a region, or everywhere."""
    found: dict[tuple[str, str], Fraction] = {}
    with path.open(newline="") as file:
        rows = sorted(csv.DictReader(file), key=lambda row: row["region"] == region)
    for row in rows:
        if row["region"] in (region, "global"):
            found[row["service"], row["sku"]] = Fraction(row["price"])
    return found


def recompute(graph: dict[str, Any], usage: dict[str, Any], book: dict[tuple[str, str], Fraction]) -> dict[str, Any]:
    """Every line, in no order."""
    use = Usage(usage, graph["model"])
    charges = {"aws": AWS, "gcp": GCP}[graph["cloud"]]
    lines, unknown, total = [], [], Fraction(0)
    for resource in graph["resources"]:
        charge = charges.get(resource["type"], nothing)
        for service, sku, unit, counted in charge(resource["inputs"], use):
            price = book.get((service, sku))
            if price is None:
                unknown.append([resource["urn"], sku])
                continue
            quantity = counted / COUNTS.get(unit, 1)
            total += quantity * price
            lines.append([resource["urn"], sku, unit, str(quantity), str(price), str(quantity * price)])
    return {"lines": lines, "unknown": unknown, "total": str(total)}


if __name__ == "__main__":
    graph_path, usage_path, prices_path = map(Path, sys.argv[1:])
    graph = json.loads(graph_path.read_text())
    answer = recompute(graph, yaml.safe_load(usage_path.read_text()), prices(prices_path, graph["region"]))
    sys.stdout.write(json.dumps(answer))
