"""One member of an IAM policy: the policy is read, changed and written back, again if somebody else was faster."""

from collections.abc import Callable, Mapping
from typing import Any

from infra.providers.gcp.calls import Calls
from infra.providers.gcp.table_resource import GcpResource
from infra.providers.gcp.tables import Type
from infra.providers.kit.reading import fill, parse_id
from infra.providers.kit.resource import CallFailed, DeleteCall, PluginError
from infra.providers.kit.values import Properties

VERSION = 3  # of policies with conditions
STALE = ("409", "412")
CONDITION = ("title", "description", "expression")

Policy = dict[str, Any]


class MemberResource(GcpResource):
    """Serves every member of policies of one kind; whoever else has a role there keeps it."""

    def _make(self, calls: Calls, inputs: Properties) -> tuple[dict[str, Any], set[str]]:
        """Add the member to the policy; all its properties are in there."""
        known = named(self._type, {**inputs, **self._place(calls, inputs)})
        self._rewrite(calls, known, _add)
        return known, set(self._type.fields)

    def _known(self, calls: Calls, identity: str, outputs: Properties) -> dict[str, Any]:
        """Return what is known; an id to import is `<resource> <role> <member> [<title of the condition>]`."""
        if outputs.get("role"):
            return named(self._type, {**outputs, **self._place(calls, outputs)})
        words = identity.split(" ", 3)
        if len(words) < 3:
            raise PluginError(f"the id {identity} has not the form `<resource> <role> <member> [<condition's title>]`")
        given = {self._type.subject: words[0], "role": words[1], "member": words[2]}
        wanted = {**given, "condition": {"title": words[3]}} if len(words) > 3 else given
        policy = calls.read(named(self._type, {**self._place(calls, {}), **wanted})) or {}
        found = next((each for each in policy.get("bindings", ()) if _holds(each, wanted, by_title=True)), wanted)
        return named(self._type, {**self._place(calls, {}), **wanted, **_conditions(found)})

    def _live(self, calls: Calls, known: dict[str, Any], prior: Properties) -> Properties | None:
        """Return the outputs as they are live; None if the policy does not name the member."""
        policy = calls.read(known)
        if policy is None or not has(policy, known):
            return None
        live = {name: known[name] for name in self._type.fields if known.get(name) is not None}
        # As it was first read: each change of the policy for somebody else would show as one of this member.
        return {**live, "etag": prior.get("etag") or policy.get("etag", "")}

    def delete(self, call: DeleteCall) -> None:
        """Take the member off the policy; that it, or what the policy is of, is gone already is no error."""
        calls = self._calls(call.outputs, call.timeout_seconds)
        try:
            self._rewrite(calls, self._known(calls, call.id, call.outputs), _remove)
        except CallFailed as error:
            if not error.means(self._type.missing):
                raise

    def _rewrite(self, calls: Calls, known: Properties, change: Callable[[Policy, Properties], bool]) -> None:
        """Change the policy, again and again while others change it between reading and writing."""
        (read,), write = self._type.reads, self._type.create

        def written() -> bool:
            policy: Policy = calls(read.operation, **fill(read.args, known))
            if not change(policy, known):
                return True
            policy["version"] = VERSION
            args = {**fill(write.args, known), write.body or "body": policy}
            try:
                calls(write.operation, **args)
            except CallFailed as error:
                if not error.means(STALE):
                    raise
                return False
            return True

        calls.poll(written, f"the policy of {known['resource']}", self._type.minutes * 60)


def named(table: Type, properties: Mapping[str, Any]) -> dict[str, Any]:
    """Return the properties of a member with what is known of the policy's subject, and the id."""
    subject, given = table.subject, str(properties[table.subject])
    told = parse_id(table.full, given) if "/" in given else {}
    full = str(fill(table.full, {**properties, **told}))
    condition = properties.get("condition")
    suffix = "/" + "/".join(condition.get(part) or "" for part in CONDITION) if condition else ""
    known = {**properties, **told, subject: full, "resource": full, "short": told.get(subject, given)}
    return {**known, "suffix": suffix, "id": fill(table.id, {**known, "suffix": suffix})}


def has(policy: Mapping[str, Any], known: Properties) -> bool:
    """Say whether a policy names a member."""
    return any(_holds(each, known) for each in policy.get("bindings", ()))


def _conditions(properties: Mapping[str, Any]) -> Properties:
    condition = properties.get("condition")
    return {"condition": {part: condition[part] for part in CONDITION if condition.get(part)}} if condition else {}


def _holds(binding: Mapping[str, Any], known: Properties, *, by_title: bool = False) -> bool:
    return _fits(binding, known, by_title=by_title) and known["member"] in binding.get("members", ())


def _fits(binding: Mapping[str, Any], known: Properties, *, by_title: bool = False) -> bool:
    theirs, ours = binding.get("condition") or {}, known.get("condition") or {}
    parts = ("title",) if by_title else CONDITION
    same = all((theirs.get(part) or "") == (ours.get(part) or "") for part in parts)
    return binding.get("role") == known["role"] and same


def _add(policy: Policy, known: Properties) -> bool:
    """Add the member; say whether that changed anything."""
    bindings = policy.setdefault("bindings", [])
    found = next((each for each in bindings if _fits(each, known)), None)
    if found is None:
        bindings.append({"role": known["role"], "members": [known["member"]], **_conditions(known)})
    elif known["member"] in found.setdefault("members", []):
        return False
    else:
        found["members"].append(known["member"])
    return True


def _remove(policy: Policy, known: Properties) -> bool:
    """Take the member off; say whether that changed anything."""
    held = [each for each in policy.get("bindings", ()) if _holds(each, known)]
    for each in held:
        each["members"] = [member for member in each["members"] if member != known["member"]]
    policy["bindings"] = [each for each in policy.get("bindings", ()) if each.get("members")]
    return bool(held)
