"""One package per use case: its data, features, candidates and rules."""
