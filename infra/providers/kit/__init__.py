"""What every resource plugin shares: the servicer, property values, names, differences, and types told by tables.

A plugin is a `resource.Plugin` with one `resource.Resource` per type; `server.main` runs it.
"""
