"""The services that run: each has an address, and behind it the instance of its newest revision that got ready."""

import threading
from collections.abc import Mapping
from dataclasses import dataclass, field

from infra.localcloud.gcp.call import Cloud
from infra.localcloud.gcp.errors import Json, Refusal, denied
from infra.localcloud.gcp.moments import seconds
from infra.localcloud.gcp.permissions.gate import permits
from infra.localcloud.gcp.run.front import Front
from infra.localcloud.gcp.run.instances import Instance, start_instance
from infra.localcloud.gcp.run.plan import Plan, RevisionError, plan_of

INVOKE = "run.routes.invoke"
# A process closes its port a moment before its end can be seen.
ENDING_SECONDS = 1.0


@dataclass
class Running:
    """One service.

    Attributes:
        name: its full name.
        front: its address.
    """

    cloud: Cloud
    name: str
    timeout_seconds: float
    front: Front = field(init=False)

    def __post_init__(self) -> None:
        self.front = Front(self._judge, self._target, self.timeout_seconds)
        self._turn = threading.Lock()
        self._instance: Instance | None = None
        self._plan: Plan | None = None
        self._is_gone = False

    def deploy(self, service: Json) -> None:
        """Let the newest revision serve; the one before goes on until it listens.

        Raises:
            RevisionError: it does not get ready; the one before still serves.
        """
        with self._turn:
            if self._is_gone:
                return
            plan = plan_of(self.cloud, service)
            if self._plan and self._plan.revision == plan.revision:
                return
            fresh = start_instance(self.cloud, plan)
            old, self._instance, self._plan = self._instance, fresh, plan
        if old:
            old.stop()

    def retire(self) -> None:
        """Stop what serves; nothing starts any more."""
        self.front.close()
        with self._turn:
            self._is_gone = True
            if self._instance:
                self._instance.stop()

    def _judge(self, headers: Mapping[str, str]) -> None:
        shown = headers.get("x-serverless-authorization") or headers.get("authorization")
        account = self.cloud.tokens.invoker(shown, self.front.url)
        resource = f"//run.googleapis.com/{self.name}"
        if account and not permits(self.cloud, account, INVOKE, resource, {}):
            raise denied(INVOKE, resource)

    def _target(self, refused: str | None) -> str:
        instance = self._instance
        if instance is not None and instance.url == refused:
            instance.process.wait(ENDING_SECONDS)
        return (self._restarted() if instance is None or instance.has_ended else instance).url

    def _restarted(self) -> Instance:
        """Start an instance again that died of itself, as Cloud Run does with the next request."""
        with self._turn:
            if self._is_gone or self._plan is None:
                raise Refusal("UNAVAILABLE", "The service has no revision that is ready.")
            if self._instance and self._instance.has_ended:
                self._instance.close()
                self._instance = None
            if self._instance is None:
                try:
                    self._instance = start_instance(self.cloud, self._plan)
                except RevisionError as error:
                    raise Refusal("UNAVAILABLE", str(error)) from error
            return self._instance


class Fleet:
    """The services that run, by their names."""

    def __init__(self) -> None:
        self._known: dict[str, Running] = {}
        self._lock = threading.Lock()

    def open(self, cloud: Cloud, service: Json) -> Running:
        """Return a service, which is given an address if it has none."""
        name = service["name"]
        with self._lock:
            if name not in self._known:
                self._known[name] = Running(cloud, name, seconds(service["template"]["timeout"]))
            return self._known[name]

    def find(self, name: str) -> Running | None:
        """Return a service; None for one that is deleted."""
        with self._lock:
            return self._known.get(name)

    def names(self) -> list[str]:
        """Return the names of all."""
        with self._lock:
            return list(self._known)

    def retire(self, name: str) -> None:
        """Stop a service and free its address."""
        with self._lock:
            found = self._known.pop(name, None)
        if found:
            found.retire()
