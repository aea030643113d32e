"""ONE generic create, get, list, patch and delete, for every kind of resource that a row of a table describes."""

import base64
import copy
import re
import secrets
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property, partial
from typing import Any

from infra.localcloud.gcp import moments, states
from infra.localcloud.gcp.call import Call
from infra.localcloud.gcp.errors import Json, invalid, stale
from infra.localcloud.gcp.masks import Path, paths, updated
from infra.localcloud.gcp.operations import Operation, Outcome
from infra.localcloud.gcp.paging import DEFAULT_SIZE, page
from infra.localcloud.gcp.routes import Document, Method
from infra.localcloud.gcp.store import POLICIES, Record, policy_key

VERBS = ("create", "get", "list", "patch", "delete")


@dataclass(frozen=True)
class Identity:
    """Where the last part of a new resource's name comes from; exactly one of the first four is set.

    Attributes:
        query: the query parameter that holds it.
        field: the request's field that holds it, or the whole name.
        path: True, if the path of the create request names the resource itself.
        digits: how many random digits the server makes.
        pattern: what it must match, of those that the client chooses.
        optional_digits: where the client may leave it out, how many digits the server makes then.
    """

    query: str | None = None
    field: str | None = None
    path: bool = False
    digits: int | None = None
    pattern: str = ".+"
    optional_digits: int | None = None


@dataclass(frozen=True)
class Row:
    """One kind of resource, as its row in a table of collections describes it.

    Attributes:
        methods: what its methods' ids begin with, such as `cloudkms.projects.locations.keyRings`; also the name of
            its collection in the store and in the journal.
        schema: the schema of the resource in the discovery document.
        source: where its behaviour is described.
        id: where its id comes from.
        verbs: those of create, get, list, patch and delete that it has.
        defaults: what the server fills in where the client sent nothing.
        without_mask: what an update without a mask means: `merge` the fields that were sent, or `replace` all.
        unmaskable: fields that an update leaves alone even under a mask that names them.
        machine: the state machine (states.toml) of its create, update and delete.
        reusable: whether the name of a deleted resource may be used again.
        page_size: how many are listed where the request does not say.
        required: fields that a create must have.
    """

    methods: str
    schema: str
    source: str
    id: Identity
    verbs: tuple[str, ...] = VERBS
    defaults: Mapping[str, Any] = field(default_factory=dict)
    without_mask: str = "merge"
    unmaskable: tuple[str, ...] = ()
    machine: str | None = None
    reusable: bool = True
    page_size: int = DEFAULT_SIZE
    required: tuple[str, ...] = ()


@dataclass
class Hooks:
    """What a service adds to the generic behaviour; each may raise a Refusal.

    Attributes:
        naming: returns the full name of a new resource, from the request and its body.
        resolving: returns the full name of the resource that a request names in another way.
        filling: completes a new resource before it is kept.
        created: acts after it is kept.
        changing: completes or refuses a change; takes the resource before and after.
        finishing: takes a new or changed resource to the state that was asked for, by its name and the action (`create`
            or `update`), which takes long: in a thread, until whose end the operation is not done; answers the
            resource. The transition is its own to make.
        removing: acts on, or refuses, a deletion.
        showing: returns the resource's body as it is answered.
    """

    naming: Callable[[Call, Json], str] | None = None
    resolving: Callable[[Call, str], str] | None = None
    filling: Callable[[Call, Record], None] | None = None
    created: Callable[[Call, Record], None] | None = None
    changing: Callable[[Call, Record, Record], None] | None = None
    finishing: Callable[[Call, str, str], Json] | None = None
    removing: Callable[[Call, Record], None] | None = None
    showing: Callable[[Call, Record], Json] | None = None


