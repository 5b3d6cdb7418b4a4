"""Unmodified clients against the broker, and against nats-server, which shows that the test asks what is right."""
