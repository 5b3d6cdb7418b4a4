"""What a server says of itself, as the JSON forms of nats-server's monitoring. Pure: a server in, dicts out.

Times are RFC 3339 UTC, durations Go's form (``1h2m3s``, ``577µs``); keys are in nats-server's order.
Source   nats-server ``monitor.go``
"""

import resource
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, Final

from broker import NATS_VERSION
from broker.core.client import Client
from broker.core.closed import ClosedClient
from broker.core.server import Server

LIMIT_DEFAULT: Final = 1024
LIMIT_MAX: Final = 65_536


class BadQuery(Exception):
    """An option with a value that it can't have; the sentence names it."""


def timestamp(unix_s: float) -> str:
    whole = datetime.fromtimestamp(int(unix_s), UTC).strftime("%Y-%m-%dT%H:%M:%S")
    fraction = f"{unix_s % 1:.6f}"[1:].rstrip("0").rstrip(".")
    return f"{whole}{fraction}Z"


def duration(seconds: float) -> str:
    """Whole seconds as Go prints uptimes: ``2d3h4m5s``."""
    left = int(max(seconds, 0.0))
    parts: list[str] = []
    for unit, size in (("y", 31_536_000), ("d", 86_400), ("h", 3600), ("m", 60)):
        count, left = divmod(left, size)
        if count or parts:
            parts.append(f"{count}{unit}")
    return "".join(parts) + f"{left}s"


def short_duration(seconds: float) -> str:
    """A round-trip time as Go prints it: ``577µs``, ``1.25ms``."""
    for unit, size in (("s", 1.0), ("ms", 1e-3), ("µs", 1e-6)):
        if seconds >= size:
            return f"{seconds / size:.6f}".rstrip("0").rstrip(".") + unit
    return f"{int(seconds * 1e9)}ns"


def memory() -> int:
    """Bytes resident now, or at most so far where the system doesn't say."""
    try:
        with open("/proc/self/statm", "rb") as file:  # noqa: PTH123 — one cheap read
            return int(file.read().split()[1]) * resource.getpagesize()
    except (OSError, IndexError, ValueError):
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (
            1 if sys.platform == "darwin" else 1024
        )


