"""Service accounts may do what the stages grant them and no more: the narrowest thing that Google's IAM can name."""

import re
from collections.abc import Mapping
from fnmatch import fnmatchcase
from typing import Any, get_args

import pytest

from components.naming import Naming, longest_names
from components.pipeline.chain import value_chain
from components.stages import JOBS, Role, StepRole
from components.storage import READS, WRITES
from components.storage.gcp import OTHER_READS, OTHER_WRITES, covering
from tests.components.mocked import Declared, Made
from tests.components.test_identity import path

BEGINS = re.compile(r'resource\.name\.startsWith\("(.*)"\)')
LISTED = re.compile(r'api\.getAttribute\("storage\.googleapis\.com/objectListPrefix", ""\)\.startsWith\("(.*)"\)')
EXTRACTED = re.compile(r'resource\.name\.extract\("(.*)\{any\}(.*)"\) != ""')
BUCKET = "stile-test-gcp-data-0a1b2c3"
OBJECTS = [
    "raw/flight_delays/flights.csv",
    "jobs/mine/out.json",
    "capture/endpoint/2026/11/23/10/one.jsonl",
    "mlflow/1/run/artifacts/plot.png",
    "pipelines/stile-test-gcp-flight-delays/runs/1/x.json",
    "serving/123456789/1234567890.json",
    *(f"runs/x/{step}/out/file" for step in get_args(StepRole) if step != "train"),
    "runs/x/train-hgb/model/model.skops",
    "runs/x/trainer/file",
    "other/runs/x/ingest/out/file",
]


@pytest.fixture(scope="module")
def declared(first_ups: Mapping[str, Declared]) -> Declared:
    return first_ups["gcp"]


def members(declared: Declared, role: str) -> list[Made]:
    """Every IAM member of a role's account, wherever it is declared."""
    account = f"serviceAccount:stile-test-gcp-{role}@our-project.iam.gserviceaccount.com"
    return [made for made in declared.resources if made.inputs.get("member") == account]


def on_bucket(declared: Declared, role: str, given: str) -> str:
    """The condition under which a role has a predefined role on the bucket."""
    (made,) = [each for each in members(declared, role) if each.inputs["role"] == f"roles/storage.{given}"]
    assert made.inputs["bucket"] == BUCKET
    return str(made.inputs["condition"]["expression"])


def permissions(declared: Declared, role: str) -> set[str]:
    """What the custom roles of an account allow."""
    names = {made.inputs["role"] for made in members(declared, role)}
    made = [
        each for each in declared.all("IAMCustomRole") if f"projects/our-project/roles/{each.inputs['roleId']}" in names
    ]
    return {permission for each in made for permission in each.inputs["permissions"]}


def holds(expression: str, name: str, prefix: str = "") -> bool:
    """Judge the few forms of CEL that our conditions are made of; anything else fails the test.

    An object is asked for by its name, a listing by its prefix.
    """
    return any(all(_holds(part, name, prefix) for part in _parts(either)) for either in expression.split(" || "))


def _parts(either: str) -> list[str]:
    inner = either[1:-1] if either.startswith("(") else either
    return inner.split(" && ")


def _holds(part: str, name: str, prefix: str) -> bool:
    full_name = f"projects/_/buckets/{BUCKET}/objects/{name}" if name else f"projects/_/buckets/{BUCKET}"
    if begins := BEGINS.fullmatch(part):
        return full_name.startswith(begins[1])
    if listed := LISTED.fullmatch(part):
        return bool(prefix) and prefix.startswith(listed[1])
    found = EXTRACTED.fullmatch(part)
    assert found, part
    _, before, after = full_name.partition(found[1])
    middle, end, _ = after.partition(found[2])
    return bool(before and end and middle)


@pytest.mark.parametrize("role", get_args(Role))
def test_each_role_reads_and_writes_its_own_folders_only(declared: Declared, role: Role) -> None:
    """The conditions say what the table of folders says: for every object, one by one."""
    reads = OTHER_READS.get(role) or READS[role]
    writes = OTHER_WRITES.get(role) or WRITES[role]
    if role != "tracking":  # MLflow's server writes the artifacts of all
        writes = tuple(pattern for pattern in writes if not pattern.startswith("mlflow/"))
    for given, patterns in (("objectViewer", reads), ("objectCreator", writes)):
        condition = on_bucket(declared, role, given)
        for name in OBJECTS:
            wanted = any(fnmatchcase(name, pattern) for pattern in patterns)
            assert holds(condition, name) == wanted, (given, name, condition)


def test_steps_reach_what_the_pipeline_hands_them(declared: Declared) -> None:
    graph = value_chain("flight_delays", ("hgb",), "gs://bucket/raw/flight_delays/")
    for step in graph.steps:
        reading = on_bucket(declared, step.role, "objectViewer")
        for channel in step.inputs:
            assert holds(reading, path(channel.source)), (step.name, channel.name)
        assert holds(on_bucket(declared, step.role, "objectCreator"), f"runs/x/{step.name}/out/file")


