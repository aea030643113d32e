"""The stand-in for the AWS provider plugin; it talks to local clouds only."""
