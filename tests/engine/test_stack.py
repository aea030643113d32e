"""What is asked of the CLI about a stack: no more than is read, and no secret."""

import pytest

from infra import engine
from tests.engine.small_project import SmallProject, Watched

pytestmark = pytest.mark.slow

HIDDEN = 'pulumi.export("hidden", pulumi.Output.secret("a word"))\n'


def test_a_secret_output_is_known_to_be_one_and_never_read(project: SmallProject) -> None:
    """A command's answer, and the memory of the process that gives it, hold no secret of the stack."""
    program = project.root / "infra" / "__main__.py"
    program.write_text(program.read_text() + HIDDEN)
    project.declare(first={"text": "hello"})
    session = project.session()
    made = engine.up(session, Watched())
    assert made.outputs == {"first": 5}
    asked = session.stack.outputs()
    assert asked["hidden"].secret
    assert "a word" not in str(asked)
    assert "a word" not in str(session.stack.nothing_secret().deployment)
    assert "a word" in str(session.stack.export_stack().deployment)
