"""What single services do beside keeping records, by Google's own clients."""

import base64
import itertools
import json
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from googleapiclient.errors import HttpError

from infra.localcloud.gcp.moments import text
from infra.localcloud.gcp.series import AllSeries, Point
from tests.localcloud.gcp.cloud import google_refusal
from tests.localcloud.gcp.serving import PROJECT, Served

_COUNT = itertools.count()
HELLO = "aGVsbG8="


def fresh(kind: str) -> str:
    """Return a name that no other test uses."""
    return f"{kind}-{next(_COUNT)}"


@pytest.fixture
def topic(gcp: Served) -> str:
    name = f"{PROJECT}/topics/{fresh('topic')}"
    gcp.client("pubsub", "v1").projects().topics().create(name=name, body={}).execute()
    return name


@pytest.fixture
def subscription(gcp: Served, topic: str) -> str:
    name = f"{PROJECT}/subscriptions/{fresh('subscription')}"
    gcp.client("pubsub", "v1").projects().subscriptions().create(name=name, body={"topic": topic}).execute()
    return name


def pulled(gcp: Served, subscription: str) -> list[dict[str, Any]]:
    """Pull without waiting."""
    body = {"maxMessages": 10, "returnImmediately": True}
    answer = gcp.client("pubsub", "v1").projects().subscriptions().pull(subscription=subscription, body=body).execute()
    found: list[dict[str, Any]] = answer.get("receivedMessages", [])
    return found


def test_messages_reach_every_subscription_until_acknowledged(gcp: Served, topic: str, subscription: str) -> None:
    """Protects: at least once delivery: leased while it is worked on, given back, gone when acknowledged."""
    projects = gcp.client("pubsub", "v1").projects()
    other = f"{PROJECT}/subscriptions/{fresh('subscription')}"
    body = {"topic": topic, "filter": 'attributes.kind = "b"'}
    projects.subscriptions().create(name=other, body=body).execute()
    messages = [{"data": HELLO, "attributes": {"kind": kind}} for kind in "ab"]
    ids = projects.topics().publish(topic=topic, body={"messages": messages}).execute()["messageIds"]
    found = pulled(gcp, subscription)
    assert [one["message"]["messageId"] for one in found] == ids
    assert found[0]["message"]["data"] == HELLO
    assert [one["message"]["attributes"]["kind"] for one in pulled(gcp, other)] == ["b"]
    assert pulled(gcp, subscription) == []
    acks = [one["ackId"] for one in found]
    projects.subscriptions().acknowledge(subscription=subscription, body={"ackIds": acks[:1]}).execute()
    back = {"ackIds": acks[1:], "ackDeadlineSeconds": 0}
    projects.subscriptions().modifyAckDeadline(subscription=subscription, body=back).execute()
    assert [one["message"]["messageId"] for one in pulled(gcp, subscription)] == ids[1:]
    assert projects.topics().subscriptions().list(topic=topic).execute()["subscriptions"] == [subscription, other]


def test_a_pull_waits_for_a_message(gcp: Served, topic: str, subscription: str) -> None:
    """Protects: a client that pulls before the message is published gets it."""
    projects = gcp.client("pubsub", "v1").projects()
    request = projects.subscriptions().pull(subscription=subscription, body={"maxMessages": 1})
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(request.execute)
        other = gcp.client("pubsub", "v1").projects().topics()
        other.publish(topic=topic, body={"messages": [{"data": HELLO}]}).execute()
        assert len(waiting.result(20)["receivedMessages"]) == 1


def test_what_pubsub_refuses(gcp: Served, topic: str, subscription: str) -> None:
    """Protects: no topic, an empty message, delivery other than by pull; subscriptions outlive their topic."""
    projects = gcp.client("pubsub", "v1").projects()
    with google_refusal(404, "NOT_FOUND"):
        projects.subscriptions().create(name=f"{PROJECT}/subscriptions/lost", body={"topic": f"{topic}x"}).execute()
    with google_refusal(400, "INVALID_ARGUMENT"):
        projects.topics().publish(topic=topic, body={"messages": [{}]}).execute()
    push = {"topic": topic, "pushConfig": {"pushEndpoint": "https://example.com"}}
    with google_refusal(501, "UNIMPLEMENTED"):
        projects.subscriptions().create(name=f"{PROJECT}/subscriptions/pushed", body=push).execute()
    projects.topics().delete(topic=topic).execute()
    assert projects.subscriptions().get(subscription=subscription).execute()["topic"] == "_deleted-topic_"


