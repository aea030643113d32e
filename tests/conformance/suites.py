"""One suite per stage's contract; an implementation adds a `samples` fixture and nothing else."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, get_args

import pulumi
import pytest

from components.endpoint import Serving
from components.naming import Naming
from components.place import Place
from components.spec import Endpoint, Monitoring, Release, Rollout
from components.stages import JOBS, STAGES, Grants, Role, implementation
from components.storage import READS, WRITES
from components.training import JobTemplate
from tests.components.mocked import Declared, declare

NAMING = Naming("stile", "conform", "ml-platform")
MODEL = "churn"
# What the clouds call tags, and the types whose property of that name is something else
TAGGED = dict.fromkeys(("labels", "tags", "userLabels"))
NO_TAGS = {"gcp:monitoring/notificationChannel:NotificationChannel": ("labels",)}
TEMPLATE = JobTemplate("host/jobs@sha256:1", "role", "key", "machine", "machine", 3600, environment={"COLOUR": "blue"})


@dataclass(frozen=True)
class Samples:
    """Identifiers of things that exist, as an implementation's cloud spells them.

    `statement` is one that grants anything; `money` is what 123.5 dollars are written as.
    """

    cloud: str
    place: Place
    role: str
    key: str
    bucket: str
    uri: str
    repository: str
    topic: str
    version: str
    machine: str
    statement: Mapping[str, Any]
    money: str


class StageSuite:
    """What holds for every stage on every cloud."""

    stage: ClassVar[str]

    @pytest.fixture
    def args(self, samples: Samples) -> Mapping[str, Any]:
        """What the stage is made with, beside its naming."""
        raise NotImplementedError("a stage's suite gives its arguments")

    def make(self, samples: Samples, args: Mapping[str, Any], look: Callable[[Any], object] = id) -> Declared:
        """Declare the stage's component, and export what `look` takes from it."""

        def program() -> None:
            shared = {"naming": NAMING, "place": samples.place}
            component = implementation(samples.cloud, self.stage)(NAMING.prefix, {**shared, **args})
            pulumi.export("looked", look(component))

        return declare(program, "conform")

    def test_token_is_of_the_stage_and_not_of_the_cloud(self, samples: Samples, args: Mapping[str, Any]) -> None:
        made = [each for each in self.make(samples, args).resources if not each.parent.count("stile:index:")]
        assert [each.type for each in made] == [f"stile:index:{STAGES[self.stage]}"]

    def test_all_it_makes_stands_below_it(self, samples: Samples, args: Mapping[str, Any]) -> None:
        for each in self.make(samples, args).resources:
            assert f"::stile:index:{STAGES[self.stage]}" in each.urn

    def test_tags_name_stack_environment_and_stage(self, samples: Samples, args: Mapping[str, Any]) -> None:
        for each in self.make(samples, args).resources:
            for key in TAGGED.keys() & each.inputs.keys():
                if key not in NO_TAGS.get(each.type, ()):
                    assert each.inputs[key].items() >= NAMING.tags(self.stage).items()


def roles_of(grants: Grants) -> dict[str, int]:
    return {role: len(statements) for role, statements in grants.items()}


class StorageSuite(StageSuite):
    stage = "storage"

    @pytest.fixture
    def args(self) -> Mapping[str, Any]:
        return {"retention_days": 30}

    def test_provides_bucket_uri_and_key(self, samples: Samples, args: Mapping[str, Any]) -> None:
        looked = self.make(samples, args, lambda made: [made.bucket, made.uri, made.key]).outputs["looked"]
        assert all(isinstance(each, str) and each for each in looked)
        assert looked[1].endswith(f"://{looked[0]}")

    def test_grants_every_role_that_reads_or_writes(self, samples: Samples, args: Mapping[str, Any]) -> None:
        looked = self.make(samples, args, lambda made: roles_of(made.grants)).outputs["looked"]
        assert set(looked) >= set(READS) | set(WRITES)
        assert all(looked.values())

    def test_what_exists_is_taken_and_nothing_made(self, samples: Samples) -> None:
        given = {"retention_days": 30, "bucket": samples.bucket, "kms_key_arn": samples.key}
        declared = self.make(samples, given, lambda made: [made.bucket, made.key])
        assert declared.outputs["looked"] == [samples.bucket, samples.key]
        assert list(declared.clouds()) == []

    def test_what_it_makes_is_protected(self, samples: Samples, args: Mapping[str, Any]) -> None:
        made = list(self.make(samples, args).clouds())
        assert made
        assert all(each.protected for each in made)


