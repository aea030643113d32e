"""The state holds the real provider's types, and `stile`, plain `pulumi` and the cloud agree about it."""

import hashlib
import importlib.metadata
import json
from collections.abc import Mapping, Sequence
from contextlib import closing
from typing import Any

import pytest

from tests.e2e import changes_aws, changes_gcp
from tests.e2e.conftest import Demo, both_clouds
from tests.localcloud.gcp.serving import google_client
from tests.sdk import has_type

TABLES: dict[str, Any] = {"aws": changes_aws, "gcp": changes_gcp}
pytestmark = [pytest.mark.e2e, pytest.mark.slow]


def resources(demo: Demo) -> list[dict[str, Any]]:
    """The custom resources of `pulumi stack export`."""
    done = demo.project.shell(f"pulumi stack export -s {demo.environment}", demo.environment)
    assert done.code == 0, done.stderr
    exported: list[dict[str, Any]] = done.json()["deployment"]["resources"]
    return exported


def managed(demo: Demo) -> list[dict[str, Any]]:
    return [one for one in resources(demo) if one.get("custom") and not one["type"].startswith("pulumi:")]


@both_clouds
def test_the_state_holds_only_types_that_the_installed_sdk_has(demo: Demo) -> None:
    """The same types as on a real account: a type of our own making would not survive the move."""
    types = {one["type"] for one in managed(demo)}
    assert sum(name.startswith(f"{demo.cloud}:") for name in types) >= 15
    assert [name for name in types if not name.startswith("stile:") and not has_type(name)] == []


@both_clouds
def test_the_state_names_the_installed_sdks_version(demo: Demo) -> None:
    """A state written by another version of the provider would be migrated, or refused, by the real one."""
    providers = [one for one in resources(demo) if one["type"] == f"pulumi:providers:{demo.cloud}"]
    assert {one["inputs"]["version"] for one in providers} == {importlib.metadata.version(f"pulumi-{demo.cloud}")}


def test_the_state_holds_no_port(demo: Demo) -> None:
    """Ports change with every start of the local cloud; in the state each would be a difference.

    Not so on Google Cloud yet: an image's address there is the local registry's own, and MLflow's the service's.
    """
    text = json.dumps(resources(demo))
    assert demo.address.removeprefix("http://") not in text
    assert "127.0.0.1" not in text


@both_clouds
def test_plain_pulumi_finds_nothing_to_change_after_stile(demo: Demo) -> None:
    """`eval "$(./stile env local-aws)"` gives a shell in which plain `pulumi` does the same."""
    for command in ("up --yes --skip-preview", "refresh --yes --skip-preview"):
        line = f"pulumi {command} -s {demo.environment} --non-interactive --color never"
        done = demo.project.shell(line, demo.environment)
        assert done.code == 0, done.stdout + done.stderr
        summary = done.stdout[done.stdout.index("Resources:") :]
        assert "unchanged" in summary
        assert not any(word in summary for word in ("created", "updated", "deleted", "replaced")), summary


@both_clouds
def test_stile_finds_nothing_to_change_after_plain_pulumi(demo: Demo) -> None:
    """And the other way round."""
    assert demo.project.must("up", demo.environment, "--json").json()["changed"] == 0
    assert demo.project.must("refresh", demo.environment, "--check", "--json").json()["drifted"] == []


@both_clouds
def test_every_type_in_the_state_has_an_out_of_band_change(demo: Demo) -> None:
    """A type without a case is red; and only what is in the state is excused."""
    types, changes = {one["type"] for one in managed(demo)}, TABLES[demo.cloud]
    assert sorted(types - changes.CHANGES.keys() - changes.FOLLOWS.keys() - changes.FIXED.keys()) == []
    assert sorted(changes.FIXED.keys() - types) == []


def test_what_is_excused_has_no_method_that_changes_it() -> None:
    """A key ring, by Google's own description of its API; a password is nothing that any cloud has."""
    with closing(google_client("http://127.0.0.1", "cloudkms", "v1")) as cloudkms:
        rings = cloudkms.projects().locations().keyRings()
        assert hasattr(rings, "create")
        assert not {"patch", "update"} & set(dir(rings))
    assert changes_gcp.FIXED.keys() == {"gcp:kms/keyRing:KeyRing", "stile:tracking:Password"}


def reported(demo: Demo) -> list[dict[str, Any]]:
    """What `stile drift` finds in the infrastructure; the state's files stay as they are, to the byte."""
    before = digests(demo)
    done = demo.project.stile("drift", demo.environment, "--json")
    assert done.code == 3, done.stderr
    assert digests(demo) == before
    findings: list[dict[str, Any]] = done.json()["infra"]["findings"]
    return findings


def digests(demo: Demo) -> dict[str, str]:
    files = (path for path in (demo.project.folder / ".stile" / "state").rglob("*") if path.is_file())
    return {str(path): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def told_with_values(findings: Sequence[Mapping[str, Any]], urn: str) -> bool:
    """Whether a resource is told as gone, or with properties that are otherwise, secret or not."""
    mine = [one for one in findings if one["about"] == urn]
    changed = [one for one in mine if one["kind"] == "changed" and "property" in one]
    are_told = all(one["expected"] != one["actual"] or one["actual"] == "[secret]" for one in changed)
    return any(one["kind"] == "gone" for one in mine) or (bool(changed) and are_told)


def changed_and_mended(demo: Demo, *, alone: bool) -> None:
    """Change one resource of each type, those that go alone or all others, and see that it is seen and mended."""
    changes, by_type = TABLES[demo.cloud], {one["type"]: one for one in managed(demo)}
    changed = [name for name in changes.CHANGES if name in by_type and (name in changes.ALONE) == alone]
    for name in changed:
        changes.CHANGES[name](demo.vendor.client, by_type[name])
    done = demo.project.stile("refresh", demo.environment, "--check", "--json")
    assert done.code == 3, done.stderr
    seen = set(done.json()["drifted"])
    expected = [*changed, *(name for name, leader in changes.FOLLOWS.items() if leader in changed)]
    assert [name for name in expected if by_type[name]["urn"] not in seen] == []
    findings = reported(demo)
    assert [name for name in expected if not told_with_values(findings, by_type[name]["urn"])] == []
    demo.project.must("refresh", demo.environment)
    assert demo.project.must("up", demo.environment, "--json").json()["changed"] > 0
    assert demo.project.must("up", demo.environment, "--json").json()["changed"] == 0
    assert demo.project.must("refresh", demo.environment, "--check", "--json").json()["drifted"] == []


@both_clouds
@pytest.mark.changes_the_demo
def test_every_out_of_band_change_is_seen_and_mended(demo: Demo) -> None:
    """One change per type in the state, by the vendor's own client."""
    changed_and_mended(demo, alone=False)


@both_clouds
@pytest.mark.changes_the_demo
def test_an_image_that_is_gone_is_seen_and_comes_back(demo: Demo) -> None:
    """Alone: a released model cannot come back in the very update that brings back its image."""
    changed_and_mended(demo, alone=True)
