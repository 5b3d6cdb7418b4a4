"""Counters that monitoring and coordination read. No logic."""

from typing import TYPE_CHECKING

from broker import builds


class Counters:
    """What the data path counts. Compiled twin: ``broker/speedups/subscription.pxi``"""

    __slots__ = ("in_bytes", "in_msgs", "out_bytes", "out_msgs")

    def __init__(self) -> None:
        self.in_msgs = 0
        self.in_bytes = 0
        self.out_msgs = 0
        self.out_bytes = 0


if builds.speedups is not None and not TYPE_CHECKING:
    Counters = builds.speedups.Counters


class Traffic(Counters):
    """Messages and bytes in and out, cumulative; bytes are header and payload, as nats-server counts them."""

    __slots__ = ("slow_consumers",)

    def __init__(self) -> None:
        super().__init__()
        self.slow_consumers = 0


class ServerStats(Traffic):
    """A server's totals since its start."""

    __slots__ = ("auth_refused", "stale_connections", "stalled_clients", "total_connections")

    def __init__(self) -> None:
        super().__init__()
        self.total_connections = 0
        self.stale_connections = 0
        self.stalled_clients = 0
        self.auth_refused = 0
