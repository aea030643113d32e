"""Which token is whose: jobs act under their service account, everybody else is a person."""

import base64
import json
import secrets
import threading
import time

from infra.localcloud.gcp.errors import Refusal

LIFETIME_SECONDS = 3600
ISSUER = "https://accounts.google.com"


class Tokens:
    """The access tokens and identity tokens that were given out for service accounts."""

    def __init__(self) -> None:
        self._owners: dict[str, str] = {}
        self._identities: dict[str, tuple[str, str]] = {}
        self._lock = threading.Lock()

    def issue(self, email: str) -> str:
        """Return a new access token of a service account."""
        token = f"ya29.{secrets.token_urlsafe(24)}"
        with self._lock:
            self._owners[token] = email
        return token

    def identify(self, email: str, audience: str) -> str:
        """Return a new identity token of a service account, which is made out to an audience.

        It has a JWT's form, which clients look into; its signature is no signature.
        Source: https://cloud.google.com/docs/authentication/token-types#id
        """
        now = int(time.time())
        claims = {"aud": audience, "azp": email, "email": email, "email_verified": True, "iss": ISSUER, "sub": email}
        parts = ({"alg": "RS256", "kid": "local", "typ": "JWT"}, {**claims, "iat": now, "exp": now + LIFETIME_SECONDS})
        made = [base64.urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=").decode() for part in parts]
        token = ".".join((*made, secrets.token_urlsafe(32)))
        with self._lock:
            self._identities[token] = (email, audience)
        return token

    def owner(self, authorization: str | None) -> str | None:
        """Return the service account of an Authorization header; None for any other token, which is a person's.

        Raises:
            Refusal: UNAUTHENTICATED, for an identity token.
        """
        token = _bearer(authorization)
        with self._lock:
            if token in self._identities:
                text = "Request had invalid authentication credentials. Expected OAuth 2 access token."
                raise Refusal("UNAUTHENTICATED", text)
            return self._owners.get(token)

    def invoker(self, authorization: str | None, audience: str) -> str | None:
        """Return the service account that an identity token shows to an audience; None for a person.

        Raises:
            Refusal: UNAUTHENTICATED, for an access token, or a token that is made out to somebody else.
        """
        token = _bearer(authorization)
        with self._lock:
            email, meant = self._identities.get(token, (None, audience))
            if token in self._owners or meant != audience:
                raise Refusal("UNAUTHENTICATED", f"An identity token that is made out to {audience} is needed.")
            return email


def _bearer(authorization: str | None) -> str:
    word, _, token = (authorization or "").partition(" ")
    return token.strip() if word.lower() == "bearer" else ""
