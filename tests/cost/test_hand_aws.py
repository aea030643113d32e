"""What resources on AWS cost, calculated by hand from the price lists: the twin of test_hand_gcp.py."""

from decimal import Decimal
from typing import Any

import botocore.session
import pytest

from components.machines import machine_types
from infra.cost.book import PriceBook
from infra.cost.estimate import Charge
from tests.cost.hand import MODEL, amounts, priced

CONFIGURATION = "aws:sagemaker/endpointConfiguration:EndpointConfiguration"
PIPELINE = "stile:index:Pipeline"
NO_RELEASE = {"releases": 0, "requests": 0}
JOBS = {"trainingMachine": "ml.m5.large", "processingMachine": "ml.t3.medium", "candidates": 1}

# name: (type, inputs, usage, {sku: arithmetic -> US dollars}, where the prices stand)
CASES: dict[str, tuple[str, dict[str, Any], dict[str, Any], dict[str, str], tuple[str, ...]]] = {
    # 2 machines x 730 h x 0.102 USD = 1460 x 0.102 = 148.92
    "an endpoint with two machines": (
        CONFIGURATION,
        {"productionVariants": [{"instanceType": "ml.c5.large", "initialInstanceCount": 2.0}]},
        {"models": {MODEL: NO_RELEASE}},
        {"Host:ml.c5.large": "148.92"},
        ("sm_serverless_benchmarking/cost_constants.py",),
    ),
    # 730 h x 0.23 = 167.90; a second machine for 2 releases x 0.5 h = 1 h x 0.23; together 168.13
    "an endpoint that is released twice": (
        CONFIGURATION,
        {"productionVariants": [{"instanceType": "ml.m5.xlarge", "initialInstanceCount": 1.0}]},
        {"models": {MODEL: {"releases": 2, "rollout_hours": 0.5, "requests": 0}}},
        {"Host:ml.m5.xlarge": "168.13"},
        ("AWS Price List API",),
    ),
    # 730 h x 0.115 = 83.95; a volume of 20 GB x 0.14 = 2.80; 1,048,576 requests of 10 KiB = 10 GiB x 0.02 = 0.20
    "an asynchronous endpoint": (
        CONFIGURATION,
        {
            "productionVariants": [{"instanceType": "ml.m5.large", "initialInstanceCount": 1, "volumeSizeInGb": 20}],
            "asyncInferenceConfig": {"outputConfig": {}},
        },
        {"models": {MODEL: {"releases": 0, "requests": 1048576, "request_kib": 10}}},
        {
            "Host:ml.m5.large": "83.95",
            "async/real-time endpoint attached volume": "2.80",
            "request + response data processed": "0.20",
        },
        ("quotes AWS Pricing API", "quotes AWS Price List API"),
    ),
    # 500,000 requests x 0.1 s = 50,000 s x 0.00004 = 2.00; 500,000 x 4 KiB = 1.9073486328125 GiB x 0.016
    "a serverless endpoint": (
        CONFIGURATION,
        {"productionVariants": [{"serverlessConfig": {"memorySizeInMb": 2048.0, "maxConcurrency": 5.0}}]},
        {"models": {MODEL: {"requests": 500000, "request_seconds": 0.1, "request_kib": 4}}},
        {"ServerlessInf:Mem-2048MB": "2.00", "data processed in + out": "0.030517578125"},
        ("sm_serverless_benchmarking/cost_constants.py",),
    ),
    # 3 h a week x 52 weeks / 12 = 13 h: 13 runs of 1 h x 0.115 = 1.495; steps: 13 runs x 0.5 h x 0.05 = 0.325
    "training three hours a week": (
        PIPELINE,
        JOBS,
        {"models": {MODEL: {"runs": 13, "training_hours": 1, "processing_hours": 0.5, "run_logs_gib": 0}}},
        {
            "orchestration (steps bill as jobs)": "0",
            "Train:ml.m5.large": "1.495",
            "Processing:ml.t3.medium": "0.325",
            "ingestion (standard class)": "0",
        },
        ("cites AWS docs", "AWS Price List Query API", "AWS Pricing API", "cloudwatch_log_group_test.golden"),
    ),
    # 100 GiB x 0.023 = 2.30; 10,000 written / 1,000 x 0.005 = 0.05; 1,000,000 read / 1,000 x 0.0004 = 0.40;
    # 40 GiB to the internet x 0.09 = 3.60
    "a bucket": (
        "aws:s3/bucket:Bucket",
        {},
        {
            "storage": {
                "stored_gib": 100,
                "written_requests": 10000,
                "read_requests": 1000000,
                "transfer_out_gib": 40,
            }
        },
        {
            "Standard storage": "2.30",
            "Standard PUT/COPY/POST/LIST": "0.05",
            "Standard GET/SELECT/other": "0.40",
            "out to internet (first 10TB)": "3.60",
        },
        ("s3_bucket_v3_test.golden", "data_transfer_test.golden"),
    ),
    # 2,097,152 answers x 2 KiB = 4,194,304 KiB / 1,048,576 = 4 GiB x 0.09 = 0.36
    "answers that leave for the internet": (
        "aws:sagemaker/endpoint:Endpoint",
        {},
        {"models": {MODEL: {"requests": 2097152, "transfer_out_kib": 2}}},
        {"out to internet (first 10TB)": "0.36"},
        ("data_transfer_test.golden",),
    ),
    # 1 key x 1 = 1.00; 30,000 uses / 10,000 x 0.03 = 0.09
    "a key": (
        "aws:kms/key:Key",
        {},
        {"storage": {"key_requests": 30000}},
        {"customer managed key": "1", "symmetric requests": "0.09"},
        ("kms_key_test.golden",),
    ),
    # 5 GiB x 0.1 = 0.50
    "a repository": (
        "aws:ecr/repository:Repository",
        {},
        {"images": {"stored_gib": 5}},
        {"private repository storage": "0.50"},
        ("ecr_repository_test.golden",),
    ),
    # 10 GiB written x 0.5 = 5.00; 20 GiB kept x 0.03 = 0.60
    "logs": (
        "aws:cloudwatch/logGroup:LogGroup",
        {"retentionInDays": 30.0},
        {"models": {MODEL: {"logs_gib": 10, "logs_kept_gib": 20}}},
        {"ingestion (standard class)": "5.00", "archival storage": "0.60"},
        ("cloudwatch_log_group_test.golden",),
    ),
    # one metric every 60 s, 0.10
    "an alarm": (
        "aws:cloudwatch/metricAlarm:MetricAlarm",
        {"period": 60.0},
        {},
        {"alarm metric standard resolution": "0.10"},
        ("cloudwatch_metric_alarm_test.golden",),
    ),
    # one metric every 10 s, 0.30
    "an alarm within a minute": (
        "aws:cloudwatch/metricAlarm:MetricAlarm",
        {"period": 10.0},
        {},
        {"alarm metric high resolution": "0.30"},
        ("cloudwatch_metric_alarm_test.golden",),
    ),
    # 200,000 e-mails / 100,000 x 2 = 4.00
    "alarms by e-mail": (
        "aws:sns/topicSubscription:TopicSubscription",
        {"protocol": "email"},
        {"monitoring": {"notifications": 200000}},
        {"Email notifications (over 1k)": "4"},
        ("sns_topic_test.golden",),
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_it_costs_what_a_hand_finds(book: PriceBook, name: str) -> None:
    """To the last digit, and with the sources that the case names, all of them and no other."""
    type_, inputs, usage, expected, sources = CASES[name]
    found = priced(book, "aws", type_, inputs, usage)
    got = {sku: Decimal(amount) for sku, amount in amounts(found.charges).items()}
    assert got == {sku: Decimal(amount) for sku, amount in expected.items()}
    said = [one.price.source for one in found.charges if one.price]
    assert all(any(source in price for source in sources) for price in said)
    assert all(any(source in price for price in said) for source in sources)


def test_a_tracking_server_where_its_price_is_known(book: PriceBook) -> None:
    """In eu-west-2: 730 h x 0.642 = 468.66; 5 GiB x 0.11 = 0.55 (londonaicentre/FLIP, issue 745)."""
    type_ = "aws:sagemaker/mlflowTrackingServer:MlflowTrackingServer"
    usage = {"tracking": {"metadata_gib": 5}}
    found = priced(book, "aws", type_, {"trackingServerSize": "Small"}, usage, region="eu-west-2")
    assert amounts(found.charges) == {"tracking server small": "468.660", "metadata storage": "0.55"}
    assert found.total_monthly_usd == Decimal("469.21")
    assert found.unknown == ()


def batches(
    book: PriceBook, hours: int, machine: str = "ml.m5.xlarge", region: str = "eu-west-1"
) -> tuple[Charge, ...]:
    """The lines of batch predictions of a pipeline."""
    usage = {"models": {MODEL: {"batch_hours": hours}}}
    found = priced(book, "aws", PIPELINE, {**JOBS, "processingMachine": machine}, usage, region=region)
    return tuple(one for one in (*found.charges, *found.unknown) if one.what == "batch predictions")


def test_batch_predictions_where_their_price_is_known(book: PriceBook) -> None:
    """In eu-west-1: 3 nights x 4 h x 2 machines = 24 h x 0.257 = 6.168 (AWS bill lines)."""
    (line,) = batches(book, 24)
    assert line.sku == "Tsform:ml.m5.xlarge"
    assert (line.quantity, line.monthly_usd) == (Decimal(24), Decimal("6.168"))
    assert line.price is not None
    assert "sagemaker-ssh-helper" in line.price.source


def test_batch_predictions_without_a_price_name_the_nearest_region(book: PriceBook) -> None:
    (line,) = batches(book, 24, region="us-east-1")
    assert line.monthly_usd is None
    assert line.unknown == (
        "the price book has no price for Tsform:ml.m5.xlarge in us-east-1; "
        "the nearest is eu-west-1's, which is not used"
    )


def test_machines_that_run_no_batch_predictions_are_said(book: PriceBook) -> None:
    """All of the other steps' machines that SageMaker's own list of types for transforms has not; no other."""
    service = botocore.session.get_session().get_service_model("sagemaker")
    allowed = service.shape_for("TransformInstanceType").enum
    steps = [one.type for one in machine_types("aws") if "processing" in one.uses]
    refused = {name for name in steps if "runs no batch predictions" in batches(book, 24, name)[0].unknown}
    assert refused == set(steps) - set(allowed)
    assert 0 < len(refused) < len(steps)
    assert all(len(batches(book, 24, name)) == 1 for name in steps)
