"""How the local AWS cloud is started: LocalStack in its own environment, with our services in it."""

from pathlib import Path

from infra.localcloud.launch import Launch, LocalCloud
from infra.localcloud.preparation import CATALOGUE_ROOT, LIBRARY, PYTHON, prepare_aws


def _lay_out(home: Path) -> None:
    (home / "root" / LIBRARY.parent).mkdir(parents=True)
    (home / "root" / LIBRARY).symlink_to(CATALOGUE_ROOT / LIBRARY)


def _command(cloud: LocalCloud, home: Path) -> list[str]:
    return [str(PYTHON), "-m", "localstack.runtime.main"]


def _environment(cloud: LocalCloud, home: Path) -> dict[str, str]:
    address = cloud.endpoint_url.removeprefix("http://")
    return {
        # LocalStack: on loopback only, asking nothing of any network, everything it writes under its home.
        "GATEWAY_LISTEN": address,
        "LOCALSTACK_HOST": address,
        "DNS_ADDRESS": "0",
        "SKIP_SSL_CERT_DOWNLOAD": "1",
        "DISABLE_EVENTS": "1",
        "PROVIDER_OVERRIDE_CLOUDWATCH": "stile",
        "OVERRIDE_IN_DOCKER": "0",
        "FILESYSTEM_ROOT": str(home / "root"),
        "LOCALSTACK_VOLUME_DIR": str(home / "volume"),
        "XDG_CACHE_HOME": str(CATALOGUE_ROOT / "cache"),
        # LocalStack's own calls, and those of what it starts, go to itself.
        "AWS_ENDPOINT_URL": cloud.endpoint_url,
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_REGION": "us-east-1",
        "AWS_DEFAULT_REGION": "us-east-1",
    }


AWS = Launch(
    title="LocalStack",
    prepare=prepare_aws,
    lay_out=_lay_out,
    command=_command,
    environment=_environment,
    health="/_localstack/health",
)
