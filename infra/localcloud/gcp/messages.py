"""Names of protobuf messages: what an operation's `@type` must be, since Google's clients read these strictly."""

from infra.localcloud.gcp.errors import Json
from infra.localcloud.gcp.routes import Document, Method
from infra.localcloud.gcp.validate import check_schema

EMPTY = "google.protobuf.Empty"
# Per API: the package of its messages, the prefix that its schemas have for it in the discovery document, and the
# message of the metadata where it is always the same. Source: github.com/googleapis/googleapis.
PACKAGES = {
    "aiplatform.v1": ("google.cloud.aiplatform.v1", "GoogleCloudAiplatformV1", None),
    "artifactregistry.v1": ("google.devtools.artifactregistry.v1", "", "OperationMetadata"),
    "cloudresourcemanager.v3": ("google.cloud.resourcemanager.v3", "", None),
    "cloudkms.v1": ("google.cloud.kms.v1", "", None),
    "run.v2": ("google.cloud.run.v2", "GoogleCloudRunV2", "GoogleCloudRunV2Service"),
    "serviceusage.v1": (
        "google.api.serviceusage.v1",
        "GoogleApiServiceusageV1",
        "GoogleApiServiceusageV1OperationMetadata",
    ),
}
# Vertex calls these differently from "<Verb><Kind>OperationMetadata".
_VERBS = {"patch": "Update"}


def packed(document: Document, schema: str | None, value: Json) -> Json:
    """Return a value as it stands in a `google.protobuf.Any`; without a schema it is the empty message.

    Raises:
        AnswerMismatchError: it does not fit the schema.
    """
    if schema is None:
        return {"@type": f"type.googleapis.com/{EMPTY}"}
    check_schema(document, schema, value)
    return {"@type": f"type.googleapis.com/{message(document, schema)}", **value}


def message(document: Document, schema: str) -> str:
    """Return the full name of the message that a schema describes."""
    package, prefix, _ = PACKAGES[document.api]
    return f"{package}.{schema.removeprefix(prefix)}"


def metadata_schema(method: Method, kind: str | None) -> str | None:
    """Return the schema of the metadata of a method's operations.

    Args:
        method: what began the operation.
        kind: the schema of the resource that it makes or changes, None where it makes none.
    """
    document = method.document
    _, prefix, fixed = PACKAGES[document.api]
    if fixed is not None:
        return fixed
    word = method.verb_name
    verb = _VERBS.get(word, word[:1].upper() + word[1:])
    noun = (kind or "").removeprefix(prefix)
    known = (f"{prefix}{verb}{noun}OperationMetadata", f"{prefix}{verb}OperationMetadata")
    return next((name for name in known if name in document.schemas), None)
