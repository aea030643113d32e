"""What the clouds' own things are called where commands tell people of them."""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Words:
    """One cloud's words.

    Attributes:
        job: what a step of a pipeline is.
        scheme: of a bucket's address.
        clients: what else works in a shell of `stile env`.
    """

    job: str
    scheme: str
    clients: str


WORDS: Mapping[str, Words] = {
    "aws": Words("a SageMaker job", "s3", "aws"),
    "gcp": Words("a Vertex AI custom job", "gs", "Google's clients"),
}
