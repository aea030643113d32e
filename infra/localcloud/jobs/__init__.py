"""Runs containers' contracts as processes, for every local cloud."""