class Collection:
    """The generic behaviour of one kind of resource.

    Args:
        document: the API's discovery document.
        row: the kind.
        parent: the collection in which its parents are, None if they are projects or locations.
    """

    def __init__(self, document: Document, row: Row, parent: str | None) -> None:
        self.row = row
        self.hooks = Hooks()
        self._document = document
        self._parent = parent
        self._fields: Mapping[str, Mapping[str, Any]] = document.schemas[row.schema]["properties"]

    @property
    def name(self) -> str:
        """Its name in the store."""
        return self.row.methods

    @cached_property
    def segment(self) -> str:
        """What stands before the id in names, such as `keyRings`."""
        return self.row.methods.rpartition(".")[2]

    def create(self, call: Call) -> Json:
        """Make a resource; answers it, or the operation that made it."""
        body = self._sent(call)
        for name in self.row.required:
            if not body.get(name):
                raise invalid(f"Field '{name}' is required.", field=name)
        record = Record(self._new_name(call, body), {**copy.deepcopy(dict(self.row.defaults)), **self._writable(body)})
        if self._parent:
            call.cloud.store.get(self._parent, record.name.rsplit("/", 2)[0])

        def work(_: Operation) -> Json:
            self._stamp(record, is_new=True)
            if self.hooks.filling:
                self.hooks.filling(call, record)
            if call.query.get("validateOnly"):
                return self.shown(call, record)
            kept = call.cloud.store.add(self.name, record)
            if self.hooks.created:
                self.hooks.created(call, kept)
            return self.shown(call, call.cloud.store.get(self.name, kept.name))

        return self._answer(call, record.name, "create", work)

    def get(self, call: Call) -> Json:
        """Answer one resource."""
        return self.shown(call, call.cloud.store.get(self.name, self.resolved(call)))

    def list(self, call: Call) -> Json:
        """Answer a page of the resources below a parent."""
        parent = next(reversed(call.path.values()), "")
        if self._parent and "/-" not in parent:
            call.cloud.store.get(self._parent, parent)
        wanted = re.compile(re.escape(f"{parent}/{self.segment}/").replace(r"/\-/", "/[^/]+/") + "[^/]+")
        found = [record for record in call.cloud.store.all(self.name) if wanted.fullmatch(record.name)]
        chosen, token = page(found, call.query, size=self.row.page_size)
        answer: Json = {}
        if chosen:
            answer[self._listed(call.method)] = [self.shown(call, record) for record in chosen]
        if token:
            answer["nextPageToken"] = token
        return answer

    def patch(self, call: Call) -> Json:
        """Change the masked fields of a resource; answers it, or the operation that changed it."""
        name = self.resolved(call)
        sent = self._sent(call)
        masked = self._masked(call, sent)
        call.cloud.store.get(self.name, name)

        def change(record: Record) -> None:
            before = record.copied()
            self._require_fresh(record, sent.get("etag"))
            record.body = updated(record.body, sent, masked)
            self._refuse_immutable(before.body, record.body)
            self._stamp(record, is_new=False)
            if self.hooks.changing:
                self.hooks.changing(call, before, record)

        def work(_: Operation) -> Json:
            return self.shown(call, call.cloud.store.change(self.name, name, change))

        return self._answer(call, name, "update", work)

    def delete(self, call: Call) -> Json:
        """Delete a resource; answers an empty message, or the operation that deleted it."""
        name = self.resolved(call)
        store = call.cloud.store
        self._require_fresh(store.get(self.name, name), call.query.get("etag"))

        def work(_: Operation) -> Json:
            with store.locked():
                record = store.get(self.name, name)
                if self.hooks.removing:
                    self.hooks.removing(call, record)
                store.remove(self.name, name, spent=not self.row.reusable)
                # Its IAM policy goes with it: a new resource of that name begins without.
                if store.find(POLICIES, key := policy_key(self.name, name)):
                    store.remove(POLICIES, key)
            return self.shown(call, record)

        return self._answer(call, name, "delete", work)

    def shown(self, call: Call, record: Record) -> Json:
        """Return a resource as it is answered."""
        return self.hooks.showing(call, record) if self.hooks.showing else record.body

    def resolved(self, call: Call) -> str:
        """Return the full name of the resource that a request names."""
        return self.hooks.resolving(call, call.name) if self.hooks.resolving else call.name

    def _answer(self, call: Call, name: str, action: str, work: Callable[[Operation], Json]) -> Json:
        """Do the work, by an operation where the method answers one."""
        is_operation = (call.method.response or "").endswith("Operation")
        if not is_operation:
            found = work(Operation(name, {}))
            return found if call.method.response == self.row.schema else {}
        transition = states.transition(self.row.machine, action, name) if self.row.machine else None
        schema = self.row.schema if action != "delete" or self._answers_deleted else None
        outcome = Outcome(schema, kind=self.row.schema)
        if (finishing := self.hooks.finishing) and action != "delete" and not call.query.get("validateOnly"):
            # What is refused, is refused to the request itself; what was asked for is there to be read at once.
            work(Operation(name, {}))
            finish = partial(finishing, call, name, action)
            return call.cloud.operations.run(call.method, name, outcome, lambda _: finish(), later=True)
        return call.cloud.operations.run(call.method, name, outcome, work, transition)

    @property
    def _answers_deleted(self) -> bool:
        """Cloud Run answers the resource that it deleted; everybody else an empty message."""
        return self._document.api == "run.v2"

    def _sent(self, call: Call) -> Json:
        """Return the resource in the request; some requests wrap it (`serviceAccount`, `topic`)."""
        method = call.method
        if method.request in (None, self.row.schema):
            return call.body
        fields = self._document.schemas[method.request or ""]["properties"]
        key = next((name for name, facts in fields.items() if facts.get("$ref") == self.row.schema), None)
        return dict(call.body.get(key, {})) if key else call.body

    def _new_name(self, call: Call, body: Json) -> str:
        if self.hooks.naming:
            return self.hooks.naming(call, body)
        identity = self.row.id
        if identity.path:
            given, parent = call.name.rpartition("/")[2], call.name.rsplit("/", 2)[0]
        else:
            given, parent = self._given(call, body), call.name
        if not given and (digits := identity.digits or identity.optional_digits):
            return f"{parent}/{self.segment}/{secrets.randbelow(9 * 10 ** (digits - 1)) + 10 ** (digits - 1)}"
        where = identity.query or identity.field or "name"
        if not re.fullmatch(identity.pattern, given):
            raise invalid(f"Invalid {where} '{given}': it must match {identity.pattern}.", field=where)
        return f"{parent}/{self.segment}/{given}"

    def _given(self, call: Call, body: Json) -> str:
        identity = self.row.id
        if identity.query:
            return str(call.query.get(identity.query, ""))
        if identity.field is None:
            return ""
        text = str(body.get(identity.field) or call.body.get(identity.field) or "")
        head, _, last = text.rpartition("/")
        if head and head != f"{call.name}/{self.segment}":
            raise invalid(f"The name '{text}' is not in {call.name}.", field=identity.field)
        return last

    def _writable(self, body: Json) -> Json:
        return {name: value for name, value in body.items() if not self._is_output(name)}

    def _is_output(self, name: str) -> bool:
        facts = self._fields.get(name, {})
        return bool(facts.get("readOnly")) or name in ("name", "etag")

    def _masked(self, call: Call, sent: Json) -> Sequence[Path]:
        mask = call.query.get("updateMask") or call.body.get("updateMask")
        if mask and mask != "*":
            masked = paths(self._document, self.row.schema, str(mask))
        elif mask == "*" or self.row.without_mask == "replace":
            masked = [(name,) for name in self._fields]
        else:
            masked = [(name,) for name in sent]
        return [path for path in masked if not self._is_output(path[0]) and path[0] not in self.row.unmaskable]

    def _require_fresh(self, record: Record, etag: Any) -> None:
        if etag and "etag" in record.body and etag != record.body["etag"]:
            raise stale(record.name)

    def _refuse_immutable(self, before: Json, after: Json) -> None:
        for name, facts in self._fields.items():
            if str(facts.get("description", "")).startswith("Immutable.") and before.get(name) != after.get(name):
                raise invalid(f"Field '{name}' is immutable and cannot be changed.", field=name)

    def _stamp(self, record: Record, *, is_new: bool) -> None:
        """Write what every resource has, where its schema has it: name, etag and times."""
        record.body["name"] = record.name
        now = moments.now()
        for name in ("createTime", "updateTime") if is_new else ("updateTime",):
            if name in self._fields:
                record.body[name] = now
        if "etag" in self._fields:
            record.body["etag"] = base64.b64encode(secrets.token_bytes(8)).decode()

    def _listed(self, method: Method) -> str:
        fields = self._document.schemas[method.response or ""]["properties"]
        return next(
            str(name) for name, facts in fields.items() if facts.get("items", {}).get("$ref") == self.row.schema
        )
