"""The Spec: what a stack's configuration says, frozen and plain; validation.py makes one."""

from typing import Annotated, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Discriminator, Field, Tag

from components.place import Place

NAME_ALLOWED = "2 to 40 lower-case letters, digits and single hyphens, a letter first"

Name = Annotated[
    str,
    Field(
        pattern=r"^[a-z][a-z0-9]*(-[a-z0-9]+)*$",
        min_length=2,
        max_length=40,
        description=NAME_ALLOWED,
    ),
]
Label = Annotated[
    str,
    Field(
        pattern=r"^[a-z0-9_-]{1,63}$",
        description="1 to 63 lower-case letters, digits, hyphens and underscores, as tags and labels take",
    ),
]
Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$", description="64 hexadecimal digits in lower case")]
Existing = Annotated[
    str,
    Field(
        pattern=r"^(arn:aws[a-z-]*:|projects/|[^@\s]+@)\S+$",
        description="an ARN on AWS; on Google Cloud a service account's address, or a key's resource name",
    ),
]


def _whole_number_as_text(value: object) -> object:
    """YAML reads `version: 3` as a number, and a version is text."""
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else value


class Part(BaseModel):
    """A part of the Spec: it cannot be changed, and takes no key that it does not know."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


class Machine(Part):
    """What a job or an endpoint needs; `components/machines.toml` knows which type has it."""

    cpus: int = Field(ge=1, description="a whole number of virtual CPUs, 1 or more")
    memory_gib: float = Field(gt=0, description="a number of GiB above 0")


def _kind_of_machine(value: object) -> str:
    return "type" if isinstance(value, str) else "need"


MachineOrType = Annotated[
    Annotated[Machine, Tag("need")] | Annotated[str, Tag("type")],
    Discriminator(_kind_of_machine),
    Field(description="{cpus: 2, memory_gib: 8}, or the name of a machine type"),
]


class Network(Part):
    """Where jobs and endpoints run: on the provider's network, or in a VPC that exists."""

    mode: Literal["public", "private"] = "public"
    vpc_id: str | None = Field(
        default=None, pattern=r"^vpc-[0-9a-f]+$", description="the id of a VPC, such as vpc-0a1b2c3d"
    )
    subnet_ids: tuple[str, ...] = Field(default=(), strict=False, description="subnet ids, such as [subnet-0a1b2c3d]")
    security_group_ids: tuple[str, ...] = Field(
        default=(), strict=False, description="security group ids, such as [sg-0a1b2c3d]"
    )


class Identity(Part):
    """Roles that exist already, on Google Cloud service accounts by their addresses; each left out is created."""

    job_role_arn: Existing | None = None
    pipeline_role_arn: Existing | None = None
    serving_role_arn: Existing | None = None
    tracking_role_arn: Existing | None = None


class Images(Part):
    """What the job image is made on."""

    base: str | None = Field(
        default=None,
        pattern=r"^[^@\s]+@sha256:[0-9a-f]{64}$",
        description="an image with its digest, such as public.ecr.aws/docker/library/python@sha256:...",
    )
    python_version: str | None = Field(
        default=None,
        pattern=r"^3\.\d+$",
        description='the minor version of the base\'s Python, in quotes, such as "3.11"',
    )
    repository: str | None = Field(default=None, description="the URL of a repository that exists, <host>/<name>")


class Storage(Part):
    """The data bucket: raw data, runs, artifacts and captured requests."""

    retention_days: int = Field(default=90, ge=1, le=3650, description="a whole number of days, 1 to 3650")
    bucket: str | None = Field(
        default=None,
        pattern=r"^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$",
        description="the name of a bucket that exists; left out, one is created",
    )
    kms_key_arn: Existing | None = None


class Tracking(Part):
    """Where MLflow runs."""

    mode: Literal["managed", "server", "external"] = "managed"
    url: str | None = Field(
        default=None,
        pattern=r"^(https?://|arn:aws[a-z-]*:sagemaker:)\S+$",
        description="an MLflow server's http(s) URL, or the ARN of an MLflow App or tracking server",
    )


class Training(Part):
    """What every job of a pipeline gets."""

    machine: MachineOrType = Machine(cpus=2, memory_gib=8)
    max_hours: float = Field(default=1.0, gt=0, le=120, description="a number of hours above 0, at most 120")


class Instances(Part):
    """How many instances serve; without `max`, always `min`."""

    min: int = Field(default=1, ge=1, le=100, description="a whole number, 1 to 100")
    max: int | None = Field(default=None, ge=1, le=100, description="a whole number, 1 to 100")


class Capture(Part):
    """Which part of the requests and answers is kept in the data bucket, and what is left out of it."""

    share: float = Field(default=1.0, ge=0, le=1, description="a share from 0 (nothing) to 1 (everything)")
    mask: tuple[str, ...] = Field(default=(), strict=False, description="a list of names of features that are not kept")


