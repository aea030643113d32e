"""The process of the plugin `pulumi-resource-stile`."""

from importlib.metadata import PackageNotFoundError, version

from infra.providers.kit.resource import Plugin, PluginError, Resource
from infra.providers.kit.server import main


class Stile(Plugin):
    """Our own resources; each is imported when it is first asked for."""

    name = "stile"

    def __init__(self) -> None:
        super().__init__()
        self.version = _version()

    def resource(self, token: str) -> Resource:
        """Return the type behind a token. Raises PluginError if there is none."""
        match token:
            case "stile:images:Image":
                from infra.providers.stile.image import Image

                return Image(self)
            case "stile:endpoint:EndpointDeployment":
                from infra.providers.stile.deployment import EndpointDeployment

                return EndpointDeployment(self)
            case "stile:endpoint:Live":
                from infra.providers.stile.live import Live

                return Live(self)
            case "stile:tracking:Password":
                from infra.providers.stile.password import Password

                return Password()
        raise PluginError(f"{self.name} has no resource type {token}")


def _version() -> str:
    try:
        return version("stile")
    except PackageNotFoundError:  # run from a folder that is not installed
        return "0.1.0"


if __name__ == "__main__":
    main(Stile)
