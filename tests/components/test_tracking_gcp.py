"""Google's tracking as declared: what MLflow's server needs is there before it starts."""

from collections.abc import Mapping

from tests.components.mocked import Declared


def test_the_server_starts_after_all_that_it_reads_when_it_starts(first_ups: Mapping[str, Declared]) -> None:
    """Cloud Run refuses a revision whose secret has no version yet, and the engine makes both at once if it may."""
    declared = first_ups["gcp"]
    needed = {
        declared.one("secretmanager/secretVersion:SecretVersion").urn,
        declared.one("secretmanager/secretIamMember:SecretIamMember").urn,
        *(made.urn for made in declared.all("projects/iAMMember:IAMMember") if made.urn.endswith("mlflow-database")),
    }
    assert len(needed) == 3
    assert needed <= declared.one("cloudrunv2/service:Service").depends_on
    reached = {declared.one("sql/user:User").urn, declared.one("sql/database:Database").urn}
    assert reached <= declared.one("secretmanager/secretVersion:SecretVersion").depends_on
