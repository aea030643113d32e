"""The usage file: what it leaves out is as documented, what nobody knows is no zero, what is wrong is told at once."""

from decimal import Decimal
from pathlib import Path

import pytest

from infra.cost.book import PriceBook
from infra.cost.usage import UNKNOWN, Images, Model, Monitoring, Storage, Tracking, Usage, figure, read_usage
from infra.errors import ConfigError
from tests.cost.hand import MODEL, priced

MODELS = (MODEL,)


def read(folder: Path, text: str) -> Usage:
    path = folder / "test.yaml"
    path.write_text(text)
    return read_usage(path, MODELS)


def test_without_a_file_every_figure_is_as_documented(tmp_path: Path) -> None:
    """Each has a meaning in words, and every one but one a number."""
    assert read_usage(tmp_path / "none.yaml", MODELS) == Usage() == read(tmp_path, "")
    parts = (Storage, Images, Tracking, Monitoring, Model)
    fields = [(name, field) for part in parts for name, field in part.model_fields.items()]
    assert all(field.description for _, field in fields)
    unknown = [name for name, field in fields if field.default is None]
    assert unknown == ["scaled_hours"]


def test_a_figure_says_whether_it_is_assumed(tmp_path: Path) -> None:
    usage = read(tmp_path, f"storage: {{stored_gib: 7}}\nmodels: {{{MODEL}: {{runs: 0.1}}}}\n")
    assert figure(usage, "storage.stored_gib", None).value == 7
    assert not figure(usage, "storage.stored_gib", None).is_assumed
    assert figure(usage, "storage.key_requests", None).is_assumed
    runs = figure(usage, "models.runs", MODEL)
    assert (runs.path, runs.value, runs.is_assumed) == (f"models.{MODEL}.runs", Decimal("0.1"), False)
    assert figure(usage, "models.requests", MODEL).is_assumed


def test_what_nobody_knows_is_unknown_and_never_nothing(book: PriceBook) -> None:
    """The line names the figure; the others of the resource stand."""
    known = priced(book, "aws", "aws:s3/bucket:Bucket", {}, {"storage": {"stored_gib": 0}})
    found = priced(book, "aws", "aws:s3/bucket:Bucket", {}, {"storage": {"stored_gib": "unknown"}})
    assert known.unknown == ()
    assert [(one.sku, one.unknown) for one in found.unknown] == [
        ("Standard storage", "the usage storage.stored_gib is unknown")
    ]
    assert len(found.charges) == len(known.charges) - 1
    assert all(one.monthly_usd is None and one.quantity is None for one in found.unknown)


JOBS = {
    "aws": {"trainingMachine": "ml.m5.large", "processingMachine": "ml.m5.large", "candidates": 1},
    "gcp": {"trainingMachine": "e2-highmem-2", "processingMachine": "e2-highmem-2", "candidates": 1},
}
BUCKETS = {"aws": "aws:s3/bucket:Bucket", "gcp": "gcp:storage/bucket:Bucket"}
ENDPOINTS = {"aws": "aws:sagemaker/endpoint:Endpoint", "gcp": "gcp:vertex/aiEndpoint:AiEndpoint"}
ONLY = {
    "batch predictions": (dict.fromkeys(JOBS, "stile:index:Pipeline"), f"models.{MODEL}.batch_hours"),
    "objects that leave for the internet": (BUCKETS, "storage.transfer_out_gib"),
    "answers that leave for the internet": (ENDPOINTS, f"models.{MODEL}.transfer_out_kib"),
}
"""What is charged only if a figure is not 0: the types that it hangs on, and the figure."""


@pytest.mark.parametrize("cloud", JOBS)
@pytest.mark.parametrize("what", ONLY)
def test_what_is_not_used_is_no_line(book: PriceBook, cloud: str, what: str) -> None:
    """A figure of 0 leaves no line, in any region; one that nobody knows an unknown line, not none; 1 leaves one."""
    types, path = ONLY[what]

    def found(value: object, region: str | None = None) -> list[str]:
        usage: object = value
        for name in reversed(path.split(".")):
            usage = {name: usage}
        assert isinstance(usage, dict)
        of = priced(book, cloud, types[cloud], JOBS[cloud], usage, region)
        assert path in of.figures, "the report says what the estimate rests on"
        return [one.unknown for one in (*of.charges, *of.unknown) if one.what == what]

    assert found(0) == found(0, "nowhere-1") == []
    assert found(UNKNOWN) == [f"the usage {path} is unknown"]
    assert len(found(1)) == (2 if (cloud, what) == ("gcp", "batch predictions") else 1), "by cores and memory"
    assert all(reason.startswith("the price book has no price for") for reason in found(1, "nowhere-1"))
    assert found(1, "nowhere-1") != []


def test_everything_wrong_is_told_at_once(tmp_path: Path) -> None:
    """With the file, the path in it, the value, what is allowed and the fix."""
    text = (
        "storage: {stored_gib: -1, sotred_gib: 1, key_requests: many}\n"
        "tracking: 5\n"
        "monitoring: {notifications: }\n"
        "traning: {}\n"
        f"models: {{{MODEL}: {{runs: true, requests: .inf}}, flihgts: {{}}}}\n"
    )
    with pytest.raises(ConfigError) as caught:
        read(tmp_path, text)
    path = tmp_path / "test.yaml"
    told = {problem.path.removeprefix(f"{path}: "): problem for problem in caught.value.problems}
    assert set(told) == {
        "storage.stored_gib",
        "storage.sotred_gib",
        "storage.key_requests",
        "tracking",
        "monitoring.notifications",
        "traning",
        f"models.{MODEL}.runs",
        f"models.{MODEL}.requests",
        "models.flihgts",
    }
    assert all(problem.path.startswith(str(path)) for problem in caught.value.problems)
    assert all(problem.allowed and problem.fix for problem in caught.value.problems)
    assert told["storage.sotred_gib"].fix == "did you mean `stored_gib`?"
    assert told["models.flihgts"].fix == f"did you mean `{MODEL}`?"


@pytest.mark.parametrize("text", ["- 1", "just words", "a: [", "storage: !!python/name:os.system"])
def test_what_is_no_usage_at_all_is_refused(tmp_path: Path, text: str) -> None:
    with pytest.raises(ConfigError) as caught:
        read(tmp_path, text)
    assert str(tmp_path / "test.yaml") in caught.value.problems[0].path