def test_a_secrets_payload_is_given_out_while_its_version_is_enabled(gcp: Served) -> None:
    """Protects: versions count up, latest is the newest, disabled and destroyed ones give nothing."""
    secrets = gcp.client("secretmanager", "v1").projects().secrets()
    body: dict[str, Any] = {"replication": {"automatic": {}}}
    secret = secrets.create(parent=PROJECT, secretId=fresh("secret"), body=body).execute()["name"]
    for _ in range(2):
        secrets.addVersion(parent=secret, body={"payload": {"data": HELLO}}).execute()
    latest = secrets.versions().access(name=f"{secret}/versions/latest").execute()
    assert latest == {"name": f"{secret}/versions/2", "payload": {"data": HELLO}}
    for action, state in (("disable", "DISABLED"), ("enable", "ENABLED"), ("destroy", "DESTROYED")):
        answer = getattr(secrets.versions(), action)(name=f"{secret}/versions/2", body={}).execute()
        assert answer["state"] == state
    for call in (secrets.versions().access, lambda name: secrets.versions().enable(name=name, body={})):
        with google_refusal(400, "FAILED_PRECONDITION", "DESTROYED"):
            call(name=f"{secret}/versions/2").execute()
    assert [one["state"] for one in secrets.versions().list(parent=secret).execute()["versions"]] == [
        "ENABLED",
        "DESTROYED",
    ]
    secrets.delete(name=secret).execute()
    with google_refusal(404, "NOT_FOUND"):
        secrets.versions().get(name=f"{secret}/versions/1").execute()


def test_policies_are_read_changed_and_guarded_by_their_etag(gcp: Served, topic: str) -> None:
    """Protects: what Pulumi's IAM members do: read, add, write with the etag; a stale one is told to read again."""
    topics = gcp.client("pubsub", "v1").projects().topics()
    policy = topics.getIamPolicy(resource=topic).execute()
    assert "bindings" not in policy
    member = "serviceAccount:someone@another.iam.gserviceaccount.com"
    wanted = {**policy, "bindings": [{"role": "roles/pubsub.publisher", "members": [member]}]}
    written = topics.setIamPolicy(resource=topic, body={"policy": wanted}).execute()
    assert written["bindings"] == wanted["bindings"]
    assert topics.getIamPolicy(resource=topic).execute() == written
    with google_refusal(409, "ABORTED"):
        topics.setIamPolicy(resource=topic, body={"policy": wanted}).execute()
    for wrong in (
        {"role": "publisher", "members": [member]},
        {"role": "roles/pubsub.publisher", "members": ["someone"]},
        {"role": "roles/pubsub.publisher", "members": ["serviceAccount:gone@stile-local.iam.gserviceaccount.com"]},
    ):
        with google_refusal(400, "INVALID_ARGUMENT"):
            topics.setIamPolicy(resource=topic, body={"policy": {"bindings": [wrong]}}).execute()
    limited = {"role": "roles/viewer", "members": [member], "condition": {"title": "t", "expression": "true"}}
    with google_refusal(400, "INVALID_ARGUMENT", "version 3"):
        topics.setIamPolicy(resource=topic, body={"policy": {"bindings": [limited]}}).execute()
    topics.delete(topic=topic).execute()
    topics.create(name=topic, body={}).execute()
    assert "bindings" not in topics.getIamPolicy(resource=topic).execute()


def test_the_project_has_one_policy_in_both_versions(gcp: Served) -> None:
    """Protects: Resource Manager v1 and v3 show one project with one policy; others are not ours to see."""
    old, new = gcp.client("cloudresourcemanager", "v1").projects(), gcp.client("cloudresourcemanager", "v3").projects()
    policy = {"bindings": [{"role": "roles/viewer", "members": ["user:a@example.com"]}]}
    old.setIamPolicy(resource="stile-local", body={"policy": policy}).execute()
    assert new.getIamPolicy(resource=PROJECT, body={}).execute()["bindings"] == policy["bindings"]
    assert old.get(projectId="stile-local").execute()["projectNumber"] == "100000000000"
    assert new.get(name=PROJECT).execute()["projectId"] == "stile-local"
    assert gcp.client("compute", "v1").projects().get(project="100000000000").execute()["name"] == "stile-local"
    with google_refusal(403, "PERMISSION_DENIED"):
        old.get(projectId="another").execute()


