"""The permission gate of the local Google Cloud: a service account may do what its roles on a resource allow."""
