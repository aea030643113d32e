"""Which method of which Google API a request is for, from the discovery documents that Google's own client ships."""

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache, cached_property
from typing import Any
from urllib.parse import unquote

from googleapiclient.discovery_cache import get_static_doc

# The APIs on our one port. Several serve the same path under /v1 and /v2 (operations, locations): there the first
# that has a handler answers, or else the first named here.
APIS = (
    "aiplatform.v1",
    "iam.v1",
    "iamcredentials.v1",
    "cloudkms.v1",
    "artifactregistry.v1",
    "secretmanager.v1",
    "pubsub.v1",
    "cloudscheduler.v1",
    "monitoring.v1",
    "monitoring.v3",
    "run.v2",
    "logging.v2",
    "billingbudgets.v1",
    "serviceusage.v1",
    "cloudresourcemanager.v1",
    "cloudresourcemanager.v3",
    "compute.v1",
    "sqladmin.v1",
    "sqladmin.v1beta4",
    "storage.v1",
)
_EXPRESSION = re.compile(r"\{(\+?)(\w+)\}")


class Document:
    """One API's discovery document."""

    def __init__(self, api: str) -> None:
        name, version = api.split(".")
        text = get_static_doc(name, version)
        if text is None:
            raise LookupError(f"google-api-python-client ships no discovery document of {api}")
        content = json.loads(text)
        self.api = api
        self.schemas: dict[str, dict[str, Any]] = content["schemas"]
        self.parameters: dict[str, dict[str, Any]] = content["parameters"]
        self.base: str = content["servicePath"]
        self._resources = content

    def methods(self) -> "Iterator[Method]":
        """Yield all its methods."""
        yield from self._below(self._resources)

    def _below(self, resource: Mapping[str, Any]) -> "Iterator[Method]":
        for facts in resource.get("methods", {}).values():
            yield Method(self, facts["id"], facts["httpMethod"], facts)
        for inner in resource.get("resources", {}).values():
            yield from self._below(inner)


@dataclass(frozen=True)
class Method:
    """One method of an API.

    Attributes:
        document: its API's.
        id: such as `cloudkms.projects.locations.keyRings.create`.
        verb: the HTTP method.
        facts: the method as the document has it.
    """

    document: Document = field(repr=False, compare=False)
    id: str
    verb: str
    facts: Mapping[str, Any] = field(repr=False, compare=False)

    @property
    def path(self) -> str:
        """The template of its path, without a leading slash."""
        return self.document.base + str(self.facts["path"])

    @property
    def flat_path(self) -> str:
        """The same with one expression per segment."""
        return self.document.base + str(self.facts.get("flatPath", self.facts["path"]))

    @property
    def parameters(self) -> Mapping[str, Mapping[str, Any]]:
        """The parameters of path and query."""
        found: Mapping[str, Mapping[str, Any]] = self.facts.get("parameters", {})
        return found

    @property
    def request(self) -> str | None:
        """The schema of the body."""
        found: str | None = self.facts.get("request", {}).get("$ref")
        return found

    @property
    def response(self) -> str | None:
        """The schema of the answer."""
        found: str | None = self.facts.get("response", {}).get("$ref")
        return found

    @property
    def verb_name(self) -> str:
        """The last word of the id: create, get, ..."""
        return self.id.rpartition(".")[2]

    def values(self, path: str) -> dict[str, str]:
        """Return the values of the path's parameters, decoded."""
        matched = self._pattern.fullmatch(path)
        if matched is None:
            return {}
        return {name: unquote(value) for name, value in matched.groupdict().items()}

    @cached_property
    def _pattern(self) -> re.Pattern[str]:
        return _compiled(self.path)


@cache
def _compiled(template: str) -> re.Pattern[str]:
    parts, end = [], 0
    for found in _EXPRESSION.finditer(template):
        parts.append(re.escape(template[end : found.start()]))
        parts.append(f"(?P<{found[2]}>{'.+' if found[1] else '[^/]+'})")
        end = found.end()
    return re.compile("".join(parts) + re.escape(template[end:]))


@dataclass
class _Node:
    below: "dict[str, _Node]" = field(default_factory=dict)
    methods: dict[str, list[Method]] = field(default_factory=dict)


class Routes:
    """All methods of some APIs, found by verb and path."""

    def __init__(self, apis: Iterable[str] = APIS) -> None:
        self.documents = {api: Document(api) for api in apis}
        self.by_id: dict[str, list[Method]] = {}
        self._top = _Node()
        for document in self.documents.values():
            for method in document.methods():
                self.by_id.setdefault(method.id, []).append(method)
                self._add(method)

    def _add(self, method: Method) -> None:
        node = self._top
        for segment in method.flat_path.split("/"):
            node = node.below.setdefault(_EXPRESSION.sub("{}", segment), _Node())
        node.methods.setdefault(method.verb, []).append(method)

    def match(self, verb: str, path: str) -> list[Method]:
        """Return the methods that serve a path (without a leading slash, still encoded), in the order of the APIs."""
        segments = path.split("/")
        return [method for node in _reached(self._top, segments) for method in node.methods.get(verb, [])]

    def method(self, method_id: str, api: str | None = None) -> Method:
        """Return the method of an id; `api` tells those of several versions apart.

        Raises:
            LookupError: there is none, or more than one.
        """
        found = [one for one in self.by_id.get(method_id, []) if api in (None, one.document.api)]
        if len(found) != 1:
            raise LookupError(f"{len(found)} methods named {method_id} in {api or 'all APIs'}")
        return found[0]


def _reached(node: _Node, segments: list[str]) -> Iterator[_Node]:
    """Yield the nodes at the end of the path, literal segments before expressions."""
    if not segments:
        yield node
        return
    first, rest = segments[0], segments[1:]
    for key in _keys(first):
        if key in node.below:
            yield from _reached(node.below[key], rest)


def _keys(segment: str) -> Iterator[str]:
    yield segment
    name, colon, action = segment.rpartition(":")
    if name and colon:
        yield f"{{}}:{action}"
    if segment:
        yield "{}"