def test_apis_are_enabled_and_disabled(gcp: Served) -> None:
    """Protects: what provisioning asks of Service Usage."""
    services = gcp.client("serviceusage", "v1").services()
    name = f"{PROJECT}/services/aiplatform.googleapis.com"
    assert services.get(name=name).execute()["state"] == "ENABLED"
    assert services.disable(name=name, body={}).execute()["response"]["service"]["state"] == "DISABLED"
    assert services.get(name=name).execute()["state"] == "DISABLED"
    body = {"serviceIds": ["aiplatform.googleapis.com", "run.googleapis.com"]}
    assert len(services.batchEnable(parent=PROJECT, body=body).execute()["response"]["services"]) == 2
    listed = services.list(parent=PROJECT, filter="state:ENABLED", pageSize=200).execute()["services"]
    assert name in [one["name"] for one in listed]
    with google_refusal(403, "PERMISSION_DENIED"):
        services.enable(name=f"{PROJECT}/services/nope.googleapis.com", body={}).execute()


def test_a_service_accounts_token_acts_as_the_account(gcp: Served) -> None:
    """Protects: a generated token is known as the account's; a disabled or missing account has none."""
    accounts = gcp.client("iam", "v1").projects().serviceAccounts()
    body = {"accountId": fresh("account"), "serviceAccount": {}}
    account = accounts.create(name=PROJECT, body=body).execute()
    by_number = accounts.get(name=f"projects/-/serviceAccounts/{account['uniqueId']}").execute()
    assert by_number == account
    tokens = gcp.client("iamcredentials", "v1").projects().serviceAccounts()
    asked = {"name": f"projects/-/serviceAccounts/{account['email']}", "body": {"scope": ["https://x"]}}
    token = tokens.generateAccessToken(**asked).execute()["accessToken"]
    assert gcp.cloud.tokens.owner(f"Bearer {token}") == account["email"]
    assert gcp.cloud.tokens.owner("Bearer test") is None
    accounts.disable(name=account["name"], body={}).execute()
    with google_refusal(404, "NOT_FOUND"):
        tokens.generateAccessToken(**asked).execute()
    with google_refusal(501, "UNIMPLEMENTED", "signBlob"):
        accounts.signBlob(name=account["name"], body={}).execute()


def test_a_deleted_roles_name_is_not_free(gcp: Served) -> None:
    """Protects: a custom role that was deleted blocks its name, and can be brought back."""
    roles = gcp.client("iam", "v1").projects().roles()
    body = {"roleId": "gone", "role": {"title": "gone"}}
    name = roles.create(parent=PROJECT, body=body).execute()["name"]
    assert roles.delete(name=name).execute()["deleted"] is True
    with google_refusal(409, "ALREADY_EXISTS"):
        roles.create(parent=PROJECT, body=body).execute()
    assert "deleted" not in roles.undelete(name=name, body={}).execute()


