"""Cloud Monitoring: notification channels, alert policies, dashboards."""

import secrets

from infra.localcloud.gcp import moments
from infra.localcloud.gcp.call import Call
from infra.localcloud.gcp.errors import Json, invalid, precondition
from infra.localcloud.gcp.filters import matches
from infra.localcloud.gcp.service import Service
from infra.localcloud.gcp.store import Record

SERVICE = Service("monitoring.v3", section="monitoring")
DASHBOARDS = Service("monitoring.v1", section="dashboards")
SERVICES = (SERVICE, DASHBOARDS)
CHANNELS = "monitoring.projects.notificationChannels"
POLICIES = "monitoring.projects.alertPolicies"
# Those that Google takes, with the sign that makes each a "greater than".
COMPARISONS = {"COMPARISON_GT": 1.0, "COMPARISON_LT": -1.0}


def _fill_channel(call: Call, record: Record) -> None:
    record.body.setdefault("enabled", True)
    record.body["creationRecord"] = _mutation()


def _change_channel(call: Call, before: Record, after: Record) -> None:
    after.body.setdefault("enabled", True)
    after.body["creationRecord"] = before.body["creationRecord"]
    after.body["mutationRecords"] = [_mutation()]


def _remove_channel(call: Call, record: Record) -> None:
    """Google refuses to delete a channel that a policy uses, unless it is forced."""
    users = [one for one in call.cloud.store.all(POLICIES) if record.name in one.body.get("notificationChannels", [])]
    if users and not call.query.get("force"):
        raise precondition(f"{record.name} is used by {users[0].name}; delete it with force=true.")
    for one in users:
        call.cloud.store.change(
            POLICIES, one.name, lambda policy: policy.body["notificationChannels"].remove(record.name)
        )


def _fill_policy(call: Call, record: Record) -> None:
    _complete_policy(call, record)
    record.body["creationRecord"] = record.body["mutationRecord"] = _mutation()


def _change_policy(call: Call, before: Record, after: Record) -> None:
    _complete_policy(call, after)
    after.body["creationRecord"] = before.body["creationRecord"]
    after.body["mutationRecord"] = _mutation()


def _complete_policy(call: Call, record: Record) -> None:
    conditions = record.body.get("conditions", [])
    if not conditions:
        raise invalid("Field alert_policy.conditions had an invalid value: it must not be empty.", field="conditions")
    for condition in conditions:
        if not condition.get("name", "").startswith(f"{record.name}/conditions/"):
            condition["name"] = f"{record.name}/conditions/{secrets.randbelow(9 * 10**17) + 10**17}"
    for condition in conditions:
        if (threshold := condition.get("conditionThreshold")) is not None:
            _check_threshold(threshold)
    record.body.setdefault("enabled", True)
    for channel in record.body.get("notificationChannels", []):
        if call.cloud.store.find(CHANNELS, channel) is None:
            raise invalid(f"The notification channel {channel} does not exist.", field="notificationChannels")


def _check_threshold(threshold: Json) -> None:
    if "metric.type" not in threshold.get("filter", ""):
        raise invalid("The filter of a condition must specify metric.type.", field="conditionThreshold.filter")
    matches(threshold["filter"])
    if threshold.get("comparison") not in COMPARISONS:
        text = f"The comparison must be one of {', '.join(COMPARISONS)}."
        raise invalid(text, field="conditionThreshold.comparison")


def _mutation() -> Json:
    return {"mutateTime": moments.now(), "mutatedBy": "test@example.com"}


SERVICE.hooks("notificationChannels").filling = _fill_channel
SERVICE.hooks("notificationChannels").changing = _change_channel
SERVICE.hooks("notificationChannels").removing = _remove_channel
SERVICE.hooks("alertPolicies").filling = _fill_policy
SERVICE.hooks("alertPolicies").changing = _change_policy
