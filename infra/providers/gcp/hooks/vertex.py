"""Vertex AI: ids of endpoints, which are numbers, and of TensorBoards, which Google makes."""

import hashlib

from infra.providers.gcp.hooks import Hook
from infra.providers.kit.values import Properties

_DIGITS = 9  # with them the first is not 0, as the API asks of ids that are numbers


class EndpointHook(Hook):
    """An endpoint, whose id has at most ten digits."""

    def name(self, name: str, inputs: Properties) -> str:
        """Return a number in place of the made name."""
        if name.isdigit():
            return name
        number = int(hashlib.sha256(name.encode()).hexdigest(), 16)
        return str(10 ** (_DIGITS - 1) + number % (9 * 10 ** (_DIGITS - 1)))


class TensorboardHook(Hook):
    """A TensorBoard, whose id is its full name."""

    def parse_id(self, identity: str) -> Properties:
        """Return project and region of `projects/<p>/locations/<r>/tensorboards/<id>`."""
        parts = identity.split("/")
        return {"name": identity, "project": parts[1], "region": parts[3]} if len(parts) == 6 else {}