def test_listing_is_limited_by_the_first_folder(declared: Declared) -> None:
    """Wider than on AWS: a listing is limited by how its prefix begins, and a run's own id comes before its steps."""
    for role in (*JOBS, "tracking"):
        condition = on_bucket(declared, role, "objectViewer")
        begun = {pattern.split("*")[0] for pattern in READS[role]}
        for prefix in ("raw/x", "runs/x/", "jobs/x", "mlflow/x", "capture/x", "serving/x"):
            assert holds(condition, "", prefix) == any(prefix.startswith(one) for one in begun)
    assert not holds(on_bucket(declared, "serving", "objectViewer"), "", "runs/x/")


def test_no_condition_has_more_operators_than_iam_takes(declared: Declared) -> None:
    """12: https://cloud.google.com/iam/quotas#conditions; and an expression has at most 2048 characters or so."""
    expressions = [made.inputs["condition"]["expression"] for made in declared.clouds() if "condition" in made.inputs]
    assert len(expressions) > 20
    for expression in expressions:
        assert expression.count("&&") + expression.count("||") <= 12
        assert len(expression) < 2048


def test_a_pattern_covers_what_fnmatch_matches() -> None:
    condition = covering(BUCKET, ["runs/*/ingest/*"])
    assert holds(condition, "runs/1/ingest/file")
    assert holds(condition, "runs/1/deeper/ingest/file")  # a star stands for slashes too, as on AWS
    assert not holds(condition, "runs/1/ingested/file")
    assert not holds(condition, "x/runs/1/ingest/file")


def test_only_logs_and_what_cannot_be_limited_is_granted_in_the_whole_project(declared: Declared) -> None:
    allowed: dict[str, set[str]] = {
        "roles/logging.logWriter": {*JOBS, "serving"},
        "roles/cloudsql.client": {"tracking"},  # under a condition that names the database
    }
    for role in get_args(Role):
        wide = [made for made in members(declared, role) if made.type == "gcp:projects/iAMMember:IAMMember"]
        for made in wide:
            given = made.inputs["role"]
            assert role in allowed.get(given, ()) or given.startswith("projects/our-project/roles/"), made.urn
            assert not given.startswith(("roles/owner", "roles/editor", "roles/aiplatform."))
    (database,) = [
        made for made in declared.all("iAMMember:IAMMember") if made.inputs["role"] == "roles/cloudsql.client"
    ]
    assert "projects/our-project/instances/stile-test-gcp-mlflow-" in database.inputs["condition"]["expression"]


def test_jobs_cannot_start_jobs_and_the_pipeline_cannot_touch_data(declared: Declared) -> None:
    for role in JOBS:
        assert not {one for one in permissions(declared, role) if "Jobs." in one}
    assert "aiplatform.customJobs.create" in permissions(declared, "pipeline")
    for given in ("objectViewer", "objectCreator"):
        condition = on_bucket(declared, "pipeline", given)
        assert [name for name in OBJECTS if holds(condition, name)] == [OBJECTS[4]]
    acting = [made for made in members(declared, "pipeline") if made.inputs["role"] == "roles/iam.serviceAccountUser"]
    accounts = {str(made.inputs["serviceAccountId"]) for made in acting}
    name = "projects/our-project/serviceAccounts/stile-test-gcp-{}@our-project.iam.gserviceaccount.com"
    assert accounts == {name.format(step) for step in get_args(StepRole)}


def test_only_register_changes_the_registry_and_only_evaluate_looks_at_it_too(declared: Declared) -> None:
    changing = "aiplatform.models.upload"
    looking = {"aiplatform.models.get", "aiplatform.models.list"}
    assert {role for role in get_args(Role) if changing in permissions(declared, role)} == {"register"}
    assert not [role for role in get_args(Role) if "aiplatform.models.update" in permissions(declared, role)]
    assert {role for role in get_args(Role) if permissions(declared, role) & looking} == {"evaluate", "register"}


def test_whoever_logs_runs_may_call_mlflow(declared: Declared) -> None:
    calling = {
        role
        for role in get_args(Role)
        for made in members(declared, role)
        if made.inputs["role"] == "roles/run.invoker"
        and made.inputs["name"].endswith("/services/stile-test-gcp-mlflow")
    }
    assert calling == {"train", "evaluate", "govern", "jobs"}


def test_ids_are_legal(declared: Declared) -> None:
    """Accounts: iam v1, accountId. Custom roles: iam v1, roleId."""
    for account in declared.all("account:Account"):
        assert re.fullmatch(r"[a-z][a-z0-9-]{4,28}[a-z0-9]", account.inputs["accountId"])
    made: list[Any] = declared.all("IAMCustomRole")
    assert made
    for role in made:
        assert re.fullmatch(r"[a-zA-Z0-9_.]{3,64}", role.inputs["roleId"])


def test_the_longest_names_are_told_before_anything_is_made(declared: Declared) -> None:
    """No account and no custom role has a longer name than the one that the check of lengths looks at."""
    told = longest_names("gcp", Naming("stile", "test-gcp", "ml-platform"), ("flight-delays",))
    longest = {each.limit: max(len(one.name) for one in told if one.limit == each.limit) for each in told}
    assert max(len(made.inputs["accountId"]) for made in declared.all("account:Account")) == longest[30]
    assert max(len(made.inputs["roleId"]) for made in declared.all("IAMCustomRole")) <= longest[64]
