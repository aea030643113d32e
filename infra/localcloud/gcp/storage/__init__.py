"""Cloud Storage of the local Google Cloud: its JSON API, with objects on disk and their metadata in memory."""
