"""Objects made of objects: compose, copy, rewrite, move."""

from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from typing import Any, BinaryIO

from infra.localcloud.gcp.storage import generations, keys, preconditions
from infra.localcloud.gcp.storage.calls import JSON, Answer, Call
from infra.localcloud.gcp.storage.media import PIECE, Media
from infra.localcloud.gcp.storage.objects import refuse_access_lists
from infra.localcloud.gcp.storage.refusals import invalid, not_implemented, required
from infra.localcloud.gcp.storage.store import Generation, Store, object_name

MOST_SOURCES = 32


def permit_place(store: Store, call: Call, bucket: str, name: str) -> None:
    """Ask whether the caller may make an object, and overwrite the one that is there. The lock must be held.

    Raises:
        Refusal: 403 or 404.
    """
    store.permit(call.token, "storage.objects.create", object_name(bucket, name))
    if store.bucket(bucket).live(name):
        store.permit(call.token, "storage.objects.delete", object_name(bucket, name))


def _source(store: Store, call: Call) -> Generation:
    """What is copied, once the caller may read it and the preconditions on the source hold."""
    bucket = call.path.get("sourceBucket") or call.path["bucket"]
    name = call.path["sourceObject"]
    store.permit(call.token, "storage.objects.get", object_name(bucket, name))
    found = store.object(bucket, name, call.number("sourceGeneration"))
    preconditions.check(call.query, found, prefix="ifSource")
    keys.check_readable(store, found.fields)
    return found


def _copied(store: Store, call: Call) -> Generation:
    """Make the copy of a call. The lock must be held: the bytes are shared, so nothing takes long."""
    refuse_access_lists(call)
    source = _source(store, call)
    bucket, name = call.path.get("destinationBucket") or call.path["bucket"], call.path["destinationObject"]
    generations.check_name(name)
    permit_place(store, call, bucket, name)
    target = store.bucket(bucket)
    preconditions.check(call.query, target.live(name))
    fields = copied_fields(source, call.body)
    if key := call.text("destinationKmsKeyName"):
        fields["kmsKeyName"] = key
    media = source.media.linked(store.new_file())
    try:
        return generations.place(store, target, name, media, fields)
    except BaseException:
        media.path.unlink()
        raise


def copied_fields(source: Generation, given: JSON) -> JSON:
    """A copy's fields: the source's where the body sets no metadata, else the body's; holds are never copied."""
    fields = generations.editable(given)
    if not fields.keys() - generations.HOLDS.keys():
        fields |= {name: source.fields[name] for name in (*generations.TEXTS, "metadata") if name in source.fields}
    if storage_class := given.get("storageClass"):
        fields["storageClass"] = storage_class
    return fields


def copy(store: Store, call: Call) -> Answer:
    """Copy an object."""
    return Answer(generations.shown(store, _copied(store, call), call.base_url))


def rewrite(store: Store, call: Call) -> Answer:
    """Copy an object; here always in one call, as Google does within one location and storage class."""
    if call.text("rewriteToken"):
        raise invalid("Invalid rewrite token.", ("parameter", "rewriteToken"))
    made = _copied(store, call)
    size = str(made.media.size)
    answer = {"kind": "storage#rewriteResponse", "totalBytesRewritten": size, "objectSize": size, "done": True}
    return Answer(answer | {"resource": generations.shown(store, made, call.base_url)})


def move(store: Store, call: Call) -> Answer:
    """Give an object another name in its bucket, in one act."""
    source = _source(store, call)
    store.permit(call.token, "storage.objects.delete", object_name(source.bucket, source.name))
    generations.check_removable(store.bucket(source.bucket), source)
    if source.name == call.path["destinationObject"]:
        raise invalid("The source and the destination of a move are the same.")
    made = _copied(store, call)
    generations.remove(store.bucket(source.bucket), source, permanently=False)
    return Answer(generations.shown(store, made, call.base_url))


def compose(store: Store, call: Call) -> Answer:
    """Join up to 32 objects of a bucket; takes the lock itself, as the bytes are joined without it."""
    refuse_access_lists(call)
    bucket, name = call.path["destinationBucket"], call.path["destinationObject"]
    generations.check_name(name)
    if call.body.get("deleteSourceObjects"):
        raise not_implemented("The field deleteSourceObjects of compose")
    given = call.body.get("destination") or {}
    fields = generations.editable(given)
    if storage_class := given.get("storageClass"):
        fields["storageClass"] = storage_class
    if key := call.text("kmsKeyName"):
        fields["kmsKeyName"] = key
    with ExitStack() as opened:
        with store.lock:
            permit_place(store, call, bucket, name)
            preconditions.check(call.query, store.bucket(bucket).live(name))
            sources = [_component(store, call, bucket, entry) for entry in _listed(call.body)]
            files = [opened.enter_context(source.media.path.open("rb")) for source in sources]
        media = _joined(store, files, sum(source.media.components or 1 for source in sources))
    return Answer(generations.shown(store, commit(store, call, bucket, name, media, fields), call.base_url))


def commit(store: Store, call: Call, bucket: str, name: str, media: Media, fields: JSON) -> Generation:
    """Make the object of bytes that were taken; they are dropped when the preconditions no longer hold.

    Raises:
        Refusal: 403, 404 or 412.
    """
    try:
        with store.lock:
            permit_place(store, call, bucket, name)
            target = store.bucket(bucket)
            preconditions.check(call.query, target.live(name))
            return generations.place(store, target, name, media, fields)
    except BaseException:
        media.path.unlink()
        raise


def _listed(body: JSON) -> list[dict[str, Any]]:
    sources: list[dict[str, Any]] = body.get("sourceObjects") or []
    if not sources:
        raise invalid("You must provide at least one source component.")
    if len(sources) > MOST_SOURCES:
        raise invalid(f"The number of source components provided ({len(sources)}) exceeds the maximum ({MOST_SOURCES})")
    return sources


def _component(store: Store, call: Call, bucket: str, entry: JSON) -> Generation:
    name, generation = entry.get("name"), entry.get("generation")
    if not name:
        raise required("sourceObjects.name")
    store.permit(call.token, "storage.objects.get", object_name(bucket, name))
    found = store.object(bucket, name, int(generation) if generation else None)
    preconditions.check(entry.get("objectPreconditions") or {}, found)
    keys.check_readable(store, found.fields)
    return found


def _joined(store: Store, files: Iterable[BinaryIO], components: int) -> Media:
    writer = store.writer()
    try:
        for piece in _pieces(files):
            writer.write(piece)
    except BaseException:
        writer.discard()
        raise
    return writer.finish(components=components)


def _pieces(files: Iterable[BinaryIO]) -> Iterator[bytes]:
    for file in files:
        while piece := file.read(PIECE):
            yield piece
