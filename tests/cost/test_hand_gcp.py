"""What resources on Google Cloud cost, calculated by hand from the price lists: the twin of test_hand_aws.py."""

from decimal import Decimal
from typing import Any

import pytest

from infra.cost.book import PriceBook
from tests.cost.hand import MODEL, amounts, priced

DEPLOYMENT = "stile:endpoint:EndpointDeployment"
PIPELINE = "stile:index:Pipeline"
NO_RELEASE = {"releases": 0, "requests": 0}

# name: (type, inputs, usage, {sku: arithmetic -> US dollars}, where the prices stand)
CASES: dict[str, tuple[str, dict[str, Any], dict[str, Any], dict[str, str], tuple[str, ...]]] = {
    # 2 machines x 730 h x 0.219 USD = 1460 x 0.219 = 319.74
    "an endpoint with two machines": (
        DEPLOYMENT,
        {"deployedModels": [{"machineType": "n1-standard-4", "minReplicas": 2.0, "maxReplicas": 2.0}]},
        {"models": {MODEL: NO_RELEASE}},
        {"n1-standard-4": "319.74"},
        ("cites cloud.google.com pricing pages",),
    ),
    # 730 h x 0.07706313 = 56.2560849; 2 releases x 0.5 h = 1 h x 0.07706313; together 56.33314803
    "an endpoint that is released twice": (
        DEPLOYMENT,
        {"deployedModels": [{"machineType": "e2-standard-2", "minReplicas": 1.0, "maxReplicas": 1.0}]},
        {"models": {MODEL: {"releases": 2, "rollout_hours": 0.5}}},
        {"e2-standard-2": "56.33314803"},
        ("Cyclenerd/google-cloud-pricing-cost-calculator",),
    ),
    # (730 h + 100 h that scaling adds) x 0.219 = 181.77
    "an endpoint that scales": (
        DEPLOYMENT,
        {"deployedModels": [{"machineType": "n1-standard-4", "minReplicas": 1.0, "maxReplicas": 3.0}]},
        {"models": {MODEL: {"releases": 0, "scaled_hours": 100}}},
        {"n1-standard-4": "181.77"},
        ("cites cloud.google.com pricing pages",),
    ),
    # 3 h a week x 52 weeks / 12 = 13 h of 2 cores and 16 GiB: 26 x 0.0250833285 and 208 x 0.0033620595;
    # 13 runs x 0.03 = 0.39; a disk of 100 GiB: 1300 x 0.0002678 = 0.34814
    "training three hours a week, by cores and memory": (
        PIPELINE,
        {"trainingMachine": "e2-highmem-2", "processingMachine": "e2-highmem-2", "candidates": 1},
        {"models": {MODEL: {"runs": 13, "training_hours": 1, "processing_hours": 0, "run_logs_gib": 0}}},
        {
            "pipeline run execution fee": "0.39",
            "e2 core": "0.652166541",
            "e2 memory": "0.699308376",
            "SSD PD capacity (A005-98FE-36CC)": "0.34814",
            "ingestion (after 50 GiB)": "0",
        },
        ("cites cloud.google.com pricing pages", "Cloud Billing Catalog API", "Zenn article; Cloud Billing SKU report"),
    ),
    # 2 candidates x 4 runs x 1 h x 0.21849885 = 1.7479908, and 4 runs x 0.5 h x 0.21849885 = 0.4369977; together
    # 2.1849885; 4 x 0.03 = 0.12; disks: 100 GiB x (8 h + 2 h) x 0.0002678 = 0.2678; logs 4 x 0.5 GiB x 0.5 = 1.00
    "training on a machine that is priced whole": (
        PIPELINE,
        {"trainingMachine": "n1-standard-4", "processingMachine": "n1-standard-4", "candidates": 2},
        {"models": {MODEL: {"runs": 4, "training_hours": 1, "processing_hours": 0.5, "run_logs_gib": 0.5}}},
        {
            "pipeline run execution fee": "0.12",
            "n1-standard-4": "2.1849885",
            "SSD PD capacity (A005-98FE-36CC)": "0.2678",
            "ingestion (after 50 GiB)": "1.00",
        },
        ("cites cloud.google.com pricing pages", "api-evangelist/google-vertex-ai", "Cloud Billing SKU report"),
    ),
    # 3 nights x 4 h x 2 machines = 24 h x 0.219 = 5.256, as online predictions; no runs
    "batch predictions": (
        PIPELINE,
        {"trainingMachine": "e2-standard-4", "processingMachine": "n1-standard-4", "candidates": 2},
        {"models": {MODEL: {"runs": 0, "batch_hours": 24}}},
        {
            "pipeline run execution fee": "0",
            "e2-standard-4": "0",
            "n1-standard-4": "5.256",
            "SSD PD capacity (A005-98FE-36CC)": "0",
            "ingestion (after 50 GiB)": "0",
        },
        (
            "cites cloud.google.com pricing pages",
            "Compute Engine list price x 1.15",
            "api-evangelist/google-vertex-ai",
            "Cloud Billing SKU report",
        ),
    ),
    # 24 h of 2 cores and 16 GiB, as online predictions: 48 x 0.0250833285 and 384 x 0.0033620595; no runs
    "batch predictions by cores and memory": (
        PIPELINE,
        {"trainingMachine": "e2-highmem-2", "processingMachine": "e2-highmem-2", "candidates": 1},
        {"models": {MODEL: {"runs": 0, "batch_hours": 24}}},
        {
            "pipeline run execution fee": "0",
            "e2 core": "1.203999768",
            "e2 memory": "1.291030848",
            "SSD PD capacity (A005-98FE-36CC)": "0",
            "ingestion (after 50 GiB)": "0",
        },
        ("cites cloud.google.com pricing pages", "Cloud Billing Catalog API", "Cloud Billing SKU report"),
    ),
    # 100 GiB x 0.02 = 2.00; 10,000 written / 1,000 x 0.005 = 0.05; 100,000 read / 1,000 x 0.0004 = 0.04;
    # 40 GiB to the internet x 0.12 = 4.80
    "a bucket": (
        "gcp:storage/bucket:Bucket",
        {"location": "us-central1"},
        {
            "storage": {
                "stored_gib": 100,
                "written_requests": 10000,
                "read_requests": 100000,
                "transfer_out_gib": 40,
            }
        },
        {
            "standard": "2.00",
            "Class A operations standard": "0.05",
            "Class B operations standard": "0.04",
            "egress to internet worldwide (0-10 TiB)": "4.80",
        },
        (
            "Cyclenerd/google-cloud-pricing-cost-calculator",
            "Cloud Billing Catalog",
            "cites cloud.google.com pricing pages",
        ),
    ),
    # 500 GiB x 0.01 = 5.00; nobody gives the price of its operations
    "a bucket of the class nearline": (
        "gcp:storage/bucket:Bucket",
        {"storageClass": "NEARLINE"},
        {"storage": {"stored_gib": 500, "transfer_out_gib": 0}},
        {"nearline": "5.00"},
        ("Cyclenerd/google-cloud-pricing-cost-calculator",),
    ),
    # 2,097,152 answers x 2 KiB = 4,194,304 KiB / 1,048,576 = 4 GiB x 0.12 = 0.48; logs 0
    "answers that leave for the internet": (
        "gcp:vertex/aiEndpoint:AiEndpoint",
        {},
        {"models": {MODEL: {"requests": 2097152, "transfer_out_kib": 2, "logs_gib": 0}}},
        {"egress to internet worldwide (0-10 TiB)": "0.48", "ingestion (after 50 GiB)": "0"},
        ("cites cloud.google.com pricing pages",),
    ),
    # 4 versions x 0.06 = 0.24; 20,000 uses / 10,000 x 0.03 = 0.06
    "a key": (
        "gcp:kms/cryptoKey:CryptoKey",
        {"purpose": "ENCRYPT_DECRYPT"},
        {"storage": {"key_versions": 4, "key_requests": 20000}},
        {"software symmetric key version": "0.24", "operations": "0.06"},
        ("kms_crypto_key_test.golden",),
    ),
    # 40 h x 1 core x 0.0864 = 3.456; 40 h x 2 GiB x 0.009 = 0.72; 20,000 requests / 1,000,000 x 0.4 = 0.008
    "MLflow's server, which scales to nothing": (
        "gcp:cloudrunv2/service:Service",
        {
            "template": {
                "containers": [{"resources": {"cpuIdle": True, "limits": {"cpu": "1", "memory": "2Gi"}}}],
                "scaling": {"minInstanceCount": 0.0},
            }
        },
        {"tracking": {"active_hours": 40, "requests": 20000}},
        {"CPU (request-based)": "3.456", "memory": "0.72", "requests (after 2M free)": "0.008"},
        ("cites cloud.google.com pricing pages",),
    ),
    # 730 h x 0.035 = 25.55; 10 GiB x 0.17 = 1.70; 7 GiB of backups x 0.08 = 0.56
    "MLflow's database": (
        "gcp:sql/databaseInstance:DatabaseInstance",
        {"settings": {"tier": "db-g1-small", "backupConfiguration": {"enabled": True}}},
        {"tracking": {"backup_gib": 7}},
        {"db-g1-small zonal": "25.55", "SSD storage zonal": "1.70", "backups": "0.56"},
        ("sql_database_instance_test.golden",),
    ),
    # 1 version x 0.06
    "a secret": (
        "gcp:secretmanager/secretVersion:SecretVersion",
        {},
        {},
        {"active version (after 6)": "0.06"},
        ("cites cloud.google.com pricing pages",),
    ),
    # 5 GiB x 0.10 = 0.50
    "a repository": (
        "gcp:artifactregistry/repository:Repository",
        {"format": "DOCKER"},
        {"images": {"stored_gib": 5}},
        {"storage": "0.50"},
        ("https://cloud.google.com/artifact-registry/pricing",),
    ),
    # 2^30 messages of 1 KiB = 1 TiB x 40
    "a topic": (
        "gcp:pubsub/topic:Topic",
        {},
        {"monitoring": {"notifications": 2**30}},
        {"message delivery basic (after 10 GiB)": "40"},
        ("cites cloud.google.com pricing pages",),
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_it_costs_what_a_hand_finds(book: PriceBook, name: str) -> None:
    """To the last digit, and with the sources that the case names, all of them and no other."""
    type_, inputs, usage, expected, sources = CASES[name]
    found = priced(book, "gcp", type_, inputs, usage)
    got = {sku: Decimal(amount) for sku, amount in amounts(found.charges).items()}
    assert got == {sku: Decimal(amount) for sku, amount in expected.items()}
    said = [one.price.source for one in found.charges if one.price]
    assert all(any(source in price for source in sources) for price in said)
    assert all(any(source in price for price in said) for source in sources)
