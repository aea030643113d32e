"""Which objects a list shows: prefix, delimiter, offsets, glob, versions; pages hold while objects come and go."""

import base64
import binascii
import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from infra.localcloud.gcp.storage.calls import Call
from infra.localcloud.gcp.storage.globs import expression
from infra.localcloud.gcp.storage.refusals import invalid, not_implemented
from infra.localcloud.gcp.storage.store import Bucket, Generation

MOST = 1000
NOT_DONE = ("softDeleted", "includeFoldersAsPrefixes", "filter")


@dataclass(frozen=True)
class Wish:
    """What a list is to show; the names are the API's.

    Attributes:
        after: what the page before ended with: a name and a generation, or a prefix and -1.
    """

    prefix: str = ""
    delimiter: str = ""
    start: str = ""
    end: str = ""
    glob: re.Pattern[str] | None = None
    versions: bool = False
    trailing: bool = False
    size: int = MOST
    after: tuple[str, int] | None = None

    @classmethod
    def of(cls, call: Call) -> "Wish":
        """Read it from a call.

        Raises:
            Refusal: 400 for a wrong page token, size or pattern, 501 for what is not done.
        """
        for name in NOT_DONE:
            if call.query.get(name):
                raise not_implemented(f"The parameter {name} of lists")
        token, glob = call.text("pageToken"), call.text("matchGlob")
        return cls(
            call.text("prefix") or "",
            call.text("delimiter") or "",
            call.text("startOffset") or "",
            call.text("endOffset") or "",
            expression(glob) if glob else None,
            call.flag("versions"),
            call.flag("includeTrailingDelimiter"),
            page_size(call),
            _read_token(token) if token else None,
        )


@dataclass
class Page:
    """One page of a list."""

    items: list[Generation] = field(default_factory=list)
    prefixes: list[str] = field(default_factory=list)
    token: str | None = None


def page_size(call: Call) -> int:
    """How many entries a page has at most.

    Raises:
        Refusal: 400 for none at all.
    """
    size = call.number("maxResults")
    if size == 0:
        raise invalid("Invalid value '0'. Values must be within the range: [1, 1000]", ("parameter", "maxResults"))
    return min(size or MOST, MOST)


def page(bucket: Bucket, wish: Wish) -> Page:
    """Return the page that follows the one that the wish names; names come in the order of their UTF-8 bytes."""
    result = Page()
    last: tuple[str, int] | None = None
    for count, (entry, generation) in enumerate(_entries(bucket, wish)):
        if count == wish.size and last is not None:
            result.token = write_token(*last)
            break
        if generation is None:
            result.prefixes.append(entry)
            last = (entry, -1)
        else:
            result.items.append(generation)
            last = (entry, generation.generation)
    return result


def _entries(bucket: Bucket, wish: Wish) -> Iterator[tuple[str, Generation | None]]:
    """Every entry after the wish's page token: a rolled up prefix and None, or a name and a generation."""
    rolled = ""
    for name in sorted(name for name in bucket.objects if _is_wanted(name, wish)):
        if rolled and name.startswith(rolled):
            if not _is_trailing(name, wish):
                continue
        elif prefix := _rolled_up(name, wish):
            rolled = prefix
            if _is_after(prefix, -1, wish):
                yield prefix, None
            if not _is_trailing(name, wish):
                continue
        for generation in bucket.objects[name]:
            if (wish.versions or generation.retired is None) and _is_after(name, generation.generation, wish):
                yield name, generation


def _is_wanted(name: str, wish: Wish) -> bool:
    inside = name.startswith(wish.prefix) and name >= wish.start and (not wish.end or name < wish.end)
    return inside and (wish.glob is None or wish.glob.fullmatch(name) is not None)


def _rolled_up(name: str, wish: Wish) -> str | None:
    """The prefix that stands for this name; None where it stands for itself."""
    if not wish.delimiter:
        return None
    at = name.find(wish.delimiter, len(wish.prefix))
    return None if at < 0 else name[: at + len(wish.delimiter)]


def _is_trailing(name: str, wish: Wish) -> bool:
    return wish.trailing and _rolled_up(name, wish) == name


def _is_after(entry: str, generation: int, wish: Wish) -> bool:
    return wish.after is None or (entry, generation) > wish.after


def write_token(entry: str, generation: int = -1) -> str:
    """The token that says where a page ended."""
    return base64.urlsafe_b64encode(f"{generation}:{entry}".encode()).decode()


def _read_token(token: str) -> tuple[str, int]:
    try:
        generation, _, entry = base64.b64decode(token, altchars=b"-_", validate=True).decode().partition(":")
        return entry, int(generation)
    except (binascii.Error, ValueError) as error:
        raise invalid("Invalid argument.", ("parameter", "pageToken")) from error


def read_name(token: str) -> str:
    """The name in a token.

    Raises:
        Refusal: 400 for a token that is none of ours.
    """
    return _read_token(token)[0]
