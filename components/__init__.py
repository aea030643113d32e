"""The Pulumi components: one package per stage of the ML value chain, each cloud a module."""