class IdentitySuite(StageSuite):
    stage = "identity"

    @pytest.fixture
    def args(self) -> Mapping[str, Any]:
        return {}

    def test_provides_every_role(self, samples: Samples, args: Mapping[str, Any]) -> None:
        looked = self.make(samples, args, lambda made: dict(made.roles)).outputs["looked"]
        assert set(looked) == set(get_args(Role))
        assert all(looked.values())

    def test_a_role_that_exists_is_taken_and_left_alone(self, samples: Samples) -> None:
        existing = dict.fromkeys(get_args(Role), samples.role)
        declared = self.make(samples, {"existing": existing}, lambda made: dict(made.roles))
        assert declared.outputs["looked"] == existing
        assert list(declared.clouds()) == []

    def test_permissions_come_from_grants_only(self, samples: Samples, args: Mapping[str, Any]) -> None:
        """One more grant makes one more resource, which whoever needs it can depend on."""

        def granted(made: Any) -> int:
            return len(made.allow("more", {"jobs": [samples.statement]})["jobs"])

        before = len(self.make(samples, args).resources)
        after = self.make(samples, args, granted)
        assert (after.outputs["looked"], len(after.resources)) == (1, before + 1)


class ImagesSuite(StageSuite):
    stage = "images"

    @pytest.fixture
    def args(self) -> Mapping[str, Any]:
        return {"python_version": "3.11"}

    def test_provides_an_image_with_a_digest(self, samples: Samples, args: Mapping[str, Any]) -> None:
        looked = self.make(samples, args, lambda made: [made.repository_url, made.image_uri]).outputs["looked"]
        assert looked[1].startswith(f"{looked[0]}@sha256:")

    def test_whoever_runs_containers_may_pull(self, samples: Samples, args: Mapping[str, Any]) -> None:
        looked = self.make(samples, args, lambda made: roles_of(made.grants)).outputs["looked"]
        assert set(looked) == {*JOBS, "serving"}

    def test_a_repository_that_exists_is_taken(self, samples: Samples, args: Mapping[str, Any]) -> None:
        declared = self.make(samples, {**args, "repository_url": samples.repository})
        assert list(declared.clouds()) == []
        assert declared.one("stile:images:Image").inputs["repositoryUrl"] == samples.repository


class RegistrySuite(StageSuite):
    stage = "registry"

    @pytest.fixture
    def args(self) -> Mapping[str, Any]:
        return {"model": MODEL}

    def test_names_a_group_and_its_versions(self, samples: Samples, args: Mapping[str, Any]) -> None:
        looked = self.make(samples, args, lambda made: [made.group, made.version("3"), made.version("4")])
        group, third, fourth = looked.outputs["looked"]
        assert MODEL in group
        assert group in third
        assert third != fourth

    def test_evaluate_may_look_and_register_may_register(self, samples: Samples, args: Mapping[str, Any]) -> None:
        looked = self.make(samples, args, lambda made: roles_of(made.grants)).outputs["looked"]
        assert set(looked) == {"evaluate", "register"}

    def test_versions_outlive_the_stack(self, samples: Samples, args: Mapping[str, Any]) -> None:
        assert all(each.protected for each in self.make(samples, args).clouds())


class TrackingSuite(StageSuite):
    stage = "tracking"

    @pytest.fixture(params=["managed", "server", "external"])
    def args(self, request: pytest.FixtureRequest, samples: Samples) -> Mapping[str, Any]:
        given = {"mode": request.param, "artifacts_uri": f"{samples.uri}/mlflow", "role": samples.role}
        return given | {"url": "https://mlflow.example.com"}

    def test_provides_a_tracking_uri(self, samples: Samples, args: Mapping[str, Any]) -> None:
        declared = self.make(samples, args, lambda made: made.uri)
        assert declared.outputs["looked"]
        assert (declared.outputs["looked"] == args["url"]) == (args["mode"] == "external")

    def test_jobs_may_log_where_the_cloud_decides_it(self, samples: Samples, args: Mapping[str, Any]) -> None:
        looked = self.make(samples, args, lambda made: roles_of(made.grants)).outputs["looked"]
        logging = {"train", "evaluate", "govern", "jobs"}
        assert set(looked) == (set() if args["mode"] == "external" else logging)


class TrainingSuite(StageSuite):
    stage = "training"

    @pytest.fixture
    def args(self, samples: Samples) -> Mapping[str, Any]:
        machines = {"machine": samples.machine, "processing_machine": samples.machine}
        known = {"image_uri": "host/jobs@sha256:1", "role": samples.role, "key": samples.key, "max_seconds": 60}
        return {**machines, **known, "environment": {"COLOUR": pulumi.Output.from_input("blue")}}

    def test_template_holds_what_was_given(self, samples: Samples, args: Mapping[str, Any]) -> None:
        def look(made: Any) -> Any:
            return made.template.apply(lambda known: [known.machine, known.max_seconds, known.environment["COLOUR"]])

        assert self.make(samples, args, look).outputs["looked"] == [samples.machine, 60, "blue"]


