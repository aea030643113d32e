"""The stand-in for the Google Cloud provider plugin; it talks to local clouds only."""
