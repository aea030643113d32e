"""What a due Cloud Scheduler job does: a message to a topic, or a request to an API of this cloud."""

import base64
import logging
import threading
from datetime import timedelta
from urllib.parse import urlsplit

import httpx

from infra.localcloud.gcp import moments
from infra.localcloud.gcp.call import Cloud
from infra.localcloud.gcp.errors import STATUSES, Json, Refusal
from infra.localcloud.gcp.pubsub import publish_message
from infra.localcloud.gcp.store import Record
from infra.localcloud.jobs.cron import parse

LOG = logging.getLogger(__name__)
JOBS = "cloudscheduler.projects.locations.jobs"
GOOGLE = ".googleapis.com"
LOOPBACK = ("127.0.0.1", "localhost")
IDLE = timedelta(days=1)


class Ticker:
    """Fires jobs when they are due by the cloud's clock, which may be moved."""

    def __init__(self, cloud: Cloud) -> None:
        self._cloud = cloud

    def start(self) -> None:
        """Run for as long as the process does."""
        threading.Thread(target=self._run, name="cloud-scheduler", daemon=True).start()

    def _run(self) -> None:
        while True:
            since = self._cloud.clock.version
            due = [job.body["scheduleTime"] for job in self._waiting()]
            now = self._cloud.clock.now()
            self._cloud.clock.wait_until(min(map(moments.moment, due), default=now + IDLE), since)
            for job in self._waiting():
                try:
                    self._fire(job)
                except Exception:
                    LOG.exception("%s could not be fired", job.name)

    def _waiting(self) -> list[Record]:
        found = self._cloud.store.all(JOBS)
        return [job for job in found if job.body["state"] == "ENABLED" and "scheduleTime" in job.body]

    def _fire(self, job: Record) -> None:
        due = moments.moment(job.body["scheduleTime"])
        if due > self._cloud.clock.now():
            return
        following = parse(job.body["schedule"], job.body["timeZone"]).after(due)
        try:
            self._cloud.store.change(
                JOBS, job.name, lambda record: record.body.update(scheduleTime=moments.text(following))
            )
            attempt(self._cloud, job.name)
        except Refusal:
            LOG.info("%s was deleted when it was due", job.name)


def attempt(cloud: Cloud, name: str) -> None:
    """Do what a job does, and note how it ended in the job.

    Raises:
        Refusal: NOT_FOUND, if there is no such job.
    """
    job = cloud.store.get(JOBS, name)
    began = moments.text(cloud.clock.now())
    try:
        _act(cloud, job.body)
        status: Json = {}
    except Refusal as refusal:
        status = {"code": refusal.status.number, "message": refusal.message}
        LOG.warning("%s failed: %s", name, refusal.message)
    cloud.store.change(JOBS, name, lambda record: record.body.update(lastAttemptTime=began, status=status))


def _act(cloud: Cloud, job: Json) -> None:
    if "pubsubTarget" in job:
        target = job["pubsubTarget"]
        message = {name: target[name] for name in ("data", "attributes") if name in target}
        publish_message(cloud, target["topicName"], message)
    else:
        _request(cloud, job["httpTarget"], moments.seconds(job.get("attemptDeadline", "180s")))


def _request(cloud: Cloud, target: Json, timeout_seconds: float) -> None:
    headers = {"User-Agent": "Google-Cloud-Scheduler", **target.get("headers", {})}
    token = target.get("oauthToken") or target.get("oidcToken") or {}
    account = token.get("serviceAccountEmail")
    if account:
        headers["Authorization"] = f"Bearer {cloud.tokens.issue(account)}"
    try:
        answer = httpx.request(
            target["httpMethod"],
            _address(cloud, target["uri"]),
            content=base64.b64decode(target.get("body", "")),
            headers=headers,
            timeout=timeout_seconds,
            trust_env=False,
        )
    except httpx.HTTPError as error:
        raise Refusal("UNAVAILABLE", f"{target['uri']} did not answer: {error}") from error
    if not answer.is_success:
        found = (name for name, status in STATUSES.items() if status.http == answer.status_code)
        raise Refusal(next(found, "INTERNAL"), f"{target['uri']} answered {answer.status_code}: {answer.text[:500]}")


def _address(cloud: Cloud, uri: str) -> str:
    """Return where a URI is reached from here: Google's APIs are this cloud; nothing leaves the machine."""
    parts = urlsplit(uri)
    host = parts.hostname or ""
    if host in LOOPBACK:
        return uri
    if host.endswith(GOOGLE):
        return f"{cloud.endpoint_url}{parts.path}{'?' if parts.query else ''}{parts.query}"
    raise Refusal("UNAVAILABLE", f"The local cloud calls Google's APIs and this machine only, not {host}.")
