"""Cloud SQL of the local Google Cloud: each instance is a real PostgreSQL, where its programs are installed."""
