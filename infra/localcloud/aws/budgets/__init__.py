"""Budgets, as a LocalStack service."""
