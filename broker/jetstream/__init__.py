"""JetStream: streams and consumers over the store, without sockets and without a clock of its own."""
