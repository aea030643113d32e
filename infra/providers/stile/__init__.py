"""The plugin of our own resources, for real clouds and local ones."""
