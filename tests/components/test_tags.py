"""Every resource that can carries the settled tags, so that what was spent can be split by stack, stage and model.

Which resources can is read off the classes of the installed SDKs, never off a list: a type that a component begins to
use is judged at once.
"""

import importlib
import inspect
import json
import re
import sys
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import botocore.session
import googleapiclient.discovery_cache
import pytest

from components.errors import ConfigError
from components.features import LACKS, Feature
from infra.program import define
from tests.components.asking import asking, changes
from tests.components.configs import CLOUDS, RELEASE, environment, full
from tests.components.conftest import Deploy
from tests.components.mocked import Declared, Made, declare

MODEL, OTHER = "flight-delays", "flight"
# What a vendor's types call the tags of whoever owns a resource, the first that a type has. Google's `tags` are other
# things, such as a network's. Its `labels` are so too where there are `userLabels` beside them.
NAMES = {"aws": ("tags",), "gcp": ("user_labels", "labels")}
STAGES = {
    "Budget": "budget",
    "Endpoint": "endpoint",
    "Identity": "identity",
    "Images": "images",
    "Monitoring": "monitoring",
    "Pipeline": "pipeline",
    "Registry": "registry",
    "Storage": "storage",
    "Tracking": "tracking",
    "Training": "training",
}
# Stages that each model has for itself.
OF_MODELS = ("endpoint", "pipeline", "registry")
LABEL_KEY = re.compile(r"[a-z][a-z0-9_-]{0,62}")
LABEL = re.compile(r"[a-z0-9_-]{0,63}")
MOST_LABELS = 64


@cache
def taken(type_: str) -> tuple[str, ...]:
    """The path of the property in which a type takes tags, by the installed SDK; empty if it takes none."""
    known = parameters(args(type_))
    for name in NAMES[type_.partition(":")[0]]:
        if name in known:
            return (camel(name),)
    inner = importlib.import_module(f"{args(type_).__module__.rpartition('.')[0]}._inputs")
    for name, annotation in known.items():
        for found in set(re.findall(r"\b(\w+Args)\b", annotation)):
            # Only what is the user's by its very name: `labels` of an inner object are its own, or a filter's.
            if "user_labels" in parameters(getattr(inner, found)):
                return camel(name), camel("user_labels")
    return ()


def args(type_: str) -> type:
    """What the installed SDK has for the properties of a type."""
    cloud, module, name = type_.split(":")
    class_ = getattr(importlib.import_module(f"pulumi_{cloud}.{module.partition('/')[0]}"), name)
    assert class_.pulumi_type == type_
    found: type = getattr(sys.modules[class_.__module__], f"{name}Args")
    return found


def parameters(args: type) -> Mapping[str, str]:
    """The properties, each with what may be given for it."""
    known = inspect.signature(args.__init__).parameters  # type: ignore[misc]
    return {name: str(parameter.annotation) for name, parameter in known.items()}


def camel(name: str) -> str:
    first, *others = name.split("_")
    return first + "".join(each.title() for each in others)


def tags(made: Made) -> Mapping[str, str]:
    """The tags that a resource is given; nothing where it is given none."""
    found: Any = made.inputs
    for key in taken(made.type):
        found = found.get(key) or {}
    return found  # type: ignore[no-any-return]


def stage(made: Made) -> str:
    """The stage of the component that makes a resource, from its URN."""
    innermost = re.findall(r"stile:index:(\w+)", made.urn)[-1]
    return STAGES[innermost]


def of_model(made: Made, models: tuple[str, ...]) -> str | None:
    """The model that a resource is one of, by its name."""
    rest = re.sub(r"^stile-test-(aws|gcp)-", "", made.name)
    return max((one for one in models if rest == one or rest.startswith(f"{one}-")), key=len, default=None)


def two_models(cloud: str) -> dict[str, Any]:
    """Everything, released, with a second model whose name begins the first one's."""
    config = full(cloud, release=RELEASE)
    config["stile:platform"]["models"][OTHER] = {"use_case": "flight_delays", "release": RELEASE}
    return config


def configurations(cloud: str) -> Iterator[dict[str, Any]]:
    """The full configuration, and one for each feature beyond it that the cloud has: some use types of their own."""
    yield two_models(cloud)
    yield from (asking(one, cloud) for one in Feature if one not in LACKS[cloud] and changes(one, cloud))


@pytest.fixture(scope="session")
def declared() -> Mapping[str, list[Declared]]:
    return {cloud: [_declared(cloud, config) for config in configurations(cloud)] for cloud in CLOUDS}


def _declared(cloud: str, config: Mapping[str, Any]) -> Declared:
    return declare(lambda: define(environment(cloud), config), environment(cloud))


