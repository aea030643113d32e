"""Reports about an environment's definition and what runs of it."""
