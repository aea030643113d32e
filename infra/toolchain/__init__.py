"""Finds or installs the programs that Stile runs: pulumi, its language host, crane."""
