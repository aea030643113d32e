"""Vertex AI's kinds of resources that are no more than records: endpoints, metadata stores, tensorboards."""

from infra.localcloud.gcp.service import Service

SERVICE = Service("aiplatform.v1", section="vertex")