def test_log_entries_are_found_by_filter(gcp: Served) -> None:
    """Protects: what people and the CLI ask of a job's log: by resource, severity, time and text, in order."""
    entries = gcp.client("logging", "v2").entries()
    log = f"{PROJECT}/logs/{fresh('log')}"
    begin = datetime.now(UTC)
    written = [
        {"textPayload": f"line {number}", "severity": severity, "timestamp": text(begin + timedelta(seconds=number))}
        for number, severity in enumerate(("INFO", "ERROR", "WARNING", "INFO"))
    ]
    resource = {"type": "ml_job", "labels": {"job_id": "4711"}}
    entries.write(body={"logName": log, "resource": resource, "entries": written}).execute()

    def lines(filter_: str, **more: Any) -> list[str]:
        body = {"resourceNames": [PROJECT], "filter": f'logName="{log}" AND {filter_}', "pageSize": 2, **more}
        found: list[str] = []
        while True:
            answer = entries.list(body=body).execute()
            found += [one["textPayload"] for one in answer.get("entries", [])]
            if "nextPageToken" not in answer:
                return found
            body["pageToken"] = answer["nextPageToken"]

    everything = 'resource.type="ml_job" resource.labels.job_id="4711"'
    assert lines(everything) == [f"line {number}" for number in range(4)]
    assert lines(everything, orderBy="timestamp desc") == [f"line {number}" for number in (3, 2, 1, 0)]
    assert lines("severity>=WARNING") == ["line 1", "line 2"]
    assert lines(f'timestamp>="{written[2]["timestamp"]}"') == ["line 2", "line 3"]
    assert lines('textPayload:"line 1"') == ["line 1"]
    with google_refusal(400, "INVALID_ARGUMENT"):
        entries.write(body={"entries": [{"logName": "nope", "resource": resource}]}).execute()
    gcp.client("logging", "v2").projects().logs().delete(logName=log).execute()
    assert lines(everything) == []


def test_time_series_are_aligned_and_reduced(gcp: Served) -> None:
    """Protects: what is written is listed; sums, rates and means over windows and series are right."""
    series = gcp.client("monitoring", "v3").projects().timeSeries()
    end = datetime.now(UTC)
    metric = f"custom.googleapis.com/{fresh('metric')}"
    for endpoint, values in (("a", (1, 2, 3)), ("b", (10, 20, 30))):
        for number, value in enumerate(values):
            one = {
                "metric": {"type": metric, "labels": {"endpoint": endpoint}},
                "metricKind": "GAUGE",
                "valueType": "INT64",
                "points": [
                    {
                        "interval": {"endTime": text(end - timedelta(seconds=100 - 40 * number))},
                        "value": {"int64Value": str(value)},
                    }
                ],
            }
            series.create(name=PROJECT, body={"timeSeries": [one]}).execute()

    def points(**asked: Any) -> list[list[float]]:
        answer = series.list(
            name=PROJECT,
            interval_startTime=text(end - timedelta(seconds=120)),
            interval_endTime=text(end),
            **{"filter": f'metric.type="{metric}"', **asked},
        ).execute()
        return [
            [float(next(iter(point["value"].values()))) for point in one["points"]]
            for one in answer.get("timeSeries", [])
        ]

    assert points() == [[3, 2, 1], [30, 20, 10]]
    assert points(filter=f'metric.type="{metric}" AND metric.labels.endpoint="b"') == [[30, 20, 10]]
    window = {"aggregation_alignmentPeriod": "120s", "aggregation_perSeriesAligner": "ALIGN_SUM"}
    assert points(**window) == [[6], [60]]
    assert points(**window, aggregation_crossSeriesReducer="REDUCE_SUM") == [[66]]
    mean = {"aggregation_alignmentPeriod": "60s", "aggregation_perSeriesAligner": "ALIGN_MEAN"}
    assert points(**mean) == [[3, 1.5], [30, 15]]
    for wrong in ({"filter": 'resource.type="global"'}, {**window, "aggregation_perSeriesAligner": "ALIGN_RATE"}):
        with google_refusal(400, "INVALID_ARGUMENT"):
            points(**wrong)
    google = {"metric": {"type": "aiplatform.googleapis.com/x"}, "points": []}
    with google_refusal(400, "INVALID_ARGUMENT"):
        series.create(name=PROJECT, body={"timeSeries": [google]}).execute()