class PipelineSuite(StageSuite):
    stage = "pipeline"

    @pytest.fixture
    def args(self, samples: Samples) -> Mapping[str, Any]:
        known = {"model": MODEL, "use_case": "churn", "candidates": ["one", "other"], "template": TEMPLATE}
        return {**known, "data_uri": samples.uri, "role": samples.role, "group": "group"}

    def test_definition_holds_every_step_image_and_variable(self, samples: Samples, args: Mapping[str, Any]) -> None:
        definition = self.make(samples, args, lambda made: made.definition).outputs["looked"]
        steps = ("ingest", "validate", "train-one", "train-other", "evaluate", "govern", "register")
        for text in (*steps, TEMPLATE.image_uri, "COLOUR", "STILE_EXECUTION_ID", f"{samples.uri}/runs"):
            assert text in definition

    def test_same_arguments_give_the_same_definition(self, samples: Samples, args: Mapping[str, Any]) -> None:
        definitions = {self.make(samples, args, lambda made: made.definition).outputs["looked"] for _ in range(2)}
        assert len(definitions) == 1

    def test_name_carries_the_models(self, samples: Samples, args: Mapping[str, Any]) -> None:
        assert MODEL in self.make(samples, args, lambda made: made.name).outputs["looked"]


class EndpointSuite(StageSuite):
    stage = "endpoint"

    @pytest.fixture
    def args(self, samples: Samples) -> Mapping[str, Any]:
        return self.given(samples, Release(version="3", sha256="ab" * 32))

    def given(self, samples: Samples, release: Release | None) -> dict[str, Any]:
        serving = Serving(MODEL, "churn", samples.machine, Endpoint(), Rollout(), release)
        known = {"serving": serving, "role": samples.role, "key": samples.key, "data_uri": samples.uri}
        return {**known, "version": samples.version, "alarms": ["alarm"]}

    def test_without_a_release_nothing_is_made(self, samples: Samples) -> None:
        declared = self.make(samples, self.given(samples, None), lambda made: made.name)
        assert declared.outputs["looked"] is None
        assert len(declared.resources) == 1

    def test_name_is_known_once_the_release_is_live(self, samples: Samples, args: Mapping[str, Any]) -> None:
        declared = self.make(samples, args, lambda made: made.name)
        assert isinstance(declared.outputs["looked"], str)
        assert declared.outputs["looked"]

    def test_what_is_made_carries_the_models_name(self, samples: Samples, args: Mapping[str, Any]) -> None:
        made = list(self.make(samples, args).clouds())
        assert made
        assert all(MODEL in each.name for each in made)

    def test_container_is_told_version_and_digest(self, samples: Samples, args: Mapping[str, Any]) -> None:
        """In variables, or in an object of them."""
        inputs = str([each.inputs for each in self.make(samples, args).resources]).replace('"', "'")
        assert "'STILE_MODEL_VERSION': '3'" in inputs
        assert f"'STILE_MODEL_SHA256': '{'ab' * 32}'" in inputs
        assert samples.version in inputs


class MonitoringSuite(StageSuite):
    stage = "monitoring"

    @pytest.fixture
    def args(self, samples: Samples) -> Mapping[str, Any]:
        monitoring = Monitoring(emails=("a@example.com",))
        return {"monitoring": monitoring, "models": [MODEL], "region": samples.place.region}

    def test_every_kind_of_alarm_is_there_for_every_model(self, samples: Samples, args: Mapping[str, Any]) -> None:
        looked = self.make(samples, args, lambda made: dict(made.models[MODEL].alarms)).outputs["looked"]
        assert set(looked) == {"server-errors", "client-errors", "latency"}
        assert len(set(looked.values())) == 3

    def test_dashboard_and_logs_are_named(self, samples: Samples, args: Mapping[str, Any]) -> None:
        looked = self.make(samples, args, lambda made: [made.models[MODEL].dashboard, made.models[MODEL].logs])
        dashboard, logs = looked.outputs["looked"]
        assert MODEL in dashboard
        assert logs

    def test_everyone_who_is_named_is_told(self, samples: Samples, args: Mapping[str, Any]) -> None:
        inputs = str([each.inputs for each in self.make(samples, args).resources])
        assert inputs.count("a@example.com") == 1

    def test_a_topic_that_exists_is_told(self, samples: Samples, args: Mapping[str, Any]) -> None:
        declared = self.make(samples, {**args, "topic": samples.topic}, lambda made: made.topic)
        assert declared.outputs["looked"] == samples.topic
        assert samples.topic in str([each.inputs for each in declared.resources])


class BudgetSuite(StageSuite):
    stage = "budget"

    @pytest.fixture
    def args(self, samples: Samples) -> Mapping[str, Any]:
        return {"monthly_usd": 123.5, "alert_at": [0.5, 1.0], "topic": samples.topic}

    def test_limit_and_topic_reach_the_cloud(self, samples: Samples, args: Mapping[str, Any]) -> None:
        declared = self.make(samples, args, lambda made: made.name)
        inputs = str([each.inputs for each in declared.clouds()])
        assert declared.outputs["looked"]
        assert samples.money in inputs
        assert samples.topic in inputs
