"""Vertex AI's kinds of resources that are no more than records: metadata stores, tensorboards."""

from pathlib import Path

from infra.localcloud.gcp.service import Service
from infra.localcloud.gcp.vertex import keys

TABLE = Path(__file__).with_name("collections.toml")
SERVICE = Service("aiplatform.v1", section="records", table=TABLE)

SERVICE.hooks("metadataStores").filling = keys.filling
SERVICE.hooks("tensorboards").filling = keys.filling
