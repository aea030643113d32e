"""Finds on AWS what an interrupted create may have made: by its name, or by its tags where a name gives no id."""

from collections.abc import Callable, Collection, Mapping
from functools import cached_property
from typing import Any

from infra.clouds.aws_calls import Aws
from infra.engine.lookups import Inputs, UnknowableError
from infra.engine.session import Session
from infra.providers.aws import tables
from infra.providers.aws.cloud import ask
from infra.providers.kit.reading import Reader, parse_id
from infra.providers.kit.resource import CallFailed, PluginError
from infra.providers.kit.shapes import search
from infra.providers.stile import live_aws


class AwsLookups:
    """Asks the account of an environment; methods raise PluginError when it refuses or does not answer."""

    def __init__(self, session: Session) -> None:
        self._aws = Aws(session.own_variables())

    def find(self, token: str, inputs: Inputs, taken: Collection[str] = ()) -> str | None:
        """Return the id of the resource that was to be made of these inputs; None if the cloud has none.

        Args:
            token: the resource's type.
            inputs: as the plugin checked them, with the name that it made.
            taken: ids that are other resources'.

        Raises:
            UnknowableError: neither name nor tags give its id.
        """
        table = self._table(token)
        found = LOOKUPS[token](self, inputs, taken) if token in LOOKUPS else self._named(token, table, inputs)
        return found if found is not None and self._live(table, found, inputs) is not None else None

    def passing(self, token: str, identity: str) -> str:
        """Return the state in which a resource is for the time being, such as `Creating`; empty if it is settled."""
        status, passing, _ = self._status(token, identity)
        return status if status in passing else ""

    def failed(self, token: str, identity: str) -> str:
        """Return the state in which a settled resource is of no use, such as `Failed`; empty if it is well."""
        status, passing, targets = self._status(token, identity)
        return "" if status in passing | targets else status

    def _status(self, token: str, identity: str) -> tuple[str, set[str], set[str]]:
        """Return a resource's state (empty if it has none), the states that end by themselves, and the good ones."""
        try:
            table = self._table(token)
        except UnknowableError:
            return "", set(), {""}
        waits = table.waits.values()
        document = self._live(table, identity, {}) if waits else None
        targets = {each for wait in waits for each in wait.target}
        passing = {each for wait in waits for each in wait.pending} | ALSO_PASSING.get(token, frozenset())
        status = str(search(next(iter(waits)).path, document)) if document else ""
        return status, passing - targets, {"", *targets}

    def ask(self, service: str, operation: str, **args: Any) -> Any:
        """Call an operation by the vendor's name."""
        return ask(self._aws.client(service), operation, args)

    @cached_property
    def account(self) -> dict[str, str]:
        """What ids say of the account: its number, partition and region."""
        caller = self.ask("sts", "GetCallerIdentity")
        region = self._aws.client("sts").meta.region_name
        return {"accountId": caller["Account"], "partition": caller["Arn"].split(":")[1], "region": region}

    def _table(self, token: str) -> tables.Type:
        try:
            return tables.find(token)
        except PluginError as error:
            raise UnknowableError(token) from error

    def _named(self, token: str, table: tables.Type, inputs: Inputs) -> str:
        """Return the id that the inputs give. Raises UnknowableError."""
        template = ARNS.get(token, table.id)
        known = {**self.account, **inputs} if ACCOUNT_ID in template else inputs
        try:
            return template.format_map(known)
        except KeyError as error:
            raise UnknowableError(token) from error

    def _live(self, table: tables.Type, identity: str, inputs: Inputs) -> dict[str, Any] | None:
        known = {**inputs, **parse_id(table.id, identity), "id": identity}
        document = _AccountReader(table, self).read(known, first_only=True)
        gone = document is not None and table.gone_when is not None and search(table.gone_when, document)
        return None if gone else document


class _AccountReader(Reader):
    """Reads from the environment's account."""

    def __init__(self, table: tables.Type, lookups: AwsLookups) -> None:
        super().__init__(table)
        self._lookups = lookups

    def __call__(self, operation: str, service: str | None = None, **args: Any) -> Any:
        """Call an operation of the type's service."""
        return self._lookups.ask(service or self.type.service, operation, **args)


def _mlflow_app(lookups: AwsLookups, inputs: Inputs, taken: Collection[str]) -> str | None:
    """Find an App by its name, which no other may have."""
    apps = lookups.ask("sagemaker", "ListMlflowApps").get("Summaries", ())
    gone = ("Deleting", "Deleted")
    return next((app["Arn"] for app in apps if app["Name"] == inputs["name"] and app["Status"] not in gone), None)


def _kms_key(lookups: AwsLookups, inputs: Inputs, taken: Collection[str]) -> str | None:
    """Find the newest key with exactly these tags and this description that is nobody's; a key has no name.

    Raises:
        UnknowableError: the key has no tags of its own.
    """
    tags = inputs.get("tags")
    if not tags:
        raise UnknowableError("a key without tags")
    found = []
    for row in lookups.ask("kms", "ListKeys")["Keys"]:
        if row["KeyId"] in taken or _key_tags(lookups, row["KeyId"]) != tags:
            continue
        key = lookups.ask("kms", "DescribeKey", KeyId=row["KeyId"])["KeyMetadata"]
        if key["KeyState"] in ("Enabled", "Disabled") and key["Description"] == inputs.get("description", ""):
            found.append(key)
    return max(found, key=lambda key: key["CreationDate"])["KeyId"] if found else None


def _key_tags(lookups: AwsLookups, key: str) -> dict[str, str]:
    """Return a key's tags; none if they are not for our eyes, as with keys of services and of other teams."""
    try:
        rows = lookups.ask("kms", "ListResourceTags", KeyId=key)["Tags"]
    except CallFailed as error:
        if error.means(("AccessDeniedException", "NotFoundException")):
            return {}
        raise
    return {row["TagKey"]: row["TagValue"] for row in rows}


def _subscription(lookups: AwsLookups, inputs: Inputs, taken: Collection[str]) -> str | None:
    """Find a subscription by what it joins: a topic has only one of a protocol and an end point."""
    rows = lookups.ask("sns", "ListSubscriptionsByTopic", TopicArn=inputs["topic"]).get("Subscriptions", ())
    wanted = (inputs["protocol"], inputs["endpoint"])
    arns = (row["SubscriptionArn"] for row in rows if (row["Protocol"], row["Endpoint"]) == wanted)
    return next((arn for arn in arns if arn.startswith("arn:")), None)


ACCOUNT_ID = "{accountId}"
# Ids that are ARNs, and that the name gives.
ARNS = {
    "aws:sns/topic:Topic": "arn:{partition}:sns:{region}:{accountId}:{name}",
    "aws:iam/policy:Policy": "arn:{partition}:iam::{accountId}:policy{path}{name}",
}
# Ids that the cloud makes up.
LOOKUPS: Mapping[str, Callable[[AwsLookups, Inputs, Collection[str]], str | None]] = {
    "aws:sagemaker/mlflowApp:MlflowApp": _mlflow_app,
    "aws:kms/key:Key": _kms_key,
    "aws:sns/topicSubscription:TopicSubscription": _subscription,
}
# States that end by themselves, though the plugin takes them for a failure.
ALSO_PASSING = {"aws:sagemaker/endpoint:Endpoint": live_aws.PASSING}
