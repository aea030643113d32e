"""A raw Pulumi program, run by the Automation API: another stack's resources, by the same SDK, for do-nothing plugins.

`python -m benchmarks.raw_program PULUMI RESOURCES up|preview`; where state and plugins lie, Pulumi's own variables say.
"""

import json
import re
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pulumi
import pulumi_aws
from pulumi import automation

PROJECT, STACK = "raw", "raw"
OWN_KEYS = ("__defaults", "__internal")
SKIPPED = ("pulumi:pulumi:Stack", "pulumi:providers:")


class Group(pulumi.ComponentResource):
    """A component."""


def declare(resources: Sequence[Mapping[str, Any]]) -> None:
    """Declare each resource of a state, in its order: same parents, same inputs, after what the other depends on."""
    made: dict[str, pulumi.Resource] = {}
    for resource in resources:
        if resource["type"].startswith(SKIPPED):
            continue
        token, name = resource["type"], resource["urn"].rpartition("::")[2]
        options = pulumi.ResourceOptions(
            parent=made.get(resource.get("parent", "")),
            depends_on=[made[urn] for urn in resource.get("dependencies", ()) if urn in made],
        )
        inputs = without_own_keys(resource.get("inputs", {}))
        made[resource["urn"]] = resource_of(token, name, inputs, options, custom=bool(resource.get("custom")))


def resource_of(
    token: str, name: str, inputs: dict[str, Any], options: pulumi.ResourceOptions, *, custom: bool
) -> pulumi.Resource:
    """Make a resource by its class in the SDK, if it has one there."""
    package, module, kind = token.split(":")
    if package == "aws":
        cls = getattr(getattr(pulumi_aws, module.partition("/")[0]), kind)
        given = {re.sub(r"(?<!^)(?=[A-Z])", "_", key).lower(): value for key, value in inputs.items()}
        made: pulumi.Resource = cls(name, opts=options, **given)
        return made
    return pulumi.CustomResource(token, name, inputs, options) if custom else Group(token, name, {}, options)


def without_own_keys(value: Any) -> Any:
    """Return inputs without what engine and plugins add to them."""
    if isinstance(value, Mapping):
        return {key: without_own_keys(each) for key, each in value.items() if key not in OWN_KEYS}
    return [without_own_keys(each) for each in value] if isinstance(value, list) else value


def main(pulumi_root: str, resources: str, operation: str) -> None:
    """Run one operation of the CLI at `<pulumi_root>/bin/pulumi`."""
    declared = json.loads(Path(resources).read_text())
    stack = automation.create_or_select_stack(
        STACK,
        project_name=PROJECT,
        program=lambda: declare(declared),
        opts=automation.LocalWorkspaceOptions(pulumi_command=automation.PulumiCommand(pulumi_root)),
    )
    if operation == "up":
        stack.up()
    else:
        stack.preview()


if __name__ == "__main__":
    main(*sys.argv[1:])
