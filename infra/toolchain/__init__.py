"""Finds or installs the programs that Stile runs: the Pulumi CLI with its language host, and crane."""

from infra.toolchain.found import Found, Toolchain, find, find_uv
from infra.toolchain.install import ensure

__all__ = ["Found", "Toolchain", "ensure", "find", "find_uv"]
