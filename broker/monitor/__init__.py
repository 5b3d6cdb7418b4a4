"""What a server says of itself: nats-server's monitoring forms, asked over HTTP (``net.monitoring``) and over the
system account (``broker.system``). Pure: a server in, JSON objects out, their keys in nats-server's order."""
