"""Cloud Run of the local Google Cloud: a service is a process of this machine behind an address of its own.

What differs from Google's: there is one instance per service, which starts with the revision and is never scaled to
nothing; the address is a port of loopback, where who shows no service account's token is a person and may call; all
containers share the machine's network, so that an image has to listen where $PORT says. An image of a remote
repository, which only a network could fetch, is run from our own environment if it is MLflow's server, and else is not
there. Volumes are sockets of Cloud SQL, for MLflow's server only.
"""
