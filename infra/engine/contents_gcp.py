"""What protected resources hold on Google Cloud, what jobs registered there, and how both are deleted."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from google.auth.exceptions import GoogleAuthError
from googleapiclient.errors import HttpError

from components.naming import Naming
from infra.clouds.gcp_calls import Google, is_missing, told
from infra.engine.contents import Holding
from infra.engine.session import Session
from infra.environments import read_config
from infra.errors import CloudError

DELETE_AT_ONCE = 100  # the most that Cloud Storage takes in a batch
STACK_LABEL = "stile-stack"
MODEL = "Vertex AI model"
WAIT = "30s"
# What becomes of resources that Google Cloud does not delete, or not at once.
# source: https://cloud.google.com/kms/docs/destroy-restore (key rings and keys stay, versions go after 30 days)
FATES = {
    "gcp:kms/keyRing:KeyRing": "stays, as Google Cloud deletes none",
    "gcp:kms/cryptoKey:CryptoKey": "its versions are destroyed; its name stays",
    "gcp:projects/service:Service": "stays switched on, as others in the project may use it",
}


@dataclass(frozen=True)
class Kind:
    """How one type of resource is counted and emptied.

    Attributes:
        items: yields what a resource of an id holds.
        delete: deletes some of those items; None where they go with the resource.
        at_once: how many items `delete` takes.
        noun: what an item is called, in the plural.
    """

    items: Callable[[Google, str], Iterator[Any]]
    delete: Callable[[Google, str, list[Any]], None] | None
    at_once: int
    noun: str


def _pages(resource: Any, what: str, method: str = "list", **asked: Any) -> Iterator[dict[str, Any]]:
    request = getattr(resource, method)(**asked)
    while request is not None:
        answer = request.execute()
        yield from answer.get(what, ())
        request = getattr(resource, f"{method}_next")(request, answer)


def _object_versions(google: Google, bucket: str) -> Iterator[dict[str, str]]:
    objects = google.client("storage", "v1").objects()
    fields = "items(name,generation),nextPageToken"
    for item in _pages(objects, "items", bucket=bucket, versions=True, fields=fields):
        yield {"object": item["name"], "generation": item["generation"]}


def _delete_objects(google: Google, bucket: str, items: list[Any]) -> None:
    storage = google.client("storage", "v1")
    failures: list[Exception] = []

    def note(_: str, __: Any, error: HttpError | None) -> None:
        if error is not None and not is_missing(error):
            failures.append(error)

    batch = storage.new_batch_http_request(note)
    for item in items:
        batch.add(storage.objects().delete(bucket=bucket, **item))
    batch.execute()
    for error in failures:
        raise error


def _images(google: Google, repository: str) -> Iterator[str]:
    images = google.client("artifactregistry", "v1").projects().locations().repositories().dockerImages()
    yield from (image["name"] for image in _pages(images, "dockerImages", parent=repository))


KINDS = {
    "gcp:storage/bucket:Bucket": Kind(_object_versions, _delete_objects, DELETE_AT_ONCE, "object versions"),
    "gcp:artifactregistry/repository:Repository": Kind(_images, None, 0, "images"),
}


class GoogleContents:
    """What an environment's resources hold, and the models of its registry: Vertex AI knows no group for them."""

    def __init__(self, session: Session) -> None:
        self._google = Google(session.own_variables())
        platform = read_config(session.environment.config_path).get("stile:platform", {})
        self._stack = Naming(str(platform.get("name")), session.environment.name, "").prefix

    @property
    def _models(self) -> Any:
        return self._google.client("aiplatform", "v1").projects().locations().models()

    def holds(self, kind: str) -> bool:
        """True for the kinds of items above."""
        return kind in KINDS

    def amount(self, kind: str, identity: str) -> str:
        """How many items of a kind a resource holds, or what becomes of it."""
        if kind not in KINDS:
            return FATES.get(kind, "")
        try:
            return f"{sum(1 for _ in KINDS[kind].items(self._google, identity))} {KINDS[kind].noun}"
        except HttpError as error:
            if is_missing(error):
                return f"no {KINDS[kind].noun}: it is gone"
            raise CloudError(f"{identity} does not say what it holds: {error.reason}") from error
        except GoogleAuthError as error:
            raise CloudError(f"{identity} does not say what it holds: {error}") from error

    @told
    def empty(self, kind: str, identity: str) -> bool:
        """Delete all items; false for a kind that has none, or whose items go with it."""
        found = KINDS.get(kind)
        if found is None or found.delete is None:
            return False
        try:
            items = list(found.items(self._google, identity))
            for start in range(0, len(items), found.at_once):
                found.delete(self._google, identity, items[start : start + found.at_once])
        except HttpError as error:
            if not is_missing(error):
                raise
        return True

    @told
    def made_by_jobs(self) -> list[Holding]:
        """The models that bear this stack's label and its name: another's, to which it added versions, stays."""
        try:
            only = f'labels.{STACK_LABEL}="{self._stack}"'
            listed = list(_pages(self._models, "models", parent=self._google.parent, filter=only))
        except HttpError as error:
            if _is_switched_off(error):
                return []
            raise
        names = [str(model["name"]).partition("@")[0] for model in listed]
        ours = [name for name in names if name.rpartition("/")[2].startswith(f"{self._stack}-")]
        return [Holding(name, MODEL, name.rpartition("/")[2], self._versions(name), is_resource=False) for name in ours]

    def _versions(self, model: str) -> str:
        return f"{sum(1 for _ in _pages(self._models, 'models', 'listVersions', name=model))} registered model versions"

    @told
    def delete(self, holding: Holding) -> None:
        """Delete a model with all its versions, and wait for that; refused while a version is deployed."""
        operations = self._models.operations()
        try:
            operation = self._models.delete(name=holding.urn).execute()
            while not operation.get("done"):
                operation = operations.wait(name=operation["name"], timeout=WAIT).execute()
        except HttpError as error:
            if is_missing(error):
                return
            raise
        if "error" in operation:
            raise CloudError(f"{MODEL} {holding.id} was not deleted: {operation['error'].get('message')}")

    def close(self) -> None:
        """Close the connections."""
        self._google.close()


def _is_switched_off(error: HttpError) -> bool:
    """True where the project never used Vertex AI."""
    details = error.error_details if isinstance(error.error_details, list) else []
    return error.resp.status == 403 and any(detail.get("reason") == "SERVICE_DISABLED" for detail in details)
