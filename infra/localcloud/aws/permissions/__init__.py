"""The permission gate: what acts under a role may do only what the role's policies allow, as on the vendor's cloud."""
