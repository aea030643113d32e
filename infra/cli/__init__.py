"""The `stile` command: one module per subcommand, imported when it is used; errors become messages and exit codes."""
