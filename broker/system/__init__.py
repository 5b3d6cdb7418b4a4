"""The system account: what it can ask of this server, and what it is told. ``service.SystemService`` is the entry."""
