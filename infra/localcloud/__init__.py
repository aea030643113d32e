"""The local clouds: servers on loopback that answer as the vendors' clouds do."""
