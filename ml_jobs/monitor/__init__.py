"""The monitor job: what an endpoint was asked and what it answered, against what its model learned from."""
