"""The endpoint stage: what serves a model, and the check that it serves the one asked for."""
