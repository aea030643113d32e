"""What was pushed to the registry, read off its access log: it lists tags, but not what was pushed by digest."""

import itertools
import re
import threading
from collections.abc import Mapping
from datetime import UTC, datetime

from infra.localcloud.aws.failures import Refusal
from infra.localcloud.jobs.process import LogLine

# Go's registry logs every request; one that failed has its status behind it. It logs before it answers.
PUSHED = re.compile(r"PUT /v2/(?P<name>\S+)/manifests/(?P<reference>\S+)$")
MARK = re.compile(r"GET /v2/\?mark=(?P<mark>\d+)$")
WAIT_SECONDS = 10.0


class Pushes:
    """The manifests that each repository was given, by tag or digest, with the time of the last push."""

    def __init__(self) -> None:
        self._seen: dict[str, dict[str, datetime]] = {}
        self._changed = threading.Condition()
        self._marks = itertools.count(1)
        self._last_mark = 0

    def note(self, line: LogLine) -> None:
        """Take a line of the registry's log."""
        with self._changed:
            if found := PUSHED.search(line.text):
                moment = datetime.fromtimestamp(line.timestamp_ms / 1000, UTC)
                self._seen.setdefault(found["name"], {})[found["reference"]] = moment
            elif mark := MARK.search(line.text):
                self._last_mark = max(self._last_mark, int(mark["mark"]))
                self._changed.notify_all()

    def next_mark(self) -> int:
        """Return a number to send to the registry, so that `settle` can tell how far the log has been read."""
        return next(self._marks)

    def settle(self, mark: int) -> None:
        """Wait until the log was read up to a mark: all that was pushed before it has been noted then."""
        with self._changed:
            if not self._changed.wait_for(lambda: self._last_mark >= mark, WAIT_SECONDS):
                raise Refusal("ServerException", "The container registry's log is not being read.", 500)

    def of(self, repository: str) -> Mapping[str, datetime]:
        """Return a repository's tags and digests, as they were pushed; some may be gone by now."""
        with self._changed:
            return dict(self._seen.get(repository, {}))

    def forget(self, repository: str, reference: str) -> None:
        """Drop what is no longer in the registry."""
        with self._changed:
            self._seen.get(repository, {}).pop(reference, None)


PUSHES = Pushes()
