"""SageMaker: one module per kind of resource, each with its OPERATIONS."""
