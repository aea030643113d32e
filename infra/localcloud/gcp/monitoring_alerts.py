"""Cloud Monitoring's alerts: policies are judged by the points, and who is to be told is told."""

import base64
import json
import logging
import secrets
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from infra.localcloud.gcp import moments
from infra.localcloud.gcp.call import Call, Cloud
from infra.localcloud.gcp.errors import Json, Refusal
from infra.localcloud.gcp.monitoring import CHANNELS, COMPARISONS, POLICIES
from infra.localcloud.gcp.monitoring_series import aggregation
from infra.localcloud.gcp.paging import page
from infra.localcloud.gcp.pubsub import publish_message
from infra.localcloud.gcp.series import AllSeries, OneSeries, aggregated
from infra.localcloud.gcp.service import Service
from infra.localcloud.gcp.store import Record

LOG = logging.getLogger(__name__)
SERVICE = Service("monitoring.v3")
ALERTS = "monitoring.projects.alerts"
# How often policies are judged for those who are to be told; a list of alerts judges them anew. Google takes longer.
PERIOD_SECONDS = 5.0


@dataclass
class Opened:
    """The alerts that are open, by condition and series."""

    open: dict[str, str] = field(default_factory=dict)


def start(cloud: Cloud) -> None:
    """Judge policies from time to time; called once, when the cloud starts."""
    threading.Thread(target=_watch, args=(cloud,), name="alert-policies", daemon=True).start()


def _watch(cloud: Cloud) -> None:
    # Nobody signals the event: this is only the pace of judging.
    while not threading.Event().wait(PERIOD_SECONDS):
        try:
            judge(cloud)
        except Exception:
            LOG.exception("the alert policies could not be judged")


@SERVICE.method(f"{ALERTS}.list")
def list_alerts(call: Call) -> Json:
    """A page of the alerts that were opened; policies are judged anew first."""
    judge(call.cloud)
    chosen, token = page(call.cloud.store.all(ALERTS, f"{call.name}/alerts/"), call.query)
    answer: Json = {"alerts": [record.body for record in chosen]} if chosen else {}
    return {**answer, "nextPageToken": token} if token else answer


@SERVICE.method(f"{ALERTS}.get")
def get_alert(call: Call) -> Json:
    """One alert; policies are judged anew first."""
    judge(call.cloud)
    return call.cloud.store.get(ALERTS, call.name).body


def judge(cloud: Cloud) -> None:
    """Open and close alerts, as the points of now say."""
    now = datetime.now(UTC)
    opened = cloud.part(Opened).open
    with cloud.store.locked():
        violated: dict[str, tuple[Record, OneSeries]] = {}
        for policy in cloud.store.all(POLICIES):
            if policy.body.get("enabled"):
                violated |= {key: (policy, one) for key, one in _violations(cloud, policy, now)}
        for key in set(violated) - set(opened):
            opened[key] = _open(cloud, *violated[key], now)
        for key in set(opened) - set(violated):
            _close(cloud, opened.pop(key), now)


def _violations(cloud: Cloud, policy: Record, now: datetime) -> Iterator[tuple[str, OneSeries]]:
    """Yield the series that violate a policy's thresholds. Other kinds of conditions are not judged."""
    for condition in policy.body["conditions"]:
        if (threshold := condition.get("conditionThreshold")) is None:
            continue
        try:
            found = _judged(cloud, threshold, now)
        except Refusal as refusal:
            LOG.warning("%s is not judged: %s", condition["name"], refusal.message)
            continue
        sign, limit = COMPARISONS[threshold["comparison"]], threshold.get("thresholdValue", 0.0)
        for one in found:
            if one.points and all(sign * point.value > sign * limit for point in one.points):
                yield repr((condition["name"], one.selectable)), one


def _judged(cloud: Cloud, threshold: Json, now: datetime) -> list[OneSeries]:
    """Return the series of a threshold over its duration, or over one period where it has none."""
    hows = [aggregation(one) for one in threshold.get("aggregations", [])]
    period = max([how.period_seconds for how in hows], default=60.0)
    begin = now - timedelta(seconds=max(moments.seconds(threshold.get("duration", "0s")), period))
    found = cloud.part(AllSeries).select(threshold["filter"], begin, now)
    for how in hows:
        found = aggregated(found, how, now)
    return found


def _open(cloud: Cloud, policy: Record, one: OneSeries, now: datetime) -> str:
    project = policy.name.split("/")[1]
    name = f"projects/{project}/alerts/{secrets.token_hex(8)}"
    fields = ("name", "displayName", "severity", "userLabels")
    body = {
        "name": name,
        "state": "OPEN",
        "openTime": moments.text(now),
        "policy": {key: policy.body[key] for key in fields if key in policy.body},
        "metric": one.metric,
        "resource": one.resource,
    }
    kept = cloud.store.add(ALERTS, Record(name, body, {"channels": policy.body.get("notificationChannels", [])}))
    _tell(cloud, kept)
    return name


def _close(cloud: Cloud, name: str, now: datetime) -> None:
    closed = {"state": "CLOSED", "closeTime": moments.text(now)}
    _tell(cloud, cloud.store.change(ALERTS, name, lambda record: record.body.update(closed)))


def _tell(cloud: Cloud, alert: Record) -> None:
    """Publish the alert to the channels that are topics; other kinds of channels reach nobody from here.

    Source of the message: https://cloud.google.com/monitoring/support/notification-options#pubsub
    """
    body = alert.body
    incident = {
        "incident_id": alert.name.rpartition("/")[2],
        "state": body["state"].lower(),
        "policy_name": body["policy"]["displayName"],
        "started_at": int(moments.moment(body["openTime"]).timestamp()),
        "metric": body["metric"],
        "resource": body["resource"],
        "policy_user_labels": body["policy"].get("userLabels", {}),
    }
    data = base64.b64encode(json.dumps({"incident": incident, "version": "1.2"}).encode()).decode()
    for name in alert.hidden["channels"]:
        channel = cloud.store.find(CHANNELS, name)
        if channel is None or channel.body.get("type") != "pubsub":
            continue
        try:
            publish_message(cloud, channel.body["labels"]["topic"], {"data": data})
        except Refusal as refusal:
            LOG.warning("%s could not be told: %s", name, refusal.message)
