"""What the inputs of `stile:endpoint:EndpointDeployment` may be: every problem by its property path, with the fix."""

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

from infra.providers.kit.resource import Failure
from infra.providers.kit.values import UNKNOWN, Properties, Value, has_unknown
from infra.providers.stile.deployment_forms import ENDPOINT, POLICY, VERSION
from infra.providers.stile.deployment_split import WHOLE

# Returns what is allowed where a value is not; None where it is.
Rule = Callable[[Value], str | None]
# Source: aiplatform v1, DeployedModel.id ("1-10 characters ... /[0-9]/"); "0" stands for the model being deployed.
_ID: Final = re.compile(r"(?!0$)[0-9]{1,10}")
_SHA256: Final = re.compile(r"[0-9a-f]{64}")
_LONGEST_BAKE_SECONDS: Final = 3600


def _text(pattern: re.Pattern[str], allowed: str) -> Rule:
    return lambda value: None if isinstance(value, str) and pattern.fullmatch(value) else allowed


def _whole(least: int, most: int | None, allowed: str) -> Rule:
    def rule(value: Value) -> str | None:
        fine = isinstance(value, int) and not isinstance(value, bool) and value >= least
        return None if fine and (most is None or value <= most) else allowed

    return rule


def _words(value: Value) -> str | None:
    fine = isinstance(value, dict) and all(isinstance(one, str) or one is UNKNOWN for one in value.values())
    return None if fine else "an object of texts"


_ANY: Final = _text(re.compile(r"(?s).+"), "a text")
_REPLICAS: Final = _whole(1, None, "a whole number, 1 or more")
_VERSION: Final = _text(
    VERSION,
    "projects/<project>/locations/<location>/models/<id>@<number>; name the version by its number, since an alias may "
    "come to mean another",
)
_SHARE: Final = _whole(0, WHOLE, "a whole number of percent, 0 to 100")
_INPUTS: Final = frozenset({"endpoint", "deployedModels", "trafficSplit", "rollout"})
_REQUIRED: Final = ("endpoint", "deployedModels", "trafficSplit")
_MODEL: Final[Mapping[str, Rule]] = {
    "id": _text(_ID, "a text of 1 to 10 digits and not 0; deployed_id makes one of what is deployed"),
    "model": _VERSION,
    "sha256": _text(_SHA256, "the 64 hexadecimal digits of the version's STILE_MODEL_SHA256"),
    "machineType": _ANY,
    "minReplicas": _REPLICAS,
    "maxReplicas": _REPLICAS,
    "serviceAccount": _text(re.compile(r"[^@\s]+@[^@\s]+"), "a service account's e-mail address"),
    "environment": _words,
    "displayName": _ANY,
}
_MODEL_REQUIRED: Final = ("id", "model", "sha256", "machineType", "minReplicas")
_ROLLOUT: Final[Mapping[str, Rule]] = {
    "canaryPercent": _whole(1, WHOLE - 1, "a whole number of percent, 1 to 99; leave it out to shift all at once"),
    "bakeSeconds": _whole(0, _LONGEST_BAKE_SECONDS, "a whole number of seconds, 0 to 3600"),
    "alarms": lambda value: None if isinstance(value, list) else "a list of alert policies",
}
_ALARM: Final = _text(POLICY, "an alert policy's name, projects/<project>/alertPolicies/<id>")


def settled(news: Properties) -> Properties:
    """Return inputs that are right as they are kept: nothing that is null, no shares of zero, replicas complete."""
    inputs: Properties = _tidy(news)
    if isinstance(inputs["deployedModels"], list):
        inputs["deployedModels"] = [_complete(one) for one in inputs["deployedModels"]]
    split = inputs["trafficSplit"]
    if isinstance(split, dict):
        inputs["trafficSplit"] = {id_: share for id_, share in split.items() if share is UNKNOWN or share}
    return inputs


def _tidy(value: Value) -> Value:
    if isinstance(value, dict):
        return {key: _tidy(one) for key, one in value.items() if one is not None}
    return [_tidy(one) for one in value] if isinstance(value, list) else value


def _complete(model: Value) -> Value:
    if not isinstance(model, dict):
        return model
    complete = {"maxReplicas": model["minReplicas"], **model}
    return {key: value for key, value in complete.items() if (key, value) != ("environment", {})}


