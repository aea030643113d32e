"""Vertex AI of the local Google Cloud."""
