"""From live values to what is recorded: outputs in the program's own spelling, and the inputs that would make them."""

from collections.abc import Mapping

from infra.providers.kit.schema import Property, empty, item_of, same
from infra.providers.kit.values import Properties, Value

DEFAULTS_KEY = "__defaults"  # as the real bridge names the inputs that it filled in itself


def keep_spelling(known: Property, prior: Value, live: Value) -> Value:
    """Return the live value, in the prior value's words and order wherever both mean the same."""
    if isinstance(live, dict) and isinstance(prior, dict) and known.children:
        kept = {name: keep_spelling(known.children[name], prior.get(name), value) for name, value in live.items()}
        return {**_unread(known.children, prior), **kept}
    if isinstance(live, list) and isinstance(prior, list):
        return _keep_list(known, prior, live)
    if prior is not None and not known.children and same(known, live, prior):
        return prior
    return live


def _unread(children: Mapping[str, Property], prior: Properties) -> Properties:
    return {name: prior[name] for name, child in children.items() if name in prior and not child.readable}


def _keep_list(known: Property, prior: list[Value], live: list[Value]) -> list[Value]:
    item = item_of(known)
    if not known.unordered:
        paired = [*prior, *[None] * len(live)][: len(live)]
        return [keep_spelling(item, before, now) for before, now in zip(paired, live, strict=True)]
    left = list(live)
    kept = []
    for before in prior:
        found = next((index for index, now in enumerate(left) if same(item, now, before)), None)
        if found is not None:
            kept.append(keep_spelling(item, before, left.pop(found)))
    return [*kept, *left]


def live_inputs(properties: Mapping[str, Property], outputs: Properties, inputs: Properties) -> Properties:
    """Return the inputs that would make what is live, given those recorded; for an import these are empty.

    What the program gave takes its live value; what it left out is added only if it differs from what leaving it out
    means. For an import everything is given that differs from its default.
    """
    importing = not inputs
    found = _inputs(properties, outputs, inputs, importing=importing)
    found[DEFAULTS_KEY] = inputs.get(DEFAULTS_KEY, [])
    return found


def _inputs(properties: Mapping[str, Property], live: Properties, given: Properties, *, importing: bool) -> Properties:
    found = {}
    for name, known in properties.items():
        if name in given and not known.readable:
            found[name] = given[name]
        elif name in given or importing:
            value = _given(known, live.get(name), given.get(name), importing=importing)
            if value is not None:
                found[name] = value
        elif known.readable and not same(known, live.get(name), None):
            found[name] = _given(known, live[name], None, importing=True)
    return found


def _given(known: Property, live: Value, given: Value, *, importing: bool) -> Value:
    """Return the input for one live value, or None where there is nothing to say."""
    if empty(live) or (importing and not known.required and live == known.default):
        return given if given is not None and empty(given) else None
    if isinstance(live, dict) and known.children:
        old = given if isinstance(given, dict) else {}
        return _inputs(known.children, live, old, importing=importing)
    if isinstance(live, list):
        item = item_of(known)
        olds = given if isinstance(given, list) else []
        pairs = zip(live, [*olds, *[None] * len(live)], strict=False)
        return [
            _given(item, now, before, importing=importing or before is None) if known.children else now
            for now, before in pairs
        ]
    return live
