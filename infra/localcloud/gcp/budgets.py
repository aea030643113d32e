"""Cloud Billing budgets: records below a billing account."""

from infra.localcloud.gcp.service import Service

SERVICE = Service("billingbudgets.v1", section="billingbudgets")
