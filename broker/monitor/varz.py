"""/varz and STATSZ: the server as a whole."""

from typing import Any, Final

from broker import NATS_VERSION, builds
from broker.core.server import Server
from broker.monitor.facts import Monitor
from broker.monitor.forms import cores, memory, number, present, timestamp, uptime
from broker.monitor.options import Values

#: Switches of nats-server's that are shown where the configuration doesn't set them.
_FEATURES: Final = {
    "js_ack_fc_v2": False, "js_api_reply_v2": False, "js_raft_delete_range": True, "js_snapshot_sources": False,
}  # fmt: skip


def feature_flags(configured: dict[str, bool]) -> dict[str, bool]:
    return dict(sorted({**_FEATURES, **configured}.items()))


def subscriptions(server: Server) -> int:
    """The server's own included."""
    return sum(len(account.sublist) for account in server.accounts.values())


def varz(monitor: Monitor, _options: Values) -> dict[str, Any]:
    now_s = monitor.now_s()
    return {
        **_identity(monitor),
        **_limits(monitor),
        **_blocks(monitor),
        **_process(monitor, now_s),
        **_traffic(monitor.server),
        "subscriptions": subscriptions(monitor.server),
        "http_req_stats": dict(sorted(monitor.asked.items())),
        **_configuration(monitor),
        **_troubles(monitor.server),
        **present({"tls_cert_not_after": monitor.facts.certificate_ends}),
    }


def _identity(monitor: Monitor) -> dict[str, Any]:
    server = monitor.server
    options, info = server.options, server.info_fields()
    return {
        "server_id": server.server_id,
        "server_name": monitor.name,
        "version": NATS_VERSION,
        "proto": 1,
        **present({"git_commit": info.get("git_commit")}),
        "go": info.get("go", ""),
        "wireroom_build": builds.name,
        "host": options.host,
        "port": options.port,
        **present(
            {
                "auth_required": server.auth_required,
                "tls_required": options.tls_required,
                "tls_verify": options.tls_verify,
                "connect_urls": list(options.connect_urls),
                "ws_connect_urls": list(options.ws_connect_urls),
            }
        ),
    }


def _limits(monitor: Monitor) -> dict[str, Any]:
    options, facts = monitor.server.options, monitor.facts
    return {
        "max_connections": options.max_connections,
        **present({"max_subscriptions": options.max_subscriptions}),
        "ping_interval": int(options.ping_interval_s * 1e9),
        "ping_max": options.ping_max,
        "http_host": facts.http_host,
        "http_port": facts.http_port,
        "http_base_path": facts.http_base_path,
        "https_port": facts.https_port,
        "auth_timeout": number(options.auth_timeout_s),
        "max_control_line": options.max_control_line,
        "max_payload": options.max_payload,
        "max_pending": options.max_pending,
    }


def _blocks(monitor: Monitor) -> dict[str, Any]:
    facts = monitor.facts
    names = ("cluster", "gateway", "leaf", "mqtt", "websocket")
    return {
        **{name: facts.blocks.get(name, {}) for name in names},
        "jetstream": facts.jetstream.varz() if facts.jetstream is not None else {},
        "tls_timeout": number(facts.tls_timeout_s),
        "write_deadline": int(monitor.server.options.write_deadline_s * 1e9),
        **present({"write_timeout": facts.write_timeout}),
    }


def _process(monitor: Monitor, now_s: float) -> dict[str, Any]:
    start_s = monitor.server.start_s
    return {
        "start": timestamp(start_s),
        "now": timestamp(now_s),
        "uptime": uptime(now_s - start_s),
        "mem": memory(),
        "cores": cores(),
        "gomaxprocs": 1,
        "cpu": monitor.processor(),
    }


def _traffic(server: Server) -> dict[str, Any]:
    """All traffic is clients' where a server stands alone."""
    stats = server.stats
    return {
        "connections": len(server.clients),
        "total_connections": stats.total_connections,
        "routes": 0,
        "remotes": 0,
        "leafnodes": 0,
        "in_msgs": stats.in_msgs,
        "in_bytes": stats.in_bytes,
        "in_client_msgs": stats.in_msgs,
        "in_client_bytes": stats.in_bytes,
        "out_msgs": stats.out_msgs,
        "out_bytes": stats.out_bytes,
        "out_client_msgs": stats.out_msgs,
        "out_client_bytes": stats.out_bytes,
        "slow_consumers": stats.slow_consumers,
        "stale_connections": stats.stale_connections,
        "stalled_clients": stats.stalled_clients,
    }


def _configuration(monitor: Monitor) -> dict[str, Any]:
    facts, system = monitor.facts, monitor.server.system_account
    return {
        "config_load_time": timestamp(facts.config_load_s or monitor.server.start_s),
        "config_digest": facts.config_digest,
        **present({"tags": list(facts.tags), "metadata": facts.metadata}),
        "feature_flags": feature_flags(facts.feature_flags),
        **present(
            {
                "trusted_operators_jwt": list(facts.operator_tokens),
                "trusted_operators_claim": list(facts.operator_claims),
                "system_account": system.name if system is not None else "",
            }
        ),
    }


def _troubles(server: Server) -> dict[str, Any]:
    stats = server.stats
    return {
        "slow_consumer_stats": _by_kind(stats.slow_consumers),
        "stale_connection_stats": _by_kind(stats.stale_connections),
        "disk_io_wait_stats": {"waiters": 0, "waits": 0, "wait_time": 0, "max_wait_time": 0},
    }


def _by_kind(clients: int) -> dict[str, int]:
    return {"clients": clients, "routes": 0, "gateways": 0, "leafs": 0}


# STATSZ ----------------------------------------------------------------------------------------------


def statsz(monitor: Monitor) -> dict[str, Any]:
    """What is published again and again, and answers a PING."""
    server, facts = monitor.server, monitor.facts
    stats = server.stats
    sent = {"msgs": stats.out_msgs, "bytes": stats.out_bytes}
    received = {"msgs": stats.in_msgs, "bytes": stats.in_bytes}
    slow, stale = stats.slow_consumers, stats.stale_connections
    jetstream = facts.jetstream.varz() if facts.jetstream is not None else {}
    jetstream.get("config", {}).pop("store_dir", None)
    return {
        "start": timestamp(server.start_s),
        "mem": memory(),
        "cores": cores(),
        "cpu": monitor.processor(),
        "connections": len(server.clients),
        "total_connections": stats.total_connections,
        "active_accounts": sum(1 for account in server.accounts.values() if account.clients),
        "subscriptions": subscriptions(server),
        "sent": sent,
        "sent_to_clients": sent,
        "received": received,
        "received_from_clients": received,
        "slow_consumers": slow,
        **present({"slow_consumer_stats": _by_kind(slow) if slow else None}),
        **present({"stale_connections": stale}),
        **present({"stale_connection_stats": _by_kind(stale) if stale else None}),
        **present({"stalled_clients": stats.stalled_clients}),
        "active_servers": 1,
        **present({"jetstream": jetstream}),
        "gomaxprocs": 1,
    }
