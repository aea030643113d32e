"""Pub/Sub: topics, subscriptions, and messages that are delivered by pull, at least once."""

import secrets
import threading
import time
import uuid
from dataclasses import dataclass, field

from infra.localcloud.gcp import moments, policies
from infra.localcloud.gcp.call import Call, Cloud
from infra.localcloud.gcp.errors import Json, Refusal, invalid
from infra.localcloud.gcp.filters import matches
from infra.localcloud.gcp.paging import page
from infra.localcloud.gcp.service import Service
from infra.localcloud.gcp.store import Record

SERVICE = Service("pubsub.v1", section="pubsub")
TOPICS = "pubsub.projects.topics"
SUBSCRIPTIONS = "pubsub.projects.subscriptions"
DELETED = "_deleted-topic_"
# How long a pull waits for a first message; Google's clients ask again.
PULL_WAIT_SECONDS = 5.0
# Ways of delivery other than pull, which are not implemented.
OTHERS = ("bigqueryConfig", "bigtableConfig", "cloudStorageConfig")


@dataclass
class Kept:
    """A message that a subscription has not acknowledged.

    Attributes:
        message: as it is delivered.
        hidden_until: monotonic seconds until which it is leased to whoever pulled it.
        ack_id: of its last delivery.
        attempts: how often it was delivered.
    """

    message: Json
    hidden_until: float = 0.0
    ack_id: str = ""
    attempts: int = 0


@dataclass
class Queue:
    """The messages of one subscription."""

    messages: list[Kept] = field(default_factory=list)
    changed: threading.Condition = field(default_factory=threading.Condition)

    def put(self, message: Json) -> None:
        """Add a message."""
        with self.changed:
            self.messages.append(Kept(message))
            self.changed.notify_all()

    def pull(self, most: int, lease_seconds: float, wait_seconds: float) -> list[Kept]:
        """Lease messages to the caller; waits for a first one."""
        with self.changed:
            self.changed.wait_for(self._free, wait_seconds)
            found = self._free()[:most]
            for kept in found:
                kept.hidden_until = time.monotonic() + lease_seconds
                kept.ack_id = secrets.token_urlsafe(12)
                kept.attempts += 1
            return found

    def acknowledge(self, ack_ids: list[str]) -> None:
        """Forget messages; ids that are not known or too old are ignored, as Google does."""
        with self.changed:
            self.messages = [kept for kept in self.messages if not kept.ack_id or kept.ack_id not in ack_ids]

    def extend(self, ack_ids: list[str], seconds: float) -> None:
        """Lease messages for so long from now; 0 gives them back."""
        with self.changed:
            for kept in self.messages:
                if kept.ack_id and kept.ack_id in ack_ids:
                    kept.hidden_until = time.monotonic() + seconds
            self.changed.notify_all()

    def _free(self) -> list[Kept]:
        now = time.monotonic()
        return [kept for kept in self.messages if kept.hidden_until <= now]


def publish_message(cloud: Cloud, topic: str, message: Json) -> str:
    """Give a message to every subscription of a topic, and return its id.

    Raises:
        Refusal: NOT_FOUND, or INVALID_ARGUMENT for an empty message.
    """
    cloud.store.get(TOPICS, topic)
    if not message.get("data") and not message.get("attributes"):
        raise invalid("A message must have data or attributes.", field="messages")
    sent = {**message, "messageId": str(uuid.uuid4().int >> 76), "publishTime": moments.now()}
    for subscription in cloud.store.all(SUBSCRIPTIONS):
        fits = matches(subscription.body.get("filter", ""))
        if subscription.body["topic"] == topic and fits(sent):
            subscription.hidden["queue"].put(sent)
    return str(sent["messageId"])


@SERVICE.method(f"{TOPICS}.publish")
def publish(call: Call) -> Json:
    """Deliver messages to the topic's subscriptions."""
    messages = call.body.get("messages", [])
    if not messages:
        raise invalid("The request has no messages.", field="messages")
    return {"messageIds": [publish_message(call.cloud, call.name, message) for message in messages]}


@SERVICE.method(f"{SUBSCRIPTIONS}.pull")
def pull(call: Call) -> Json:
    """Lease messages to the caller; an empty answer means that none came in time."""
    most = int(call.body.get("maxMessages", 0))
    if most <= 0:
        raise invalid("max_messages must be greater than 0.", field="maxMessages")
    subscription = call.cloud.store.get(SUBSCRIPTIONS, call.name)
    wait = 0.0 if call.body.get("returnImmediately") else PULL_WAIT_SECONDS
    found = subscription.hidden["queue"].pull(most, subscription.body["ackDeadlineSeconds"], wait)
    received = [{"ackId": kept.ack_id, "message": kept.message} for kept in found]
    return {"receivedMessages": received} if received else {}


@SERVICE.method(f"{SUBSCRIPTIONS}.acknowledge")
def acknowledge(call: Call) -> Json:
    """Forget messages that were worked on."""
    call.cloud.store.get(SUBSCRIPTIONS, call.name).hidden["queue"].acknowledge(call.body.get("ackIds", []))
    return {}


@SERVICE.method(f"{SUBSCRIPTIONS}.modifyAckDeadline")
def modify_ack_deadline(call: Call) -> Json:
    """Keep messages longer, or give them back."""
    queue = call.cloud.store.get(SUBSCRIPTIONS, call.name).hidden["queue"]
    queue.extend(call.body.get("ackIds", []), call.body.get("ackDeadlineSeconds", 0))
    return {}


@SERVICE.method(f"{TOPICS}.subscriptions.list")
def subscriptions_of_topic(call: Call) -> Json:
    """The names of a topic's subscriptions."""
    call.cloud.store.get(TOPICS, call.name)
    all_ = call.cloud.store.all(SUBSCRIPTIONS)
    chosen, token = page([one for one in all_ if one.body["topic"] == call.name], call.query)
    answer: Json = {"subscriptions": [one.name for one in chosen]} if chosen else {}
    return {**answer, "nextPageToken": token} if token else answer


def _fill_subscription(call: Call, record: Record) -> None:
    call.cloud.store.get(TOPICS, record.body["topic"])
    if any(record.body.get(name) for name in OTHERS) or record.body.get("pushConfig", {}).get("pushEndpoint"):
        raise Refusal("UNIMPLEMENTED", "The local cloud delivers by pull only.")
    matches(record.body.get("filter", ""))
    record.body.setdefault("pushConfig", {})
    record.body["state"] = "ACTIVE"
    record.hidden["queue"] = Queue()


def _fill_topic(call: Call, record: Record) -> None:
    record.body["state"] = "ACTIVE"


def _detach(call: Call, record: Record) -> None:
    """Subscriptions outlive their topic, with the messages that they have."""
    for one in call.cloud.store.all(SUBSCRIPTIONS):
        if one.body["topic"] == record.name:
            call.cloud.store.change(SUBSCRIPTIONS, one.name, lambda kept: kept.body.update(topic=DELETED))


SERVICE.hooks("topics").filling = _fill_topic
SERVICE.hooks("topics").removing = _detach
SERVICE.hooks("subscriptions").filling = _fill_subscription
for _kind in (TOPICS, SUBSCRIPTIONS):
    policies.serve(SERVICE, _kind)
