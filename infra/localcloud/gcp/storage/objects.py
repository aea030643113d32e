"""Objects' metadata: get, list, patch, update, delete."""

from infra.localcloud.gcp.storage import generations, listing, preconditions
from infra.localcloud.gcp.storage.calls import JSON, Answer, Call
from infra.localcloud.gcp.storage.merging import merged
from infra.localcloud.gcp.storage.refusals import invalid, not_implemented
from infra.localcloud.gcp.storage.store import Generation, Store, bucket_name, now, object_name


def get(store: Store, call: Call) -> Answer:
    """Answer an object's metadata."""
    found = chosen(store, call, "storage.objects.get")
    return Answer(generations.shown(store, found, call.base_url))


def chosen(store: Store, call: Call, *permissions: str) -> Generation:
    """The generation that a call is about, once the caller may act on it and the preconditions hold.

    Raises:
        Refusal: 403, 404, 412 or 304.
    """
    bucket, name = call.path["bucket"], call.path["object"]
    for permission in permissions:
        store.permit(call.token, permission, object_name(bucket, name))
    if call.flag("softDeleted"):
        raise not_implemented("Soft deletion")
    found = store.object(bucket, name, call.number("generation"))
    preconditions.check(call.query, found, reading=call.reading)
    preconditions.check_tags(call, preconditions.etag(found.generation, found.metageneration))
    return found


def list_(store: Store, call: Call) -> Answer:
    """Answer the objects of a bucket, in pages, below a prefix, rolled up at a delimiter."""
    prefix = call.text("prefix") or ""
    store.permit(call.token, "storage.objects.list", bucket_name(call.path["bucket"]), prefix=prefix)
    page = listing.page(store.bucket(call.path["bucket"]), listing.Wish.of(call))
    answer: JSON = {"kind": "storage#objects"}
    if page.items:
        answer["items"] = [generations.shown(store, found, call.base_url) for found in page.items]
    if page.prefixes:
        answer["prefixes"] = page.prefixes
    if page.token:
        answer["nextPageToken"] = page.token
    return Answer(answer)


def patch(store: Store, call: Call) -> Answer:
    """Change the fields that are given; null removes."""
    found = chosen(store, call, "storage.objects.get", "storage.objects.update")
    return _changed(store, call, found, merged(found.fields, generations.editable(call.body, patching=True)))


def update(store: Store, call: Call) -> Answer:
    """Replace all fields that the caller may set."""
    found = chosen(store, call, "storage.objects.get", "storage.objects.update")
    kept = {name: value for name, value in found.fields.items() if name not in generations.EDITABLE}
    return _changed(store, call, found, kept | generations.editable(call.body))


def _changed(store: Store, call: Call, found: Generation, fields: JSON) -> Answer:
    refuse_access_lists(call)
    wanted = call.body.get("storageClass")
    if wanted is not None and wanted != found.fields["storageClass"]:
        raise invalid("The storage class of an object changes by rewriting it, not by changing its metadata.")
    if not fields.get("metadata", True):
        del fields["metadata"]
    found.fields, found.updated = fields, now()
    found.metageneration += 1
    return Answer(generations.shown(store, found, call.base_url))


def delete(store: Store, call: Call) -> Answer:
    """Delete an object; a generation that is named goes for good, also where the bucket keeps versions."""
    found = chosen(store, call, "storage.objects.delete")
    generations.remove(store.bucket(found.bucket), found, permanently="generation" in call.query)
    return Answer(status=204)


def refuse_access_lists(call: Call) -> None:
    """Refuse predefined access control lists.

    Raises:
        Refusal: 501.
    """
    for name in ("predefinedAcl", "destinationPredefinedAcl", "predefinedDefaultObjectAcl"):
        if name in call.query:
            raise not_implemented(f"The parameter {name} (access control lists; use IAM policies)")