def processor_s() -> float:
    """Seconds of processor time used so far."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def subscriptions(server: Server) -> int:
    return sum(len(account.sublist) for account in server.accounts.values())


# /healthz --------------------------------------------------------------------------------------------


def healthz() -> dict[str, Any]:
    return {"status": "ok"}


# /varz -----------------------------------------------------------------------------------------------


def varz(server: Server, more: dict[str, Any]) -> dict[str, Any]:
    """``more`` are the fields that only the application knows."""
    options, stats, now_s = server.options, server.stats, server.clock.wall_s()
    uptime_s = max(now_s - server.start_s, 1e-3)
    fields = server.info_fields()
    return {
        "server_id": server.server_id,
        "server_name": fields["server_name"],
        "version": NATS_VERSION,
        "proto": 1,
        "go": fields.get("go", ""),
        "host": options.host,
        "port": options.port,
        "auth_required": server.auth_required,
        "tls_required": options.tls_required,
        "tls_verify": options.tls_verify,
        "max_connections": options.max_connections,
        "max_subscriptions": options.max_subscriptions,
        "ping_interval": int(options.ping_interval_s * 1e9),
        "ping_max": options.ping_max,
        "http_host": "",
        "http_port": 0,
        "http_base_path": "",
        "https_port": 0,
        "auth_timeout": options.auth_timeout_s,
        "max_control_line": options.max_control_line,
        "max_payload": options.max_payload,
        "max_pending": options.max_pending,
        "tls_timeout": 2,
        "write_deadline": int(options.write_deadline_s * 1e9),
        "start": timestamp(server.start_s),
        "now": timestamp(now_s),
        "uptime": duration(uptime_s),
        "mem": memory(),
        "cores": 1,
        "gomaxprocs": 1,
        "cpu": round(100 * processor_s() / uptime_s, 2),
        "connections": len(server.clients),
        "total_connections": stats.total_connections,
        "routes": 0,
        "remotes": 0,
        "leafnodes": 0,
        "in_msgs": stats.in_msgs,
        "out_msgs": stats.out_msgs,
        "in_bytes": stats.in_bytes,
        "out_bytes": stats.out_bytes,
        "slow_consumers": stats.slow_consumers,
        "stale_connections": stats.stale_connections,
        "stalled_clients": stats.stalled_clients,
        "subscriptions": subscriptions(server),
        "system_account": server.system_account.name if server.system_account else "",
        **more,
    }


# /connz ----------------------------------------------------------------------------------------------

_SORTS: Final[dict[str, Callable[[dict[str, Any]], Any]]] = {
    "cid": lambda c: c["cid"],
    "start": lambda c: c["cid"],
    "subs": lambda c: -c["subscriptions"],
    "pending": lambda c: -c["pending_bytes"],
    "msgs_to": lambda c: -c["out_msgs"],
    "msgs_from": lambda c: -c["in_msgs"],
    "bytes_to": lambda c: -c["out_bytes"],
    "bytes_from": lambda c: -c["in_bytes"],
    "last": lambda c: c["last_activity"],
    "idle": lambda c: c["last_activity"],
    "uptime": lambda c: c["start"],
    "stop": lambda c: c.get("stop", ""),
    "reason": lambda c: c.get("reason", ""),
    "rtt": lambda c: c.get("rtt", ""),
}


def connz(server: Server, query: dict[str, str], account: str = "") -> dict[str, Any]:
    """``query`` as in the address; ``account`` restricts it to one. Raises BadQuery."""
    sort, state = query.get("sort", "cid") or "cid", query.get("state", "open") or "open"
    if sort not in _SORTS:
        raise BadQuery(f"invalid sorting option: {sort}")
    if state not in ("open", "closed", "any", "all"):
        raise BadQuery(f"invalid state: {state}")
    offset, limit = number(query, "offset", 0), number(query, "limit", LIMIT_DEFAULT)
    limit = min(limit or LIMIT_DEFAULT, LIMIT_MAX)
    now_s = server.clock.wall_s()
    wanted = account or query.get("acc", "")
    found = []
    if state != "closed":
        found += [_open(c, query, now_s) for c in server.clients.values() if _is_of(c, wanted)]
    if state != "open":
        found += [_closed(c, query) for c in server.closed_clients if wanted in ("", c.account)]
    found = [c for c in found if _asked(c, query)]
    found.sort(key=_SORTS[sort])
    page = found[offset : offset + limit]
    return {
        "server_id": server.server_id, "now": timestamp(now_s), "num_connections": len(page),
        "total": len(found), "offset": offset, "limit": limit, "connections": page,
    }  # fmt: skip


def number(query: dict[str, str], name: str, default: int) -> int:
    """Raises BadQuery."""
    text = query.get(name, "")
    if not text:
        return default
    if not text.isdigit() or len(text) > 18:
        raise BadQuery(f"error decoding {name}: {text!r} is no number")
    return int(text)


def _is_of(client: Client, account: str) -> bool:
    return not account or client.account.name == account


def _asked(connection: dict[str, Any], query: dict[str, str]) -> bool:
    cid, user = query.get("cid", ""), query.get("user", "")
    return (not cid or str(connection["cid"]) == cid) and (
        not user or connection.get("authorized_user") == user
    )


def _open(client: Client, query: dict[str, str], now_s: float) -> dict[str, Any]:
    options = client.options
    entry = _common(
        client.cid, client.peer.connection_type, client.peer.ip, client.peer.port, client
    )
    if client.rtt_s is not None:
        entry["rtt"] = short_duration(client.rtt_s)
    entry |= {
        "uptime": duration(now_s - client.start_s),
        "idle": duration(now_s - client.last_activity_s),
        "pending_bytes": client.outbound.pending_bytes,
        **_traffic(client),
        "subscriptions": len(client.subs),
        **_named(options.name, options.lang, options.version),
    }
    if query.get("auth") in ("1", "true"):
        entry["authorized_user"] = client.grant.user if client.grant else ""
        entry["account"] = client.account.name
    if query.get("subs") in ("1", "true"):
        entry["subscriptions_list"] = [
            sub.subject.decode(errors="replace") for sub in client.subs.values()
        ]
    elif query.get("subs") == "detail":
        entry["subscriptions_list_detail"] = [
            _subscription(sub, client) for sub in client.subs.values()
        ]
    return entry


def _closed(client: ClosedClient, query: dict[str, str]) -> dict[str, Any]:
    entry = _common(client.cid, client.connection_type, client.ip, client.port, client)
    entry |= {"stop": timestamp(client.stop_s), "reason": client.reason}
    if client.rtt_s is not None:
        entry["rtt"] = short_duration(client.rtt_s)
    entry |= {
        "uptime": duration(client.stop_s - client.start_s),
        "idle": duration(client.stop_s - client.last_activity_s),
        "pending_bytes": 0,
        **_traffic(client),
        "subscriptions": len(client.subs),
        **_named(client.name, client.lang, client.version),
    }
    if query.get("auth") in ("1", "true"):
        entry["authorized_user"], entry["account"] = client.user, client.account
    if query.get("subs") in ("1", "true"):
        entry["subscriptions_list"] = [subject.decode(errors="replace") for subject in client.subs]
    return entry


def _common(
    cid: int, kind: str, ip: str, port: int, client: Client | ClosedClient
) -> dict[str, Any]:
    return {
        "cid": cid, "kind": "Client", "type": "websocket" if kind == "WEBSOCKET" else "nats", "ip": ip, "port": port,
        "start": timestamp(client.start_s), "last_activity": timestamp(client.last_activity_s),
    }  # fmt: skip


def _traffic(client: Client | ClosedClient) -> dict[str, int]:
    fields = {
        "in_msgs": client.in_msgs, "out_msgs": client.out_msgs,
        "in_bytes": client.in_bytes, "out_bytes": client.out_bytes,
    }  # fmt: skip
    return fields | ({"stalls": client.stalls} if client.stalls else {})


def _named(name: str, lang: str, version: str) -> dict[str, str]:
    return {k: v for k, v in (("name", name), ("lang", lang), ("version", version)) if v}


def _subscription(sub: Any, client: Client) -> dict[str, Any]:
    entry = {"account": client.account.name, "subject": sub.subject.decode(errors="replace")}
    if sub.queue:
        entry["qgroup"] = sub.queue.decode(errors="replace")
    entry |= {"sid": sub.sid.decode(errors="replace"), "msgs": sub.msgs}
    if sub.max:
        entry["max"] = sub.max
    return entry | {"cid": client.cid}


# /accountz, /metrics -----------------------------------------------------------------------------------


def accountz(server: Server) -> dict[str, Any]:
    system = server.system_account
    return {
        "server_id": server.server_id,
        "now": timestamp(server.clock.wall_s()),
        **({"system_account": system.name} if system else {}),
        "accounts": sorted(server.accounts),
    }


def metrics(server: Server) -> str:
    """Prometheus' text form 0.0.4; server totals only, so that the number of series doesn't grow with accounts."""
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
    for name, kind, text, value in rows:
        lines += [
            f"# HELP nats_{name} {text}",
            f"# TYPE nats_{name} {kind}",
            f"nats_{name} {value}",
        ]
    return "\n".join(lines) + "\n"
