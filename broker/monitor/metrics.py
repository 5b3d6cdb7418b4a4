"""/metrics: Prometheus' text form 0.0.4."""

from broker.monitor.facts import Monitor
from broker.monitor.forms import memory
from broker.monitor.varz import subscriptions


def metrics(monitor: Monitor) -> str:
    """Server totals only, so that the number of series doesn't grow with accounts."""
    server = monitor.server
    stats = server.stats
    rows = (
        ("connections", "gauge", "Clients connected now.", len(server.clients)),
        ("connections_total", "counter", "Clients that ever connected.", stats.total_connections),
        ("subscriptions", "gauge", "Subscriptions now.", subscriptions(server)),
        ("accounts", "gauge", "Accounts known.", len(server.accounts)),
        ("in_msgs_total", "counter", "Messages received.", stats.in_msgs),
        ("in_bytes_total", "counter", "Bytes of messages received.", stats.in_bytes),
        ("out_msgs_total", "counter", "Messages sent.", stats.out_msgs),
        ("out_bytes_total", "counter", "Bytes of messages sent.", stats.out_bytes),
        ("slow_consumers_total", "counter", "Clients closed for being slow.", stats.slow_consumers),
        ("auth_refused_total", "counter", "Clients refused.", stats.auth_refused),
        ("resident_memory_bytes", "gauge", "Memory in use.", memory()),
    )
    lines = []
    for name, kind, help_, value in rows:
        lines += [
            f"# HELP nats_{name} {help_}",
            f"# TYPE nats_{name} {kind}",
            f"nats_{name} {value}",
        ]
    return "\n".join(lines) + "\n"
