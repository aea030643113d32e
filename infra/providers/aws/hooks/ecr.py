"""ECR: repositories that still hold images."""

from typing import Any

from infra.providers.aws.calls import Calls
from infra.providers.aws.hooks import Hook
from infra.providers.kit.values import Properties


class RepositoryHook(Hook):
    """A repository is deleted with its images only if the program says so."""

    def delete(self, calls: Calls, outputs: Properties, known: dict[str, Any]) -> bool:
        """Delete the repository, with its images if `forceDelete` was applied."""
        calls("DeleteRepository", repositoryName=known["id"], force=bool(outputs.get("forceDelete")))
        return True
