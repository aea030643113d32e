"""What the commands do on a cloud beyond provisioning: runs, releases, predictions."""
