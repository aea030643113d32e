"""Adapters from a container contract to a job's core."""