def test_an_alert_opens_while_its_condition_holds(gcp: Served, topic: str, subscription: str) -> None:
    """Protects: a release can watch a policy's alerts: open while the metric is over the threshold, and told so."""
    monitoring = gcp.client("monitoring", "v3").projects()
    channel = {"type": "pubsub", "labels": {"topic": topic}}
    channel = monitoring.notificationChannels().create(name=PROJECT, body=channel).execute()
    metric = {"type": f"custom.googleapis.com/{fresh('errors')}", "labels": {"code": "503"}}
    threshold = {
        "filter": f'metric.type = "{metric["type"]}" AND metric.labels.code = starts_with("5")',
        "comparison": "COMPARISON_GT",
        "thresholdValue": 5,
        "duration": "0s",
        "aggregations": [
            {"alignmentPeriod": "60s", "perSeriesAligner": "ALIGN_SUM", "crossSeriesReducer": "REDUCE_SUM"}
        ],
    }
    conditions = [{"displayName": "many errors", "conditionThreshold": threshold}]
    body = {"displayName": "errors", "combiner": "OR", "conditions": conditions}
    policy = (
        monitoring.alertPolicies()
        .create(name=PROJECT, body={**body, "notificationChannels": [channel["name"]]})
        .execute()
    )

    def states() -> list[str]:
        found = monitoring.alerts().list(parent=PROJECT, filter=f'policy.name="{policy["name"]}"').execute()
        return [one["state"] for one in found.get("alerts", [])]

    kept, now = gcp.cloud.part(AllSeries), datetime.now(UTC)
    other = {**metric, "labels": {"code": "404"}}
    for counted, ago, count in ((metric, 120, 100.0), (metric, 0, 5.0), (other, 0, 100.0)):
        kept.count(counted, {"type": "global"}, Point(now - timedelta(seconds=ago), count))
    assert states() == []
    kept.count({**metric, "labels": {"code": "500"}}, {"type": "global"}, Point(now, 1.0))
    assert states() == ["OPEN"]
    assert states() == ["OPEN"]
    change = {**policy, "enabled": False}
    monitoring.alertPolicies().patch(name=policy["name"], updateMask="enabled", body=change).execute()
    assert states() == ["CLOSED"]
    told = [json.loads(base64.b64decode(one["message"]["data"]))["incident"] for one in pulled(gcp, subscription)]
    assert [(one["state"], one["policy_name"]) for one in told] == [("open", "errors"), ("closed", "errors")]


def test_latencies_are_aligned_to_percentiles(gcp: Served) -> None:
    """Protects: a distribution's percentile is that of its samples; how else to align it is not made up."""
    metric, resource = {"type": f"custom.googleapis.com/{fresh('latency')}"}, {"type": "global"}
    end = datetime.now(UTC)
    for value in range(101):
        gcp.cloud.part(AllSeries).sample(metric, resource, Point(end, float(value)))
    asked = {
        "name": PROJECT,
        "filter": f'metric.type="{metric["type"]}"',
        "interval_startTime": text(end - timedelta(seconds=60)),
        "interval_endTime": text(end),
        "aggregation_alignmentPeriod": "60s",
    }
    series = gcp.client("monitoring", "v3").projects().timeSeries()
    answer = series.list(**asked, aggregation_perSeriesAligner="ALIGN_PERCENTILE_99").execute()
    assert answer["timeSeries"][0]["points"][0]["value"] == {"doubleValue": 99.0}
    with google_refusal(501, "UNIMPLEMENTED"):
        series.list(**asked, aggregation_perSeriesAligner="ALIGN_MEAN").execute()


def test_a_channel_in_use_is_deleted_by_force_only(gcp: Served) -> None:
    """Protects: Google's own refusal, and that conditions are named by the server and keep their names."""
    monitoring = gcp.client("monitoring", "v3").projects()
    channel = monitoring.notificationChannels().create(name=PROJECT, body={"type": "email"}).execute()["name"]
    threshold = {"filter": 'metric.type="custom.googleapis.com/x"', "comparison": "COMPARISON_GT", "duration": "0s"}
    body = {
        "displayName": "errors",
        "combiner": "OR",
        "conditions": [{"displayName": "many errors", "conditionThreshold": threshold}],
        "notificationChannels": [channel],
    }
    policy = monitoring.alertPolicies().create(name=PROJECT, body=body).execute()
    assert policy["conditions"][0]["name"].startswith(f"{policy['name']}/conditions/")
    again = monitoring.alertPolicies().patch(name=policy["name"], body=policy).execute()
    assert again["conditions"] == policy["conditions"]
    with google_refusal(400, "FAILED_PRECONDITION", policy["name"]):
        monitoring.notificationChannels().delete(name=channel).execute()
    monitoring.notificationChannels().delete(name=channel, force=True).execute()
    assert monitoring.alertPolicies().get(name=policy["name"]).execute()["notificationChannels"] == []
    with pytest.raises(HttpError):
        monitoring.alertPolicies().create(name=PROJECT, body=body).execute()
