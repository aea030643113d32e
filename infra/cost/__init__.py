"""What an environment will cost: price book, quantities per resource type, usage, estimate and reports."""
