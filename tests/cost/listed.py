"""What the development environments rest on, as both price lists sell it."""

from tests.cost.price_lists import PriceLists, product, sku

VERTEX, STORE = "C7E2-9256-1C43", "95FF-2EF5-5EA1"
# What the lines of the development environments are in the vendors' lists, by service: usage type and unit on AWS.
AWS_LISTED = {
    "AmazonSageMaker": [
        ("USE1-Host:ml.c5.large", "Hrs"),
        ("USE1-Train:ml.m5.large", "Hrs"),
        ("USE1-Processing:ml.m5.large", "Hrs"),
    ],
    "AmazonS3": [("TimedStorage-ByteHrs", "GB-Mo"), ("Requests-Tier1", "Requests"), ("Requests-Tier2", "Requests")],
    "awskms": [("us-east-1-KMS-Keys", "Keys"), ("us-east-1-KMS-Requests", "Requests")],
    "AmazonECR": [("TimedStorage-ByteHrs", "GB-Mo")],
    "AmazonCloudWatch": [
        ("CW:AlarmMonitorUsage", "Alarms"),
        ("CW:HighResAlarmMonitorUsage", "Alarms"),
        ("DashboardsUsageHour", "Dashboards"),
        ("USE1-DataProcessing-Bytes", "GB"),
        ("USE1-TimedStorage-ByteHrs", "GB-Mo"),
    ],
    "AmazonSNS": [("Requests-Tier1", "Requests")],
    "AWSDataTransfer": [("DataTransfer-Out-Bytes", "GB")],
}
ATTRIBUTES = {
    "AmazonS3": {"volumeType": "Standard"},
    "AmazonECR": {"family": "EC2 Container Registry"},
    "AWSDataTransfer": {"place": "fromRegionCode", "transferType": "AWS Outbound", "toLocation": "External"},
}
E2 = [("Core running in Americas", "h"), ("Ram running in Americas", "GiBy.h")]
FEES = [("Core in Americas", "h"), ("RAM in Americas", "GiBy.h")]
GCP_LISTED = {
    VERTEX: [
        *((f"Vertex AI: Online/Batch Prediction E2 Instance {name}", unit) for name, unit in E2),
        *((f"Vertex AI: Training/Pipelines on E2 Instance {name}", unit) for name, unit in E2),
        *((f"Vertex AI: Training/Pipelines Management fee on E2 Instance {name}", unit) for name, unit in FEES),
    ],
    STORE: [
        ("Standard Storage US Regional", "GiBy.mo"),
        ("Regional Standard Class A Operations", "count"),
        ("Regional Standard Class B Operations", "count"),
        ("Download Worldwide Destinations (excluding Asia & Australia)", "GiBy"),
    ],
    "EE2F-D110-890C": [
        ("Active software symmetric key versions", "mo"),
        ("Cryptographic operations with a software symmetric key", "count"),
    ],
    "149C-F9EC-3994": [("Artifact Registry Storage", "GiBy.mo")],
    "152E-C115-5142": [
        ("Services CPU (Request-based billing)", "s"),
        ("Services Memory (Request-based billing)", "GiBy.s"),
        ("Requests", "count"),
    ],
    "9662-B51E-5089": [
        ("Cloud SQL for PostgreSQL: Zonal - Small instance in Americas", "h"),
        ("Cloud SQL for PostgreSQL: Zonal - Standard storage in Americas", "GiBy.mo"),
        ("Cloud SQL: Backups in Americas", "GiBy.mo"),
    ],
    "EE82-7A5E-871C": [("Secret version replica storage", "mo"), ("Secret access operations", "count")],
    "5490-F7B7-8DF6": [("Log Storage cost", "GiBy")],
    "A1E8-BE35-7EBC": [("Message Delivery Basic", "TiBy")],
}
PD = "A005-98FE-36CC"
# What no price list sells: what is free, and Google's fee of a run, whose SKU no source names.
UNLISTED = {"orchestration (steps bill as jobs)", "serverless app", "pipeline run execution fee"}


def fill(lists: PriceLists) -> None:
    """Fill both lists with what the development environments rest on, each at a price of its own."""
    for code, rows in AWS_LISTED.items():
        lists.products[code] = [
            product(f"P{n}", usage, unit, [("0", "0.0000010000")], **ATTRIBUTES.get(code, {}))
            for n, (usage, unit) in enumerate(rows)
        ]
    for code, rows in GCP_LISTED.items():
        lists.skus[code] = [sku(f"S{n}", name, unit, [(0, 0, 1_000)]) for n, (name, unit) in enumerate(rows)]
    lists.skus[VERTEX].append(sku(PD, "whatever it is called", "GiBy.h", [(0, 0, 1_000)]))
