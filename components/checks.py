"""What one field alone cannot tell: combinations that cannot work, on any cloud or on the one that is named."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from components.clouds import misplaced
from components.errors import Problem
from components.features import refused
from components.machines import NoMachineError, Use, fitting
from components.naming import Naming, longest_names
from components.problems import did_you_mean
from components.spec import Machine, Model, Spec

ROOT = "stile:platform"


@dataclass(frozen=True)
class Known:
    """What the project holds that a configuration refers to.

    Attributes:
        use_cases: the names of the packages in ml_jobs/use_cases.
        root: the project's root, for the rules files.
    """

    use_cases: tuple[str, ...]
    root: Path


def check(spec: Spec, known: Known) -> list[Problem]:
    """Return everything that cannot work together in a Spec; each part is valid by itself."""
    found = [problem for rule in _PLATFORM_RULES for problem in rule(spec)]
    for name, model in spec.platform.models.items():
        path = f"{ROOT}.models.{name}"
        found += [problem for rule in _MODEL_RULES for problem in rule(path, model)]
        found += _machine(spec, "endpoint", f"{path}.endpoint.machine", model.endpoint.machine)
        found += _use_case(path, model, known)
        found += _rules_file(path, model, known)
    return found


def _network(spec: Spec) -> Iterator[Problem]:
    network, path = spec.platform.network, f"{ROOT}.network"
    given = {
        "vpc_id": network.vpc_id or "",
        "subnet_ids": ", ".join(network.subnet_ids),
        "security_group_ids": ", ".join(network.security_group_ids),
    }
    if network.mode == "private":
        for key in (key for key, value in given.items() if not value):
            yield Problem(f"{path}.{key}", "", "an existing network's ids when mode is private", f"add `{key}`")
    else:
        for key, value in given.items():
            if value:
                yield Problem(f"{path}.{key}", value, "nothing when mode is public", f"set {path}.mode to private")


def _images(spec: Spec) -> Iterator[Problem]:
    """Packages are chosen for one Python: a base brings its own, and without one it is that of this machine."""
    images, path = spec.platform.images, f"{ROOT}.images.python_version"
    if images.base and not images.python_version:
        yield Problem(path, "", "the minor version of the base's Python", 'add `python_version`, such as "3.11"')
    if images.python_version and not images.base:
        yield Problem(path, images.python_version, "nothing without a base", "remove `python_version`, or add `base`")


def _tracking(spec: Spec) -> Iterator[Problem]:
    tracking, path = spec.platform.tracking, f"{ROOT}.tracking"
    if tracking.mode == "external" and not tracking.url:
        yield Problem(f"{path}.url", "", "an MLflow server's URL or ARN when mode is external", "add `url`")
    if tracking.mode != "external" and tracking.url:
        fix = f"set {path}.mode to external, or remove `url`"
        yield Problem(f"{path}.url", tracking.url, f"nothing when mode is {tracking.mode}", fix)


def _training_machine(spec: Spec) -> Iterator[Problem]:
    path, machine = f"{ROOT}.training.machine", spec.platform.training.machine
    yield from _machine(spec, "training", path, machine)


def _machine(spec: Spec, use: Use, path: str, machine: Machine | str) -> Iterator[Problem]:
    try:
        fitting(spec.cloud, use, machine)
    except NoMachineError as error:
        shown = machine if isinstance(machine, str) else f"cpus {machine.cpus}, memory_gib {machine.memory_gib:g}"
        fix = f"{error}: ask for less" if isinstance(machine, Machine) else f"{error}: name one that is allowed"
        yield Problem(path, shown, error.allowed, fix)


def _lengths(spec: Spec) -> Iterator[Problem]:
    naming = Naming(spec.platform.name, spec.environment, spec.platform.owner)
    for longest in longest_names(spec.cloud, naming, tuple(spec.platform.models)):
        if longest.excess > 0:
            path = f"{ROOT}.models.{longest.model}" if longest.model else f"{ROOT}.name"
            fix = f"shorten {longest.model or spec.platform.name} or the platform's name by {longest.excess}"
            allowed = f"{longest.what} can be named in {longest.limit} characters"
            yield Problem(path, longest.name, allowed, fix)


def _alert_twice(spec: Spec) -> Iterator[Problem]:
    budget = spec.platform.budget
    if budget and len(set(budget.alert_at)) != len(budget.alert_at):
        shown = ", ".join(f"{share:g}" for share in budget.alert_at)
        yield Problem(f"{ROOT}.budget.alert_at", shown, "each share once", "remove the share that is there twice")


def _instances(path: str, model: Model) -> Iterator[Problem]:
    low, high = model.endpoint.instances.min, model.endpoint.instances.max
    where = f"{path}.endpoint.instances"
    if high is None:
        return
    if low > high:
        fix = f"set min to at most {high}, or max to at least {low}"
        yield Problem(f"{where}.min", str(low), f"at most max, which is {high}", fix)


def _canary(path: str, model: Model) -> Iterator[Problem]:
    percent = model.rollout.canary_percent
    if percent is not None and not model.rollout.bake_seconds:
        fix = f"set {path}.rollout.bake_seconds, such as 300"
        where = f"{path}.rollout.canary_percent"
        yield Problem(where, str(percent), "a canary with a time to watch it only", fix)


def _use_case(path: str, model: Model, known: Known) -> Iterator[Problem]:
    if model.use_case not in known.use_cases:
        meant = did_you_mean(model.use_case, known.use_cases)
        fix = f"did you mean `{meant}`?" if meant else f"add the package ml_jobs/use_cases/{model.use_case}"
        allowed = "one of " + ", ".join(known.use_cases) if known.use_cases else "a package in ml_jobs/use_cases"
        yield Problem(f"{path}.use_case", model.use_case, allowed, fix)


def _rules_file(path: str, model: Model, known: Known) -> Iterator[Problem]:
    """A given rules file must stand beside its use case, for only that reaches the jobs' image."""
    beside = f"ml_jobs/use_cases/{model.use_case}/govern.yaml"
    rules = model.rules if model.rules is not None else beside
    missing = model.use_case in known.use_cases and not (known.root / rules).is_file()
    if missing or rules != beside:
        fix = f"write the rules in {beside}" + (", and remove `rules`" if rules != beside else "")
        yield Problem(f"{path}.rules", rules, f"the file {beside}", fix)


_PLATFORM_RULES: tuple[Callable[[Spec], Iterator[Problem]], ...] = (
    misplaced,
    refused,
    _network,
    _images,
    _tracking,
    _training_machine,
    _lengths,
    _alert_twice,
)
_MODEL_RULES: tuple[Callable[[str, Model], Iterator[Problem]], ...] = (
    _instances,
    _canary,
)
