"""What keeps a stand-in to local clouds: no endpoint off this machine, no stack of a real environment."""

from infra import guards
from infra.providers.kit.resource import PluginError

ONLY_LOCAL = "this plugin is a stand-in for local clouds only"


class RefusedEndpoint(PluginError):  # noqa: N818 - it names what happened
    """The endpoint is missing or not on this machine, or what would be used there is of a real account."""


class RefusedEnvironment(PluginError):  # noqa: N818 - it names what happened
    """The stack is that of a real environment."""


def require_loopback(variable: str, endpoint_url: str | None) -> str:
    """Return the endpoint, which a variable names, if it is on this machine's loopback. Raises RefusedEndpoint."""
    if not endpoint_url:
        raise RefusedEndpoint(f"{variable} is not set: {ONLY_LOCAL}; start one with `./stile local start`")
    if not guards.is_loopback(endpoint_url):
        raise RefusedEndpoint(f"the endpoint {endpoint_url} is not on this machine: {ONLY_LOCAL}")
    return endpoint_url


def require_local_stack(stack: str) -> None:
    """Refuse the stack of a real environment: found nowhere in a local cloud, its state would be emptied.

    Raises:
        RefusedEnvironment: it is one.
    """
    if not guards.is_local(stack):
        raise RefusedEnvironment(
            f"{stack or 'a stack without a name'} is no local environment: this plugin is a stand-in for local "
            f"clouds only, and takes stacks named {guards.LOCAL_PREFIX}*; nothing was changed"
        )
