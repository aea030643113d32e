"""Whether the libraries that pages are made with are installed; to be asked before anything here that needs them."""

import importlib.util

from infra.errors import ToolchainError

LIBRARIES = ("jinja2", "matplotlib")


def require_libraries() -> None:
    """Check that pages can be made.

    Raises:
        ToolchainError: a library is missing; it names the extra that has it.
    """
    missing = [name for name in LIBRARIES if importlib.util.find_spec(name) is None]
    if missing:
        fix = "install the extra `reports`: uv sync --extra reports, or pip install 'stile[reports]'"
        raise ToolchainError(f"a page needs {' and '.join(missing)}, which this Python does not have", fix=fix)
