"""The glob patterns of matchGlob (https://cloud.google.com/storage/docs/json_api/v1/objects/list#list-objects-and-prefixes-using-glob)."""

import re
from collections.abc import Iterator

from infra.localcloud.gcp.storage.refusals import invalid

_TOKENS = re.compile(r"\*\*/|\*\*|\*|\?|\[!?[^\]]+\]|\{|\}|,|\\.|.", re.DOTALL)
_PLAIN = {"**/": "(?:.*/)?", "**": ".*", "*": "[^/]*", "?": "[^/]"}


def expression(glob: str) -> re.Pattern[str]:
    """The regular expression that means the same.

    Raises:
        Refusal: 400 for braces that do not close or ranges that run backwards.
    """
    try:
        return re.compile("".join(_parts(glob)), re.DOTALL)
    except re.error as error:
        raise invalid(f"Invalid glob pattern: {glob!r}: {error}", ("parameter", "matchGlob")) from error


def _parts(glob: str) -> Iterator[str]:
    depth = 0
    for part in _TOKENS.findall(glob):
        if part in _PLAIN:
            yield _PLAIN[part]
        elif part == "{":
            depth += 1
            yield "(?:"
        elif part == "}" and depth:
            depth -= 1
            yield ")"
        elif part == "," and depth:
            yield "|"
        elif len(part) > 2:
            yield "[" + part[1:-1].replace("\\", "\\\\").replace("!", "^", 1 if part[1] == "!" else 0) + "]"
        else:
            yield re.escape(part[-1])