class Endpoint(Part):
    """How a model is served."""

    kind: Literal["realtime", "serverless", "async", "batch"] = "realtime"
    machine: MachineOrType = Machine(cpus=2, memory_gib=4)
    instances: Instances = Instances()
    capture: Capture = Capture()


Alarm = Literal["server-errors", "latency", "client-errors"]


class Rollout(Part):
    """How a release takes over: what share first, how long it is watched, and by which alarms.

    Without `bake_seconds` it takes over at once and unwatched. To watch an endpoint that was made without it, SageMaker
    makes the endpoint anew.
    """

    canary_percent: int | None = Field(default=None, ge=1, le=50, description="a whole number of percent, 1 to 50")
    bake_seconds: int = Field(default=0, ge=0, le=3600, description="a whole number of seconds, 0 to 3600")
    alarms: tuple[Alarm, ...] = Field(
        default=("server-errors", "latency"),
        strict=False,
        min_length=1,
        description="a list of at least one of server-errors, latency, client-errors",
    )


class Release(Part):
    """The model version that is served, and the digest that its canonical file must have."""

    version: Annotated[
        str,
        BeforeValidator(_whole_number_as_text),
        Field(pattern=r"^[1-9][0-9]{0,5}$", description="the number of a registered version, such as 3"),
    ]
    sha256: Sha256


class Schedule(Part):
    """When the pipeline runs by itself."""

    cron: str = Field(pattern=r"^\S+( \S+){4}$", description="five cron fields, such as 0 6 * * 1")


class Model(Part):
    """One model: its use case, and how it is trained, released and served."""

    use_case: str = Field(pattern=r"^[a-z][a-z0-9_]*$", description="the name of a package in ml_jobs/use_cases")
    rules: str | None = Field(default=None, description="a rules file; left out, govern.yaml beside the use case")
    endpoint: Endpoint = Endpoint()
    rollout: Rollout = Rollout()
    release: Release | None = None
    schedule: Schedule | None = None


class Monitoring(Part):
    """What raises an alarm, and who hears of it."""

    emails: tuple[Annotated[str, Field(pattern=r"^[^@\s]+@[^@\s]+$")], ...] = Field(
        default=(), strict=False, description="a list of e-mail addresses"
    )
    latency_ms: int = Field(default=1000, ge=1, le=60_000, description="a whole number of milliseconds, 1 to 60000")
    server_errors_per_minute: int = Field(default=1, ge=1, description="a whole number, 1 or more")
    client_errors_per_minute: int = Field(default=50, ge=1, description="a whole number, 1 or more")
    log_retention_days: Literal[1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 3653] = 30


class Budget(Part):
    """What a month may cost, and at which shares of it someone hears."""

    monthly_usd: float = Field(gt=0, allow_inf_nan=False, description="a number of US dollars above 0")
    alert_at: tuple[Annotated[float, Field(gt=0, le=10)], ...] = Field(
        default=(0.8, 1.0),
        strict=False,
        min_length=1,
        max_length=5,
        description="1 to 5 shares of monthly_usd, each above 0 and at most 10, such as [0.8, 1.0]",
    )


class Platform(Part):
    """The value of `stile:platform`."""

    name: Name
    owner: Label
    network: Network = Network()
    identity: Identity = Identity()
    images: Images = Images()
    storage: Storage = Storage()
    tracking: Tracking = Tracking()
    training: Training = Training()
    models: dict[Name, Model] = Field(min_length=1, description="at least one model, by name")
    monitoring: Monitoring = Monitoring()
    budget: Budget | None = None


class Google(Part):
    """The value of `stile:gcp`: what must be known of a project on Google Cloud beside its id."""

    project_number: Annotated[
        str,
        BeforeValidator(_whole_number_as_text),
        Field(pattern=r"^[1-9][0-9]{5,18}$", description="the number of the project, such as 123456789012"),
    ]
    billing_account: str | None = Field(
        default=None,
        pattern=r"^[0-9A-F]{6}-[0-9A-F]{6}-[0-9A-F]{6}$",
        description="the id of a billing account, such as 012345-6789AB-CDEF01",
    )


class Spec(Part):
    """A stack, whole and valid.

    Attributes:
        environment: the stack's name, such as `local-aws`.
        cloud: `aws` or `gcp`.
        region: the cloud's region.
        project: Google's project id; None on AWS, where the credentials name the account.
        google: the value of `stile:gcp`; None on AWS.
        platform: the value of `stile:platform`.
    """

    environment: Name
    cloud: Literal["aws", "gcp"]
    region: str = Field(pattern=r"^[a-z]+(-[a-z]+)+-?\d+$", description="a region, such as us-east-1 or us-central1")
    project: str | None = Field(
        default=None,
        pattern=r"^[a-z][a-z0-9-]{4,28}[a-z0-9]$",
        description="the id of a project, such as our-models-123",
    )
    google: Google | None = None
    platform: Platform

    @property
    def place(self) -> Place:
        """Where it stands."""
        google = self.google
        number, billing = (google.project_number, google.billing_account or "") if google else ("", "")
        return Place(self.region, self.project or "", number, billing)
