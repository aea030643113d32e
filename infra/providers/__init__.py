"""Pulumi resource plugins written in Python."""
