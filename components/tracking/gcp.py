"""MLflow on Google Cloud: our own server on Cloud Run over Cloud SQL, or one that exists; Vertex AI has no MLflow."""

from collections.abc import Mapping, Sequence
from typing import Any

import pulumi
import pulumi_gcp as gcp

from components.google import enable, statement
from components.stages import Grants, Role
from components.tracking import TrackingArgs
from components.tracking.password import Password

LOGGING: tuple[Role, ...] = ("train", "evaluate", "govern", "jobs")
"""The jobs that log runs."""

IMAGE = "mlflow/mlflow:v3.17.2-full"
"""MLflow's own image with `mlflow[extras,db]`, so with the drivers for Cloud Storage and PostgreSQL.

Source: docker/Dockerfile.full of https://github.com/mlflow/mlflow, and its pull request 19979.
"""
SOURCE = "https://ghcr.io"
"""Where MLflow publishes it. Cloud Run takes images of Artifact Registry, which hands this one on."""

ALWAYS: Mapping[str, int] = {"managed": 0, "server": 1}
"""How many instances run while nobody asks: none, which costs only the database, or one, which answers at once."""

DATABASE = "mlflow"
SOCKETS = "/cloudsql"
"""Where Cloud Run puts the sockets of Cloud SQL: https://cloud.google.com/sql/docs/postgres/connect-run."""


