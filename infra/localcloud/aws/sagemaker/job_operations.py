"""The operations that training and processing jobs have in common: list, stop, delete, and a job's entry in a list."""

from collections.abc import Callable, Mapping
from typing import Any

from localstack.aws.api import RequestContext

from infra.localcloud.aws.operations import Handler, Operations, Request
from infra.localcloud.aws.paging import Listing
from infra.localcloud.aws.sagemaker.job_records import JobRecord, Jobs, delete, stop


def operations(
    kind: str, jobs: Jobs, create: Handler, describe: Handler, summary: Callable[[JobRecord], Mapping[str, Any]]
) -> Operations:
    """Return the operations of the jobs of a kind, `Training` or `Processing`, by the vendor's names.

    Args:
        jobs: those that there are.
        create: Create<kind>Job.
        describe: Describe<kind>Job.
        summary: turns a record into its entry in List<kind>Jobs.
    """
    listing = Listing[JobRecord](
        summary,
        f"{kind}JobSummaries",
        sort_keys={"Status": lambda record: record.status},
        status=lambda record: record.status,
    )

    def list_jobs(context: RequestContext, request: Request) -> dict[str, Any]:
        return listing.page(jobs.of(context).all(), request)

    def stop_job(context: RequestContext, request: Request) -> None:
        stop(jobs.of(context).get(request[f"{kind}JobName"]), kind.lower())

    def delete_job(context: RequestContext, request: Request) -> None:
        delete(jobs, context, request[f"{kind}JobName"], kind.lower())

    return {
        f"Create{kind}Job": create,
        f"Delete{kind}Job": delete_job,
        f"Describe{kind}Job": describe,
        f"List{kind}Jobs": list_jobs,
        f"Stop{kind}Job": stop_job,
    }


def entry(kind: str, record: JobRecord) -> dict[str, Any]:
    """Return what the entries of both kinds say: name, ARN, status and times, without that of the start."""
    times = record.times(kind)
    times.pop(f"{kind}StartTime", None)
    return {
        f"{kind}JobName": record.name,
        f"{kind}JobArn": record.arn,
        f"{kind}JobStatus": record.status,
        **times,
    }
