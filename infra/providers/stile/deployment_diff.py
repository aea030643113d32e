"""What would change at an endpoint: the recorded properties against the inputs, model by model."""

from collections.abc import Mapping
from typing import Any

from infra.providers.kit.resource import Change, PluginError
from infra.providers.kit.values import UNKNOWN, Properties, Value, has_unknown
from infra.providers.stile.deployment_forms import asked_of
from infra.providers.stile.deployment_rollout import conflicts


def changes(olds: Properties, news: Properties) -> Mapping[str, Change]:
    """Return the changes by property path; the order of models means nothing.

    Raises:
        PluginError: what is deployed under an id would have to become something else.
    """
    found: dict[str, Change] = {}
    replaced = olds.get("endpoint") != news["endpoint"]
    if replaced:
        found["endpoint"] = Change.UPDATE_REPLACE
    elif not has_unknown(news["deployedModels"]):
        _refuse_conflicts(olds, news)
    found |= _of_models(olds.get("deployedModels", []), news["deployedModels"])
    for name in ("trafficSplit", "rollout"):
        if change := _of_value(olds.get(name), news.get(name)):
            found[name] = change
    if olds.get("reached", "done") != "done":
        found["reached"] = Change.UPDATE
    return found


def _refuse_conflicts(olds: Properties, news: Properties) -> None:
    live = asked_of({**olds, "trafficSplit": {}, "rollout": {}}).models
    if wrong := conflicts(asked_of({**news, "trafficSplit": {}, "rollout": {}}).models, live):
        raise PluginError("; ".join(wrong))


def _of_value(old: Value, new: Value) -> Change | None:
    if old == new:
        return None
    if old is None:
        return Change.ADD
    return Change.DELETE if new is None else Change.UPDATE


def _of_models(olds: list[Any], news: Value) -> dict[str, Change]:
    if has_unknown(news) and (news is UNKNOWN or any(_id(one) is UNKNOWN for one in news)):
        return {"deployedModels": Change.UPDATE}
    before = {one["id"]: one for one in olds}
    after = {one["id"]: one for one in news}
    found: dict[str, Change] = {}
    for index, one in enumerate(news):
        path = f"deployedModels[{index}]"
        if one["id"] not in before:
            found[path] = Change.ADD
            continue
        old = before[one["id"]]
        for key in sorted(old.keys() | one.keys()):
            change = None if key == "displayName" and key not in one else _of_value(old.get(key), one.get(key))
            if change:
                found[f"{path}.{key}"] = change
    for index, one in enumerate(olds):
        if one["id"] not in after:
            path = f"deployedModels[{index}]"
            found[path] = Change.UPDATE if path in found else Change.DELETE
    return found


def _id(model: Any) -> Any:
    return model.get("id") if isinstance(model, Mapping) else model
