"""Which address a model server listens on, and what is this machine alone."""

from collections.abc import Mapping
from urllib.parse import urlsplit

LOOPBACK_HOSTS = ("127.0.0.1", "::1", "localhost")


def is_loopback(host: str | None) -> bool:
    """Whether a host is this machine alone."""
    return host in LOOPBACK_HOSTS


def bind_host(environ: Mapping[str, str], cloud: str) -> str:
    """Return the address that a model server listens on; `cloud` is the variable that holds the cloud's address.

    That is STILE_BIND_HOST where it is set. Otherwise it is all addresses, as the vendors' contracts ask: their
    proxies come from outside the container. But a cloud that is itself on loopback asks from loopback, and shares
    this machine's network: there it is 127.0.0.1.
    """
    told = environ.get("STILE_BIND_HOST")
    if told:
        return told
    host = urlsplit(environ.get(cloud) or "").hostname
    return "127.0.0.1" if is_loopback(host) else "0.0.0.0"  # noqa: S104 - see above
