"""ECR, as a LocalStack service."""
