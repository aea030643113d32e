"""Cloud Run of the local Google Cloud: a service is a process of this machine behind an address of its own."""
