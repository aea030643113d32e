"""What every resource plugin shares: the servicer, tables, property values."""
