"""Ports of loopback for programs that listen a moment after they are told where."""

import errno
import itertools
import os
import random
import socket
from pathlib import Path

HOST = "127.0.0.1"
# Source: https://docs.kernel.org/networking/ip-sysctl.html (ip_local_port_range)
SYSTEMS_OWN = Path("/proc/sys/net/ipv4/ip_local_port_range")
LOWEST_UNPRIVILEGED = 1024
COUNT = 10_000
_places = itertools.count(random.SystemRandom().randrange(COUNT))


def free_port() -> int:
    """Return a port that nobody uses now, and that is unlikely to be taken until the program listens on it.

    It lies below the range from which the system gives ports to every outgoing connection. Within a process each call
    goes on where the one before ended; processes begin anywhere, so two of them seldom look at the same place.

    Raises:
        OSError: all are in use.
    """
    ports = candidates()
    for _ in ports:
        port = ports[next(_places) % len(ports)]
        if _is_free(port):
            return port
    raise OSError(errno.EADDRINUSE, os.strerror(errno.EADDRINUSE), f"{HOST}:{ports[0]}-{ports[-1]}")


def candidates() -> range:
    """Return the ports that may be given: below the system's own, or among them where no room is left below."""
    low, high = systems_own()
    first = max(low - COUNT, LOWEST_UNPRIVILEGED)
    return range(first, low) if low - first >= COUNT // 10 else range(low, high + 1)


def systems_own() -> tuple[int, int]:
    """Return the lowest and the highest port that the system gives to outgoing connections."""
    try:
        low, high = SYSTEMS_OWN.read_text().split()
    except OSError:
        return 32768, 60999  # Linux's own default
    return int(low), int(high)


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        try:
            probe.bind((HOST, port))
        except OSError:
            return False
    return True
