"""The whole stack on a local cloud: what a person sees who types the commands."""
