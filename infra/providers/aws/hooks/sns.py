"""SNS: names of FIFO topics, the policy that a topic always has, subscriptions that nobody confirmed."""

import json
from typing import Any

from infra.providers.aws.calls import Calls
from infra.providers.aws.hooks import Hook
from infra.providers.kit.values import Properties

_FIFO = ".fifo"
# the service's own default: whoever owns the topic may do everything with it
_DEFAULT_ACTIONS = (
    "GetTopicAttributes",
    "SetTopicAttributes",
    "AddPermission",
    "RemovePermission",
    "DeleteTopic",
    "Subscribe",
    "ListSubscriptionsByTopic",
    "Publish",
)


class TopicHook(Hook):
    """A topic, whose name no answer holds."""

    def name(self, name: str, inputs: Properties) -> str:
        """A FIFO topic's name ends in `.fifo`."""
        return name + _FIFO if inputs.get("fifoTopic") is True else name

    def document(self, calls: Calls, document: dict[str, Any], known: dict[str, Any]) -> dict[str, Any]:
        """Add the name: the ARN's last part."""
        return {**document, "Name": known["id"].rsplit(":", 1)[-1]}


class TopicPolicyHook(Hook):
    """A topic always has a policy; deleting one puts the default back."""

    def delete(self, calls: Calls, outputs: Properties, known: dict[str, Any]) -> bool:
        """Put the service's default policy back."""
        statement = {
            "Sid": "__default_statement_ID",
            "Effect": "Allow",
            "Principal": {"AWS": "*"},
            "Action": [f"SNS:{action}" for action in _DEFAULT_ACTIONS],
            "Resource": known["id"],
            "Condition": {"StringEquals": {"AWS:SourceOwner": outputs.get("owner", calls.cloud.account)}},
        }
        policy = {"Version": "2008-10-17", "Id": "__default_policy_ID", "Statement": [statement]}
        calls("SetTopicAttributes", TopicArn=known["id"], AttributeName="Policy", AttributeValue=json.dumps(policy))
        return True


class SubscriptionHook(Hook):
    """A subscription."""

    def delete(self, calls: Calls, outputs: Properties, known: dict[str, Any]) -> bool:
        """The service cannot remove a subscription that nobody confirmed; it lapses by itself."""
        return bool(outputs.get("pendingConfirmation"))
