"""The stand-in refuses what is not a local cloud and what no table maps; gone is only what the cloud calls gone."""

import pytest

from infra.providers.gcp.cloud import require_loopback
from infra.providers.gcp.plugin import GcpPlugin
from infra.providers.kit.local_only import RefusedEndpoint, RefusedEnvironment
from infra.providers.kit.resource import CheckCall, DeleteCall, PluginError, ReadCall
from infra.providers.kit.values import Properties

LOCAL = "http://127.0.0.1:1"  # nothing listens there
TOPIC, BUCKET = "gcp:pubsub/topic:Topic", "gcp:storage/bucket:Bucket"
MEMBER = "gcp:projects/iAMMember:IAMMember"
# What a shell may hold that leads past the local cloud, and the word by which it is refused.
LEADS_AWAY = {
    "no-endpoint": ({"STILE_GCP_ENDPOINT": ""}, "STILE_GCP_ENDPOINT is not set"),
    "real-endpoint": ({"STILE_GCP_ENDPOINT": "https://storage.googleapis.com"}, "does not lead to this machine"),
    "storage": ({"STORAGE_EMULATOR_HOST": "https://storage.googleapis.com"}, "STORAGE_EMULATOR_HOST"),
    "one-service": ({"GOOGLE_STORAGE_CUSTOM_ENDPOINT": "https://10.0.0.1/storage/v1/"}, "CUSTOM_ENDPOINT"),
    "gcloud": ({"CLOUDSDK_API_ENDPOINT_OVERRIDES_STORAGE": "http://example.com"}, "OVERRIDES_STORAGE"),
    "key-file": ({"GOOGLE_APPLICATION_CREDENTIALS": "/home/me/key.json"}, "an account of yours"),
    "key": ({"GOOGLE_CREDENTIALS": "{}"}, "an account of yours"),
    "token": ({"CLOUDSDK_AUTH_ACCESS_TOKEN": "ya29.abc"}, "a real account's"),
    "provider-token": ({"GOOGLE_OAUTH_ACCESS_TOKEN": "ya29.abc"}, "a real account's"),
    "impersonation": ({"GOOGLE_IMPERSONATE_SERVICE_ACCOUNT": "a@b.iam.gserviceaccount.com"}, "an account of yours"),
}


