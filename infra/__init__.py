"""Everything around running the Pulumi program; nothing that a stack's definition needs."""
