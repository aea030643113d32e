"""Google Cloud's APIs as a job calls them: where they answer, under whose credentials, and how they refuse.

Sources: https://google.aip.dev/auth/4110 (application default credentials);
https://cloud.google.com/storage/docs/json_api; https://cloud.google.com/vertex-ai/docs/reference/rest
"""

import json
import logging
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlsplit

from ml_jobs.contracts.addresses import is_loopback
from ml_jobs.errors import JobError

SCOPE = "https://www.googleapis.com/auth/cloud-platform"
RETRIES = 5
"""How often a request is sent again after an error of the server or the network, each time after a longer pause."""


def client(service: str, version: str, environ: Mapping[str, str] | None = None) -> Any:
    """Return Google's own client of a service, to be closed (by `with`).

    It speaks to STORAGE_EMULATOR_HOST or STILE_GCP_ENDPOINT where these are set, else to Google: for Vertex AI to
    the region's address.

    Raises:
        JobError: nothing says who asks, or which region is meant.
    """
    from googleapiclient.discovery import build_from_document
    from googleapiclient.discovery_cache import get_static_doc

    env = os.environ if environ is None else environ
    endpoint = endpoint_of(service, env)
    document = json.loads(get_static_doc(service, version))
    # Not by `client_options`: uploads go to the document's own address, whatever those say.
    document["rootUrl"] = f"{endpoint.rstrip('/')}/"
    logging.getLogger("google_auth_httplib2").addFilter(_matters)  # a second time adds nothing
    return build_from_document(document, credentials=credentials(endpoint, env))


def _matters(record: logging.LogRecord) -> bool:
    """Leave out what is said with each token of a job's account: that a time limit, google-auth's own, is not kept.

    It comes several times in each log, and hid the reason of a failure, which is the last of it.
    """
    return "does not support per-request timeout" not in record.getMessage()


def endpoint_of(service: str, environ: Mapping[str, str]) -> str:
    """Return where a service answers.

    Raises:
        JobError: Vertex AI is meant, and no region is told.
    """
    if service == "storage":
        told = environ.get("STORAGE_EMULATOR_HOST") or environ.get("STILE_GCP_ENDPOINT")
        # Google's own clients take this variable with and without a scheme.
        return (told if "://" in told else f"http://{told}") if told else "https://storage.googleapis.com"
    told = environ.get("STILE_GCP_ENDPOINT")
    return told or f"https://{location(environ)}-{service}.googleapis.com"


def project(environ: Mapping[str, str]) -> str:
    """Return the project that a job works in.

    Raises:
        JobError: nothing tells it.
    """
    found = environ.get("GOOGLE_CLOUD_PROJECT") or environ.get("CLOUD_ML_PROJECT_ID")
    if not found:
        raise JobError("GOOGLE_CLOUD_PROJECT is not set: no project is known")
    return found


def location(environ: Mapping[str, str]) -> str:
    """Return the region that a job works in.

    Raises:
        JobError: nothing tells it.
    """
    found = environ.get("GOOGLE_CLOUD_LOCATION")
    if not found:
        raise JobError("GOOGLE_CLOUD_LOCATION is not set: no region is known")
    return found


def credentials(endpoint: str, environ: Mapping[str, str]) -> Any:
    """Return who asks: the token that is told, the job's service account, or what is set up on this machine.

    A cloud on loopback is never given what is set up on this machine: that is the user's own.

    Raises:
        JobError: there are none.
    """
    import google.auth
    from google.auth import compute_engine
    from google.auth.credentials import AnonymousCredentials
    from google.auth.exceptions import DefaultCredentialsError
    from google.oauth2.credentials import Credentials

    if environ.get("CLOUDSDK_AUTH_ACCESS_TOKEN"):
        return Credentials(environ["CLOUDSDK_AUTH_ACCESS_TOKEN"])  # type: ignore[no-untyped-call]
    if environ.get("GCE_METADATA_HOST"):
        return compute_engine.Credentials(scopes=[SCOPE])  # type: ignore[no-untyped-call]
    if is_loopback(urlsplit(endpoint).hostname):
        return AnonymousCredentials()  # type: ignore[no-untyped-call]
    try:
        return google.auth.default(scopes=[SCOPE])[0]
    except DefaultCredentialsError as error:
        raise JobError(f"no credentials for {endpoint}: {error}") from error


@contextmanager
def told(what: str) -> Iterator[None]:
    """Turn Google's errors into one that says what was asked for."""
    import httplib2  # type: ignore[import-untyped]  # it ships no types
    from google.auth.exceptions import GoogleAuthError
    from googleapiclient.errors import HttpError

    try:
        yield
    except HttpError as error:
        raise JobError(f"{what}: {error.resp.status} {error.reason}") from error
    except (httplib2.HttpLib2Error, GoogleAuthError, OSError) as error:
        raise JobError(f"{what}: {type(error).__name__}: {error}") from error