@pytest.fixture
def shell(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """The variables of a local environment."""
    variables = {name for variables, _ in LEADS_AWAY.values() for name in variables}
    for name in variables:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("STILE_GCP_ENDPOINT", LOCAL)
    monkeypatch.setenv("GOOGLE_CLOUD_PROJECT", "stile-local")
    monkeypatch.setenv("CLOUDSDK_AUTH_ACCESS_TOKEN", "test")
    return monkeypatch


@pytest.fixture
def plugin(shell: pytest.MonkeyPatch) -> GcpPlugin:
    made = GcpPlugin("10.2.0")
    made.configure({})
    return made


def check(plugin: GcpPlugin, token: str, **inputs: object) -> tuple[Properties, list[str]]:
    call = CheckCall(urn="urn:x", name="it", news=dict(inputs), random_seed=b"s")
    checked = plugin.resource(token).check(call)
    return checked.inputs, [failure.property for failure in checked.failures]


@pytest.mark.parametrize("url", [None, "", "https://storage.googleapis.com", "http://127.0.0.1@example.com"])
def test_any_other_endpoint_is_refused(url: str | None) -> None:
    with pytest.raises(RefusedEndpoint, match="local clouds only"):
        require_loopback(url)


@pytest.mark.parametrize(("variables", "word"), LEADS_AWAY.values(), ids=LEADS_AWAY)
def test_a_shell_that_leads_away_is_refused(shell: pytest.MonkeyPatch, variables: dict[str, str], word: str) -> None:
    """A user's own account must never be used with this plugin."""
    for name, value in variables.items():
        shell.setenv(name, value)
    plugin = GcpPlugin("10.2.0")
    assert word in " ".join(failure.reason for failure in plugin.check_config({}))
    with pytest.raises(RefusedEndpoint, match=word.replace(".", r"\.")):
        plugin.configure({})


@pytest.mark.parametrize(
    "inputs",
    [
        {"storageCustomEndpoint": "https://storage.googleapis.com/storage/v1/"},
        {"credentials": "{}"},
        {"accessToken": "ya29.abc"},
        {"impersonateServiceAccount": "a@b.iam.gserviceaccount.com"},
    ],
)
def test_a_provider_that_leads_away_is_refused_too(shell: pytest.MonkeyPatch, inputs: dict[str, str]) -> None:
    plugin = GcpPlugin("10.2.0")
    assert [failure.property for failure in plugin.check_config(inputs)] == list(inputs)
    with pytest.raises(RefusedEndpoint):
        plugin.configure(inputs)


def test_endpoints_and_the_token_of_the_local_cloud_are_taken(shell: pytest.MonkeyPatch) -> None:
    shell.setenv("STORAGE_EMULATOR_HOST", "http://127.0.0.1:1")
    inputs = {"storageCustomEndpoint": "http://127.0.0.1:1/storage/v1/", "accessToken": "test"}
    assert list(GcpPlugin("10.2.0").check_config(inputs)) == []


def test_a_provider_input_without_meaning_here_is_refused(plugin: GcpPlugin) -> None:
    assert [failure.property for failure in plugin.check_config({"universeDomain": "x"})] == ["universeDomain"]


@pytest.mark.parametrize("stack", ["gcp-dev", "production", ""])
def test_the_stack_of_a_real_environment_is_refused(plugin: GcpPlugin, stack: str) -> None:
    plugin.check_stack("local-gcp")
    with pytest.raises(RefusedEnvironment, match="nothing was changed"):
        plugin.check_stack(stack)


def test_without_a_project_nothing_is_configured(shell: pytest.MonkeyPatch) -> None:
    shell.delenv("GOOGLE_CLOUD_PROJECT")
    with pytest.raises(PluginError, match="gcp:project"):
        GcpPlugin("10.2.0").configure({})


@pytest.mark.parametrize("token", [TOPIC, MEMBER])
def test_an_unreachable_cloud_is_an_error_and_not_an_absence(plugin: GcpPlugin, token: str) -> None:
    """Else a stopped local cloud would empty the state at the next refresh."""
    outputs = {"project": "stile-local", "role": "roles/viewer", "member": "user:a@b.c"} if token == MEMBER else {}
    call = ReadCall(urn="", name="it", id="projects/stile-local/topics/it", outputs=outputs)
    with pytest.raises(PluginError, match="could not connect"):
        plugin.resource(token).read(call)


def test_inputs_that_no_table_maps_fail_the_check(plugin: GcpPlugin) -> None:
    assert check(plugin, TOPIC, colour="red")[1] == ["colour"]
    rule = {"action": {"type": "Delete"}, "condition": {"age": 1, "moon": "full"}}
    assert check(plugin, BUCKET, location="EU", lifecycleRules=[rule])[1] == ["lifecycleRules[0].condition.moon"]


def test_missing_and_mistyped_inputs_fail_the_check(plugin: GcpPlugin) -> None:
    assert check(plugin, BUCKET, versioning="on")[1] == ["versioning", "location"]


def test_names_are_made_as_each_type_wants_them(plugin: GcpPlugin) -> None:
    bucket, _ = check(plugin, BUCKET, location="EU")
    endpoint, _ = check(plugin, "gcp:vertex/aiEndpoint:AiEndpoint", displayName="it", location="us-central1")
    assert bucket["name"].startswith("it-")
    assert endpoint["name"].isdigit()
    assert 0 < len(endpoint["name"]) <= 10
    assert endpoint["__defaults"] == ["name"]


def test_an_id_to_import_of_another_form_is_refused(plugin: GcpPlugin) -> None:
    with pytest.raises(PluginError, match="<resource> <role> <member>"):
        plugin.resource(MEMBER).read(ReadCall(urn="", name="it", id="stile-local"))


@pytest.mark.parametrize(("name", "value"), [("deletionProtection", True), ("deletionPolicy", "PREVENT")])
def test_what_is_protected_is_not_deleted(plugin: GcpPlugin, name: str, value: object) -> None:
    """The recorded inputs count, as a program that is destroyed says nothing any more; the cloud is not asked."""
    outputs = {"secretId": "it", "project": "stile-local", name: value}
    call = DeleteCall(urn="", name="it", id="projects/stile-local/secrets/it", outputs=outputs)
    with pytest.raises(PluginError, match=name):
        plugin.resource("gcp:secretmanager/secret:Secret").delete(call)


def test_what_is_abandoned_is_left_alone(plugin: GcpPlugin) -> None:
    outputs = {"name": "it", "instance": "db", "project": "stile-local", "deletionPolicy": "ABANDON"}
    plugin.resource("gcp:sql/user:User").delete(DeleteCall(urn="", name="it", id="it//db", outputs=outputs))


def test_what_the_stand_in_does_not_know_is_said(plugin: GcpPlugin) -> None:
    with pytest.raises(PluginError, match="gcp:compute/network:Network"):
        plugin.resource("gcp:compute/network:Network")
    with pytest.raises(PluginError, match="getProject"):
        plugin.invoke("gcp:organizations/getProject:getProject", {})
