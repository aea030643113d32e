"""Cloud SQL: users, which are found in a list."""

from infra.providers.gcp.hooks import Hook
from infra.providers.kit.resource import PluginError
from infra.providers.kit.values import Properties


class UserHook(Hook):
    """A user of PostgreSQL; those of MySQL have a host beside their name, which is not mapped."""

    def parse_id(self, identity: str) -> Properties:
        """Return the parts of the recorded id, or of one to import, `<project>/<instance>/<name>`."""
        parts = identity.split("/")
        if len(parts) != 3:
            raise PluginError(f"the id {identity} has not the form <project>/<instance>/<name>")
        if not parts[1]:
            return {"name": parts[0], "instance": parts[2]}
        return {"project": parts[0], "instance": parts[1], "name": parts[2]}