def failures(news: Properties) -> Iterator[Failure]:
    """Yield everything that is wrong with the inputs; what is unknown is taken for right."""
    yield from (Failure(key, "is missing") for key in _REQUIRED if news.get(key) is None)
    for key in sorted(news.keys() - _INPUTS):
        if news[key] is not None:
            yield Failure(key, f"is no input of a deployment: take one of {', '.join(sorted(_INPUTS))}")
    allowed = "projects/<project>/locations/<location>/endpoints/<id>"
    yield from _judged("endpoint", news.get("endpoint"), _text(ENDPOINT, allowed))
    yield from _models(news)
    yield from _split(news)
    yield from _rollout(news.get("rollout"))


def _judged(path: str, value: Value, rule: Rule) -> Iterator[Failure]:
    if value is None or value is UNKNOWN:
        return
    if allowed := rule(value):
        yield Failure(path, f"{value!r} is not allowed: it must be {allowed}")


def _fields(path: str, value: Value, rules: Mapping[str, Rule], required: tuple[str, ...] = ()) -> Iterator[Failure]:
    if not isinstance(value, dict):
        yield Failure(path, f"{value!r} is not allowed: it must be an object of {', '.join(rules)}")
        return
    yield from (Failure(f"{path}.{key}", "is missing") for key in required if value.get(key) is None)
    for key, one in value.items():
        if key not in rules:
            yield Failure(f"{path}.{key}", f"is not known here: take one of {', '.join(rules)}")
        else:
            yield from _judged(f"{path}.{key}", one, rules[key])


def _models(news: Properties) -> Iterator[Failure]:
    models = news.get("deployedModels")
    if models is None or models is UNKNOWN:
        return
    if not isinstance(models, list) or not models:
        yield Failure("deployedModels", "must be a list of at least one model: an endpoint serves something, or is not")
        return
    seen: set[str] = set()
    for index, model in enumerate(models):
        path = f"deployedModels[{index}]"
        if model is UNKNOWN:
            continue
        yield from _fields(path, model, _MODEL, _MODEL_REQUIRED)
        if isinstance(model, dict):
            yield from _together(path, model, news.get("endpoint"), seen)


def _together(path: str, model: Mapping[str, Any], endpoint: Value, seen: set[str]) -> Iterator[Failure]:
    """Yield what is wrong with a model beside the others, and with properties that are each right alone."""
    id_, least, most = model.get("id"), model.get("minReplicas"), model.get("maxReplicas")
    if isinstance(id_, str):
        if id_ in seen:
            yield Failure(f"{path}.id", f"{id_} is another model's id already: each needs its own")
        seen.add(id_)
    if isinstance(least, int) and isinstance(most, int) and most < least:
        yield Failure(f"{path}.maxReplicas", f"{most} is less than minReplicas, {least}: raise it, or leave it out")
    version = VERSION.fullmatch(str(model.get("model")))
    place = ENDPOINT.fullmatch(str(endpoint))
    if version and place and version["location"] != place["location"]:
        yield Failure(
            f"{path}.model",
            f"{model['model']} is in {version['location']} and the endpoint in {place['location']}: "
            f"register the model in {place['location']}",
        )


def _split(news: Properties) -> Iterator[Failure]:
    split = news.get("trafficSplit")
    if split is None or split is UNKNOWN:
        return
    if not isinstance(split, dict):
        yield Failure("trafficSplit", f"{split!r} is not allowed: it must be an object of whole percents by id")
        return
    wrong = [one for id_, share in split.items() for one in _judged(f"trafficSplit.{id_}", share, _SHARE)]
    yield from wrong
    if not wrong and not has_unknown(split) and sum(split.values()) != WHOLE:
        text = f"adds up to {sum(split.values())}, not to 100: change a share by {WHOLE - sum(split.values()):+d}"
        yield Failure("trafficSplit", text)
    models = news.get("deployedModels")
    ids = [one.get("id") if isinstance(one, dict) else one for one in models] if isinstance(models, list) else [UNKNOWN]
    if UNKNOWN not in ids:
        for id_ in sorted(split.keys() - set(ids)):
            known = ", ".join(map(str, ids))
            yield Failure(
                f"trafficSplit.{id_}", f"is no model of deployedModels: describe it there, or take one of {known}"
            )


def _rollout(rollout: Value) -> Iterator[Failure]:
    if rollout is None or rollout is UNKNOWN:
        return
    yield from _fields("rollout", rollout, _ROLLOUT)
    alarms = rollout.get("alarms") if isinstance(rollout, dict) else None
    for index, alarm in enumerate(alarms if isinstance(alarms, list) else ()):
        yield from _judged(f"rollout.alarms[{index}]", alarm, _ALARM)
