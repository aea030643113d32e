"""Where an environment stands: what must be known of a cloud's account before anything is made in it."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Place:
    """A region, and on Google Cloud the project.

    On AWS the credentials name the account, and ARNs tell it. Google's names hold the project's id, and its own service
    agents are called by the project's number.

    Attributes:
        region: the cloud's region.
        project: Google's project id.
        project_number: its number.
        billing_account: what its budget is made in; empty if nothing is budgeted.
    """

    region: str
    project: str = ""
    project_number: str = ""
    billing_account: str = ""

    @property
    def parent(self) -> str:
        """What Google's regional resources are named below."""
        return f"projects/{self.project}/locations/{self.region}"
