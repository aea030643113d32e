"""Which access token is whose: jobs act under their service account, everybody else is a person."""

import secrets
import threading


class Tokens:
    """The access tokens that were given out for service accounts."""

    def __init__(self) -> None:
        self._owners: dict[str, str] = {}
        self._lock = threading.Lock()

    def issue(self, email: str) -> str:
        """Return a new token of a service account."""
        token = f"ya29.{secrets.token_urlsafe(24)}"
        with self._lock:
            self._owners[token] = email
        return token

    def owner(self, authorization: str | None) -> str | None:
        """Return the service account of an Authorization header; None for any other token, which is a person's."""
        if not authorization or not authorization.lower().startswith("bearer "):
            return None
        with self._lock:
            return self._owners.get(authorization[len("bearer ") :].strip())
