"""Many clients at once: no change is lost, of those who race for a name one wins, and the cloud itself never fails."""

import json
from typing import Any

from botocore.config import Config

from benchmarks.crowd import CLIENTS, crowd
from tests.localcloud.cloud import LocalAws
from tests.localcloud.job_images import TRUST

ROUNDS = 6


def test_a_crowd_loses_nothing(local_aws: LocalAws) -> None:
    """Protects: racing creators and deleters have one winner, concurrent changes of one record are all kept."""
    role = local_aws.name("crowd")
    iam = local_aws.client("iam")
    arn = iam.create_role(RoleName=role, AssumeRolePolicyDocument=json.dumps(TRUST))["Role"]["Arn"]

    def connect() -> Any:
        return local_aws.client("sagemaker", config=Config(retries={"total_max_attempts": 1}))

    seen = crowd(connect, arn, lambda done: done < ROUNDS)
    assert seen.lost == []
    assert set(seen.winners.values()) == {1}
    assert len(seen.winners) == 2 * ROUNDS
    assert seen.answers.keys() <= {200, 400}
    assert sum(seen.answers.values()) == CLIENTS * ROUNDS * 10
