"""KMS: keys, which Google never deletes: their versions are destroyed, and nothing rotates any more."""

from datetime import UTC, datetime, timedelta
from typing import Any

from infra.providers.gcp.calls import Calls
from infra.providers.gcp.hooks import Hook
from infra.providers.kit.tables import Call
from infra.providers.kit.values import Properties

_KEYS = "projects.locations.keyRings.cryptoKeys"
_VERSIONS = f"{_KEYS}.cryptoKeyVersions"
_DESTROYED = ("DESTROYED", "DESTROY_SCHEDULED")


class CryptoKeyHook(Hook):
    """A key."""

    def create_arguments(self, calls: Calls, args: dict[str, Any], inputs: Properties) -> dict[str, Any]:
        """Say when it rotates first."""
        skip = bool(inputs.get("skipInitialVersionCreation"))
        return {**_rotating(args), "skipInitialVersionCreation": skip}

    def update_arguments(self, call: Call, args: dict[str, Any], inputs: Properties) -> dict[str, Any]:
        """Say when it rotates next, if the period changed."""
        if "rotationPeriod" not in args["updateMask"].split(","):
            return args
        return {**_rotating(args), "updateMask": f"{args['updateMask']},nextRotationTime"}

    def delete(self, calls: Calls, outputs: Properties, known: dict[str, Any]) -> bool:
        """Destroy every version, and stop the rotation: no new version may come."""
        for version in calls(f"{_VERSIONS}.list", parent=known["id"]).get("cryptoKeyVersions", ()):
            if version["state"] not in _DESTROYED:
                calls(f"{_VERSIONS}.destroy", name=version["name"])
        if outputs.get("rotationPeriod"):
            calls(f"{_KEYS}.patch", name=known["id"], updateMask="rotationPeriod,nextRotationTime", body={})
        return True


def _rotating(args: dict[str, Any]) -> dict[str, Any]:
    period = args.get("rotationPeriod")
    if not period:
        return args
    moment = datetime.now(UTC) + timedelta(seconds=float(period.removesuffix("s")))
    return {**args, "nextRotationTime": moment.strftime("%Y-%m-%dT%H:%M:%S.%fZ")}
