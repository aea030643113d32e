"""Google's own client as the commands use it, and how a refusal of Google Cloud is told: code, status and message."""

import json
from collections.abc import Callable, Mapping
from functools import wraps
from typing import Any, ParamSpec, TypeVar

import httplib2  # type: ignore[import-untyped]  # it ships no types
from google.auth.exceptions import GoogleAuthError
from googleapiclient.errors import HttpError
from googleapiclient.http import HttpRequest

from infra.errors import CloudError

P = ParamSpec("P")
R = TypeVar("R")
SCOPE = "https://www.googleapis.com/auth/cloud-platform"
RETRIES = 2


class Retried(HttpRequest):  # type: ignore[misc]  # it ships no types
    """A request that is sent again after an error of the server or the network, each time after a longer pause.

    A server closes connections that lie idle, and httplib2 notices only when it writes to one. Nothing that is asked
    here does harm if it is asked twice: what is made has its name in the request.
    """

    def execute(self, http: Any = None, num_retries: int = RETRIES) -> Any:
        """Send it, and return the answer."""
        return super().execute(http=http, num_retries=num_retries)


class Google:
    """Clients of Google's services for one environment, made when they are first asked for.

    Attributes:
        project, region: those of the environment.
    """

    def __init__(self, variables: Mapping[str, str]) -> None:
        self._endpoint = variables.get("STILE_GCP_ENDPOINT")
        self._token = variables.get("CLOUDSDK_AUTH_ACCESS_TOKEN")
        self._clients: dict[str, Any] = {}
        self.project = variables["GOOGLE_CLOUD_PROJECT"]
        self.region = variables["GOOGLE_CLOUD_LOCATION"]

    @property
    def parent(self) -> str:
        """The resource name below which Vertex AI keeps what it has, `projects/<p>/locations/<l>`."""
        return f"projects/{self.project}/locations/{self.region}"

    def client(self, service: str, version: str) -> Any:
        """The client of a service, from the discovery document that comes with it; asks for no network."""
        key = f"{service}.{version}"
        if key not in self._clients:
            self._clients[key] = self._made(service, version)
        return self._clients[key]

    def close(self) -> None:
        """Close the connections of all clients."""
        for client in self._clients.values():
            client.close()

    def _made(self, service: str, version: str) -> Any:
        from googleapiclient.discovery import build_from_document
        from googleapiclient.discovery_cache import get_static_doc

        document = json.loads(get_static_doc(service, version))
        regional = f"https://{self.region}-{service}.googleapis.com" if service == "aiplatform" else None
        # Not by `client_options`: uploads go to the document's own address, whatever those say.
        if found := self._endpoint or regional:
            document["rootUrl"] = f"{found.rstrip('/')}/"
        return build_from_document(document, credentials=self._credentials(), requestBuilder=Retried)

    def _credentials(self) -> Any:
        import google.auth
        from google.oauth2.credentials import Credentials

        if self._token is not None:
            return Credentials(self._token)  # type: ignore[no-untyped-call]
        return google.auth.default(scopes=[SCOPE])[0]


def told(call: Callable[P, R]) -> Callable[P, R]:
    """Turn the client's errors into CloudError."""

    @wraps(call)
    def wrapped(*args: P.args, **kwargs: P.kwargs) -> R:
        try:
            return call(*args, **kwargs)
        except HttpError as error:
            raise CloudError(f"{error.resp.status} {error.reason}") from error
        except GoogleAuthError as error:
            raise CloudError(str(error), fix="gcloud auth application-default login; `stile doctor`") from error
        except (httplib2.HttpLib2Error, OSError) as error:
            raise CloudError(f"Google Cloud does not answer: {error}", fix="`stile doctor`") from error

    return wrapped


def is_missing(error: HttpError) -> bool:
    """Tell what is not there from any other refusal."""
    return bool(error.resp.status == 404)
