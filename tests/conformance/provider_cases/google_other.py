"""Vertex AI, Secret Manager, Cloud Run and the project's APIs."""

from tests.conformance.provider_cases import Args, Case
from tests.conformance.provider_cases.google import REGION, GoogleWorld
from tests.localcloud.gcp.serving import PLACE

TOKENS = (
    "gcp:vertex/aiEndpoint:AiEndpoint",
    "gcp:vertex/aiMetadataStore:AiMetadataStore",
    "gcp:vertex/aiTensorboard:AiTensorboard",
    "gcp:secretmanager/secret:Secret",
    "gcp:secretmanager/secretVersion:SecretVersion",
    "gcp:cloudrunv2/service:Service",
    "gcp:projects/service:Service",
)


def cases(world: GoogleWorld) -> list[Case]:
    endpoint, store, board, secret, version, service, api = TOKENS
    labels = {"labels": {"stile-stage": "endpoint"}}
    return [
        Case(
            endpoint,
            args={"displayName": "first", "location": REGION, **labels},
            change={"displayName": "second", "description": "more", "labels": {"stile-stage": "other"}},
            replace={"name": "123456789"},
            drift=lambda world, out: world.call(
                "aiplatform.v1",
                "projects.locations.endpoints.patch",
                name=f"{PLACE}/endpoints/{out['name']}",
                updateMask="displayName",
                body={"displayName": "by hand"},
            ),
            drifts="displayName",
            imported_without=("labels",),
        ),
        Case(
            store,
            args={"region": REGION, "description": "first"},
            change={},
            replace={"description": "second"},
            drift=_delete_store,
            drifts="",
        ),
        Case(
            board,
            args={"displayName": "first", "region": REGION, **labels},
            change={"displayName": "second"},
            replace={},
            drift=lambda world, out: world.call(
                "aiplatform.v1",
                "projects.locations.tensorboards.patch",
                name=out["name"],
                updateMask="displayName",
                body={"displayName": "by hand"},
            ),
            drifts="displayName",
            imported_without=("labels",),
        ),
        Case(
            secret,
            args={"secretId": "case-secret", "replication": {"auto": {}}, **labels},
            change={"labels": {"stile-stage": "other"}, "versionDestroyTtl": "86400s"},
            replace={"secretId": "case-secret-2"},
            drift=lambda world, out: world.call(
                "secretmanager.v1",
                "projects.secrets.patch",
                name=out["name"],
                updateMask="labels",
                body={"labels": {"stile-stage": "by-hand"}},
            ),
            drifts="labels",
            imported_without=("labels",),
        ),
        Case(
            version,
            args={"secret": world.secret("case-versions"), "secretData": "first words"},
            change={"enabled": False},
            replace={"secretData": "other words"},
            drift=lambda world, out: world.call(
                "secretmanager.v1", "projects.secrets.versions.enable", name=out["name"], body={}
            ),
            drifts="enabled",
            imported_without=("secretData",),
        ),
        Case(
            service,
            args={
                "location": REGION,
                "deletionProtection": False,
                "template": {
                    "containers": [
                        {
                            "image": "us-docker.pkg.dev/stile-local/images/hello:1",
                            "args": ["serve"],
                            "envs": [{"name": "COLOUR", "value": "blue"}],
                            "resources": {"limits": {"cpu": "1", "memory": "2Gi"}},
                        }
                    ],
                    "scaling": {"maxInstanceCount": 1},
                },
                **labels,
            },
            change={"description": "more", "labels": {"stile-stage": "other"}},
            replace={"name": "case-service-2"},
            drift=lambda world, out: world.call(
                "run.v2",
                "projects.locations.services.patch",
                name=f"{PLACE}/services/{out['name']}",
                updateMask="description",
                body={"description": "by hand"},
            ),
            drifts="description",
            imported_without=("labels", "deletionProtection"),
        ),
        Case(
            api,
            args={"service": "cloudkms.googleapis.com", "disableOnDestroy": True},
            change={"disableOnDestroy": False},
            replace={"service": "run.googleapis.com"},
            drift=lambda world, out: world.call(
                "serviceusage.v1", "services.disable", name=f"projects/stile-local/services/{out['service']}", body={}
            ),
            drifts="",
            stays="an API stays switched on",
            imported_without=("disableOnDestroy",),
        ),
    ]


def _delete_store(world: GoogleWorld, out: Args) -> None:
    world.call(
        "aiplatform.v1", "projects.locations.metadataStores.delete", name=f"{PLACE}/metadataStores/{out['name']}"
    )
