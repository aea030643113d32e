"""Protects where an object of a prefix lands in a job's folder, and that none lands outside of it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from infra.localcloud.jobs.transfer import TransferError, relative, split


@pytest.mark.parametrize(
    ("key", "prefix", "lands"),
    [
        ("data/a/x.csv", "data/a", "x.csv"),
        ("data/a/x.csv", "data/a/", "x.csv"),
        ("data/a/x.csv", "data/a/x.csv", "x.csv"),
        ("data/a/x.csv", "data", "a/x.csv"),
        ("data/a/x.csv", "", "data/a/x.csv"),
        ("data/a/x.csv", "data/a/x", "x.csv"),
        ("data/abc/x.csv", "data/a", "abc/x.csv"),
    ],
)
def test_an_object_lands_below_the_folder_of_its_prefix(key: str, prefix: str, lands: str) -> None:
    assert relative(key, prefix).as_posix() == lands


@pytest.mark.parametrize("key", ["data/../../etc/passwd", "data//etc/passwd/../.."])
def test_an_object_that_would_leave_the_folder_is_refused(key: str) -> None:
    with pytest.raises(TransferError, match="outside of the job's folder"):
        relative(key, "data")


PARTS = st.text("ab.-_ ", min_size=1).filter(lambda part: part not in (".", ".."))


@given(st.lists(PARTS, min_size=1, max_size=4), st.data())
def test_any_prefix_of_a_key_leads_to_a_file_of_its_name(parts: list[str], data: st.DataObject) -> None:
    key = "/".join(parts)
    prefix = key[: data.draw(st.integers(0, len(key)))]
    lands = relative(key, prefix)
    assert lands.name == parts[-1]
    assert not lands.is_absolute()


def test_a_uri_is_taken_apart() -> None:
    assert split("s3://bucket/a/b c.csv") == ("bucket", "a/b c.csv")
    assert split("s3://bucket") == ("bucket", "")
    for wrong in ("gs://bucket/a", "bucket/a", "s3:///a", ""):
        with pytest.raises(TransferError, match="is no S3 URI"):
            split(wrong)
