"""SageMaker's runtime, as a LocalStack service."""