class GcpTracking(pulumi.ComponentResource):
    """MLflow's server, reached by its URL with an identity token of an account that may invoke it.

    Its database holds the history of runs, so all that makes the database up is protected. The server itself holds
    nothing, and goes with the stack. Artifacts pass through the server, whose account alone writes them.
    """

    uri: pulumi.Output[str]
    grants: Grants

    def __init__(self, name: str, args: TrackingArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("stile:index:Tracking", name, {}, opts)
        self._naming = args["naming"]
        self._tags = self._naming.tags("tracking")
        self._child = pulumi.ResourceOptions(parent=self)
        self._kept = pulumi.ResourceOptions(parent=self, protect=True)
        self.grants = {}
        self.uri = self._external(args) if args["mode"] == "external" else self._server(args)
        self.register_outputs({"uri": self.uri})

    def _external(self, args: TrackingArgs) -> pulumi.Output[str]:
        return pulumi.Output.from_input(args["url"])

    def _server(self, args: TrackingArgs) -> pulumi.Output[str]:
        database = enable(self._naming, ("sqladmin", "secretmanager"), self._kept)
        self._kept = pulumi.ResourceOptions.merge(self._kept, pulumi.ResourceOptions(depends_on=database))
        instance = self._instance(args)
        secret, version = self._address(instance)
        allowed = self._allowed(args, instance, secret)
        service = self._service(args, instance, secret, [*args.get("depends_on", ()), version, *allowed])
        calling = (statement("calls", "roles/run.invoker", "service", service.id),)
        self.grants = dict.fromkeys(LOGGING, calling)
        uri: pulumi.Output[str] = service.uri
        return uri

    def _instance(self, args: TrackingArgs) -> Any:
        # No explicit name: Google takes the name of a deleted instance again only after a week.
        return gcp.sql.DatabaseInstance(
            self._naming.of("mlflow"),
            database_version="POSTGRES_17",
            region=args["place"].region,
            deletion_protection=False,  # that is what `protect` is for
            settings={
                "edition": "ENTERPRISE",
                "tier": "db-g1-small",
                "availability_type": "ZONAL",
                "backup_configuration": {"enabled": True, "point_in_time_recovery_enabled": True},
                "ip_configuration": {"ipv4_enabled": True, "ssl_mode": "ENCRYPTED_ONLY"},
                "user_labels": self._tags,
            },
            opts=self._kept,
        )

    def _address(self, instance: Any) -> tuple[Any, Any]:
        """Keep the database's address, password and all, as a secret; return it and its version, which holds it."""
        password = Password(self._naming.of("mlflow"), opts=self._kept).password
        given = {"instance": instance.name, "deletion_policy": "ABANDON", "opts": self._kept}
        database = gcp.sql.Database(self._naming.of("mlflow"), name=DATABASE, **given)
        user = gcp.sql.User(self._naming.of("mlflow"), name=DATABASE, password=password, **given)
        start = pulumi.Output.concat("postgresql+psycopg2://", user.name, ":", password, "@/", database.name)
        secret = gcp.secretmanager.Secret(
            self._naming.of("mlflow"),
            secret_id=self._naming.of("mlflow"),
            replication={"auto": {}},
            labels=self._tags,
            opts=self._kept,
        )
        version = gcp.secretmanager.SecretVersion(
            self._naming.of("mlflow"),
            secret=secret.id,
            secret_data=pulumi.Output.concat(start, f"?host={SOCKETS}/", instance.connection_name),
            opts=self._kept,
        )
        return secret, version

    def _allowed(self, args: TrackingArgs, instance: Any, secret: Any) -> Sequence[pulumi.Resource]:
        """Let the server's account read the address and connect: what it needs before it can start."""
        member = pulumi.Output.concat("serviceAccount:", args["role"])
        project = args["place"].project
        only = pulumi.Output.concat(
            'resource.type == "sqladmin.googleapis.com/Instance" && ',
            f'resource.name == "projects/{project}/instances/',
            instance.name,
            '"',
        )
        title = self._naming.of("mlflow-database")
        return [
            gcp.secretmanager.SecretIamMember(
                self._naming.of("mlflow"),
                secret_id=secret.id,
                role="roles/secretmanager.secretAccessor",
                member=member,
                opts=self._child,
            ),
            gcp.projects.IAMMember(
                title,
                project=project,
                role="roles/cloudsql.client",
                member=member,
                condition={"title": title, "expression": only},
                opts=self._child,
            ),
        ]

    def _service(self, args: TrackingArgs, instance: Any, secret: Any, needed: Sequence[pulumi.Resource]) -> Any:
        services = enable(self._naming, ("run", "artifactregistry"), self._child)
        after = pulumi.ResourceOptions(depends_on=[*services, *needed])
        template = {
            "service_account": args["role"],
            "scaling": {"min_instance_count": ALWAYS[args["mode"]], "max_instance_count": 1},
            "containers": [self._container(args, secret)],
            "volumes": [{"name": "cloudsql", "cloud_sql_instance": {"instances": [instance.connection_name]}}],
        }
        return gcp.cloudrunv2.Service(
            self._naming.of("mlflow"),
            name=self._naming.of("mlflow"),
            location=args["place"].region,
            ingress="INGRESS_TRAFFIC_ALL",
            deletion_protection=False,
            template=template,
            labels=self._tags,
            opts=pulumi.ResourceOptions.merge(self._child, after),
        )

    def _container(self, args: TrackingArgs, secret: Any) -> Mapping[str, Any]:
        port = 8080
        address = {"secret_key_ref": {"secret": secret.secret_id, "version": "latest"}}
        return {
            "image": pulumi.Output.concat(self._images(args).registry_uri, f"/{IMAGE}"),
            "commands": ["mlflow"],
            "args": [
                *("server", "--host", "0.0.0.0", "--port", str(port), "--workers", "1"),  # noqa: S104 - of a container
                # Who may ask is decided by IAM in front of the server, which does not know its own name.
                *("--allowed-hosts", "*", "--artifacts-destination", args["artifacts_uri"]),
            ],
            "ports": {"container_port": port},
            "envs": [{"name": "MLFLOW_BACKEND_STORE_URI", "value_source": address}],
            "resources": {"limits": {"cpu": "1", "memory": "2Gi"}, "cpu_idle": ALWAYS[args["mode"]] == 0},
            "volume_mounts": [{"name": "cloudsql", "mount_path": SOCKETS}],
        }

    def _images(self, args: TrackingArgs) -> Any:
        return gcp.artifactregistry.Repository(
            self._naming.of("mlflow"),
            repository_id=self._naming.of("mlflow"),
            location=args["place"].region,
            format="DOCKER",
            mode="REMOTE_REPOSITORY",
            remote_repository_config={"docker_repository": {"custom_repository": {"uri": SOURCE}}},
            labels=self._tags,
            opts=self._child,
        )
