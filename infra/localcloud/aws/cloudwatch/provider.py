"""CloudWatch as LocalStack has it, but tags given with an alarm are kept, and what is missing is said to be."""

from collections.abc import Iterable
from typing import Any

from localstack.aws.api import RequestContext
from localstack.aws.api.cloudwatch import DashboardNotFoundError, ResourceNotFound
from localstack.services.cloudwatch.provider_v2 import CloudwatchProvider
from localstack.services.plugins import Service
from localstack.utils.aws.arns import cloudwatch_alarm_arn


class TaggingCloudwatchProvider(CloudwatchProvider):
    """LocalStack 4.13 drops an alarm's Tags, and answers a missing alarm or dashboard otherwise than the vendor."""

    # LocalStack itself declares these two with the request as a whole, against its own generated base.
    def put_metric_alarm(self, context: RequestContext, request: Any) -> None:  # type: ignore[override]
        """PutMetricAlarm."""
        is_new = self._arn(context, request["AlarmName"]) not in self._alarms(context)
        super().put_metric_alarm(context, request)
        self._tag(context, request, is_new=is_new)

    def put_composite_alarm(self, context: RequestContext, request: Any) -> None:  # type: ignore[override]
        """PutCompositeAlarm."""
        is_new = self._arn(context, request["AlarmName"]) not in self._alarms(context)
        super().put_composite_alarm(context, request)
        self._tag(context, request, is_new=is_new)

    def delete_alarms(self, context: RequestContext, alarm_names: Any, **kwargs: Any) -> None:
        """DeleteAlarms: all of them must exist."""
        known = self._alarms(context)
        found = [self._arn(context, name) for name in alarm_names]
        if gone := [arn for arn in found if arn not in known]:
            raise ResourceNotFound(f"Some of the alarms do not exist: {', '.join(gone)}")
        super().delete_alarms(context, alarm_names, **kwargs)
        tags = self.get_store(context.account_id, context.region).TAGS
        for arn in found:
            tags.tags.pop(arn, None)

    def get_dashboard(self, context: RequestContext, dashboard_name: Any, **kwargs: Any) -> Any:
        """GetDashboard."""
        self._require_dashboards(context, [dashboard_name])
        return super().get_dashboard(context, dashboard_name, **kwargs)

    def delete_dashboards(self, context: RequestContext, dashboard_names: Any, **kwargs: Any) -> Any:
        """DeleteDashboards: all of them must exist."""
        self._require_dashboards(context, dashboard_names)
        return super().delete_dashboards(context, dashboard_names, **kwargs)

    def _alarms(self, context: RequestContext) -> dict[str, Any]:
        found: dict[str, Any] = self.get_store(context.account_id, context.region).alarms
        return found

    def _arn(self, context: RequestContext, name: str) -> str:
        return cloudwatch_alarm_arn(name, account_id=context.account_id, region_name=context.region)

    def _tag(self, context: RequestContext, request: Any, *, is_new: bool) -> None:
        """Keep the tags of a new alarm; the vendor ignores those given with an existing one."""
        if is_new and request.get("Tags"):
            arn = self._arn(context, request["AlarmName"])
            self.get_store(context.account_id, context.region).TAGS.tag_resource(arn, request["Tags"])

    def _require_dashboards(self, context: RequestContext, names: Iterable[str]) -> None:
        known = self.get_store(context.account_id, context.region).dashboards
        if gone := [name for name in names if name not in known]:
            raise DashboardNotFoundError(f"Dashboard {', '.join(gone)} does not exist")


def service() -> Service:
    """Build the service; called once, at the first request."""
    return Service.for_provider(TaggingCloudwatchProvider())