def test_every_resource_that_can_carries_the_settled_tags(cloud: str, declared: Mapping[str, list[Declared]]) -> None:
    """Their values are this stack's, this environment's, this stage's and this model's, and all are legal labels."""
    wrong: list[str] = []
    for made in (one for each in declared[cloud] for one in each.clouds() if taken(one.type)):
        model = of_model(made, (MODEL, OTHER))
        wanted = {
            "stile-stack": f"stile-test-{cloud}",
            "stile-environment": f"test-{cloud}",
            "stile-stage": stage(made),
            "stile-owner": "ml-platform",
        } | ({"stile-model": model} if model else {})
        if tags(made) != wanted:
            wrong.append(f"{made.urn}: {tags(made)}, not {wanted}")
    assert wrong == []


def test_a_models_stages_carry_its_tag(cloud: str, declared: Mapping[str, list[Declared]]) -> None:
    """Each model has resources with its own tag and no other's; what all models share has none."""
    whole = declared[cloud][0]
    carried = {(stage(made), tags(made).get("stile-model")) for made in whole.clouds() if taken(made.type)}
    for name in (MODEL, OTHER):
        assert {("endpoint", name), ("monitoring", name)} <= carried
    assert {model for where, model in carried if where in OF_MODELS} <= {MODEL, OTHER}
    assert {model for where, model in carried if where in ("storage", "images", "tracking", "budget")} <= {None}


def test_what_takes_no_tags_has_nothing_of_the_kind(cloud: str, declared: Mapping[str, list[Declared]]) -> None:
    """Protects the search in the SDK: a property that it fails to know as tags would let a type go untagged."""
    types = {made.type for each in declared[cloud] for made in each.clouds()}
    untagged = {type_ for type_ in types if not taken(type_)}
    assert untagged
    assert len(types - untagged) >= 9
    names = {f"{type_} {name}" for type_ in untagged for name in parameters(args(type_))}
    assert [one for one in names if re.search(r"[ _](tags?|labels?)(_|$)", one)] == []


def test_tags_stand_where_the_vendor_reads_them() -> None:
    """Protects the search in the SDK by the three shapes that there are."""
    assert taken("aws:s3/bucket:Bucket") == ("tags",)
    assert taken("gcp:storage/bucket:Bucket") == ("labels",)
    assert taken("gcp:monitoring/notificationChannel:NotificationChannel") == ("userLabels",)
    assert taken("gcp:sql/databaseInstance:DatabaseInstance") == ("settings", "userLabels")
    assert taken("gcp:billing/budget:Budget") == ()


def test_all_tags_are_legal_labels(cloud: str, declared: Mapping[str, list[Declared]]) -> None:
    """Of Google Cloud, the stricter: https://cloud.google.com/resource-manager/docs/labels-overview#requirements."""
    seen = 0
    for made in (one for each in declared[cloud] for one in each.clouds() if taken(one.type)):
        assert len(tags(made)) <= MOST_LABELS
        for key, value in tags(made).items():
            seen += 1
            assert LABEL_KEY.fullmatch(key), made.urn
            assert LABEL.fullmatch(value), made.urn
    assert seen > 100


@pytest.mark.parametrize("owner", ["ML Platform", "ml@example.com", "é", "x" * 64])
def test_an_owner_that_is_no_label_is_refused(deploy: Deploy, cloud: str, owner: str) -> None:
    """The one tag that people write themselves; the others are names, which are legal labels everywhere."""
    config = full(cloud)
    config["stile:platform"]["owner"] = owner
    with pytest.raises(ConfigError) as refused:
        deploy(config)
    assert refused.value.problems[0].path == "stile:platform.owner"


def test_our_own_resources_make_nothing_that_takes_tags(declared: Mapping[str, list[Declared]]) -> None:
    """An image is its repository's, a deployed model its endpoint's, and those are tagged; by the vendors' models."""
    own = {made.type for each in declared.values() for one in each for made in one.resources} - {
        made.type for each in declared.values() for one in each for made in one.clouds()
    }
    kinds = {type_ for type_ in own if not type_.startswith("stile:index:")}
    assert kinds == {
        "stile:endpoint:EndpointDeployment",
        "stile:endpoint:Live",
        "stile:images:Image",
        "stile:tracking:Password",
    }
    pushed = botocore.session.get_session().get_service_model("ecr").operation_model("PutImage").input_shape
    assert pushed is not None
    assert "tags" not in pushed.members
    folder = Path(googleapiclient.discovery_cache.__file__).parent / "documents"
    schemas = json.loads((folder / "aiplatform.v1.json").read_text())["schemas"]
    assert "labels" not in schemas["GoogleCloudAiplatformV1DeployedModel"]["properties"]
    assert "labels" in schemas["GoogleCloudAiplatformV1Endpoint"]["properties"]
