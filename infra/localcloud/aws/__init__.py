"""LocalStack with our own services in it; runs in an environment of its own and shares only infra.localcloud.jobs."""
