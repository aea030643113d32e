"""Which handler does which method of the JSON API; what has none is not implemented."""

from collections.abc import Callable, Mapping
from typing import Any

from infra.localcloud.gcp.routes import Method
from infra.localcloud.gcp.storage import buckets, copies, iam, objects
from infra.localcloud.gcp.storage.calls import Answer, Api, Call
from infra.localcloud.gcp.storage.refusals import invalid, not_implemented
from infra.localcloud.gcp.storage.store import Store

Handler = Callable[[Store, Call], Answer]
HANDLERS: Mapping[str, Handler] = {
    "storage.buckets.delete": buckets.delete,
    "storage.buckets.get": buckets.get,
    "storage.buckets.getIamPolicy": iam.get_policy,
    "storage.buckets.insert": buckets.insert,
    "storage.buckets.list": buckets.list_,
    "storage.buckets.lockRetentionPolicy": buckets.lock_retention,
    "storage.buckets.patch": buckets.patch,
    "storage.buckets.setIamPolicy": iam.set_policy,
    "storage.buckets.testIamPermissions": iam.test_permissions,
    "storage.buckets.update": buckets.update,
    "storage.objects.compose": copies.compose,
    "storage.objects.copy": copies.copy,
    "storage.objects.delete": objects.delete,
    "storage.objects.get": objects.get,
    "storage.objects.list": objects.list_,
    "storage.objects.move": copies.move,
    "storage.objects.patch": objects.patch,
    "storage.objects.rewrite": copies.rewrite,
    "storage.objects.update": objects.update,
    "storage.projects.serviceAccount.get": buckets.service_account,
}
# These take the lock themselves, as they move many bytes.
LONG = frozenset({"storage.objects.compose"})


class Service:
    """Answers calls out of a store."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self.api = Api()

    def call(
        self,
        method: Method,
        parts: Mapping[str, str],
        query: Mapping[str, Any],
        headers: Mapping[str, str],
        base_url: str,
    ) -> Call:
        """Put a request whose body is still to come into the form that handlers take."""
        kind, _, token = headers.get("authorization", "").partition(" ")
        holder = token.strip() if kind.lower() == "bearer" and token.strip() else None
        return Call(method.id, parts, query, headers, base_url, holder)

    def answer(self, call: Call) -> Answer:
        """Do what a call asks, and cut the answer to the fields that it wants.

        Raises:
            Refusal: what Google would refuse; 501 for what is not done.
        """
        handler = HANDLERS.get(call.method)
        if handler is None:
            if call.method == "storage.objects.insert":
                raise invalid(
                    "Objects are inserted at /upload/storage/v1, with uploadType media, multipart or resumable."
                )
            raise not_implemented(call.method)
        if call.method in LONG:
            return self.cut(call, handler(self.store, call))
        with self.store.lock:
            return self.cut(call, handler(self.store, call))

    def cut(self, call: Call, answer: Answer) -> Answer:
        """Check an answer against the vendor's schema, and leave of it what the parameter `fields` names.

        Raises:
            Refusal: 400 for fields that cannot be read.
            AnswerMismatchError: a bug of ours.
        """
        if answer.body is None:
            return answer
        body = self.api.answer(call.method, answer.body, call.text("fields"))
        return Answer(body, answer.status, answer.headers)
