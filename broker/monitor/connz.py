"""/connz: the connections, open ones and those remembered.

Source   nats-server ``monitor.go`` (Connz), ``monitor_sort_opts.go``
"""

from collections.abc import Callable, Iterable
from typing import Any, Final

from broker.core.account import GLOBAL_ACCOUNT
from broker.core.auth import Peer
from broker.core.client import Client
from broker.core.closed import ClosedClient
from broker.core.server import Server
from broker.core.subscription import InternalSubscription
from broker.monitor.facts import Monitor
from broker.monitor.forms import present, round_trip, round_trip_ns, text, timestamp, uptime
from broker.monitor.options import BadRequest, Option, Values
from broker.protocol.subject import overlaps

LIMIT_DEFAULT: Final = 1024
OPEN, CLOSED, ALL = 0, 1, 2

OPTIONS: Final = (
    Option("sort", "server.SortOpt", "sort"), Option("auth", "bool", "auth"),
    Option("subscriptions", "bool", "subs"), Option("subscriptions_detail", "bool"),
    Option("offset", "int", "offset"), Option("limit", "int", "limit"), Option("cid", "uint64", "cid"),
    Option("mqtt_client", "string", "mqtt_client"), Option("state", "server.ConnState", "state"),
    Option("user", "string", "user"), Option("acc", "string", "acc"), Option("filter_subject"),
)  # fmt: skip

Connection = Client | ClosedClient


def _ends(connection: Connection, now_s: float) -> float:
    return connection.stop_s or now_s


#: Sort option → key, and whether the greatest comes first.
_SORTS: Final[dict[str, tuple[Callable[[Connection, float], Any], bool]]] = {
    "": (lambda c, _: c.cid, False),
    "cid": (lambda c, _: c.cid, False),
    "start": (lambda c, _: c.cid, False),
    "subs": (lambda c, _: len(c.subs), True),
    "pending": (lambda c, _: _pending(c), True),
    "msgs_to": (lambda c, _: c.out_msgs, True),
    "msgs_from": (lambda c, _: c.in_msgs, True),
    "bytes_to": (lambda c, _: c.out_bytes, True),
    "bytes_from": (lambda c, _: c.in_bytes, True),
    "last": (lambda c, _: c.last_activity_s, True),
    "idle": (lambda c, now_s: now_s - c.last_activity_s, True),
    "uptime": (lambda c, now_s: _ends(c, now_s) - c.start_s, False),
    "stop": (lambda c, _: c.stop_s, True),
    "reason": (lambda c, _: c.reason, False),
    "rtt": (lambda c, _: round_trip_ns(c.rtt_s), True),
}


def connz(monitor: Monitor, options: Values) -> dict[str, Any]:
    """Raises BadRequest."""
    _check(options)
    server, now_s = monitor.server, monitor.now_s()
    offset, limit = max(options["offset"], 0), options["limit"]
    limit = 1 if options["cid"] else limit if limit > 0 else LIMIT_DEFAULT
    head = {"offset": offset, "limit": limit}
    if options["acc"] and options["acc"] not in server.accounts:
        nothing = {"server_id": "", "now": timestamp(now_s), "num_connections": 0, "total": 0}
        return {**nothing, **head, "connections": None}
    open_, closed = _candidates(server, options)
    chosen = [*_asked(open_, options), *_asked(closed, options)]
    key, greatest_first = _SORTS[options["sort"]]
    chosen.sort(key=lambda c: key(c, now_s), reverse=greatest_first)
    page = chosen[offset : offset + limit]
    return {
        "server_id": server.server_id,
        "now": timestamp(now_s),
        "num_connections": len(page),
        "total": len(open_) + len(closed),
        **head,
        "connections": [_entry(monitor, c, options, now_s) for c in page],
    }


def _check(options: Values) -> None:
    sort, filter_ = options["sort"], options["filter_subject"]
    if sort not in _SORTS:
        raise BadRequest(f"invalid sorting option: {sort}")
    if sort in ("stop", "reason") and options["state"] != CLOSED:
        raise BadRequest(f"sort by {sort} only valid on closed connections")
    if filter_ not in ("", ">") and not options["acc"]:
        raise BadRequest("filter by subject only valid with account filtering")


def _candidates(server: Server, options: Values) -> tuple[list[Client], list[ClosedClient]]:
    """Those of the wanted state and account: they make ``total``."""
    state, account = options["state"], options["acc"]
    open_, closed = [], []
    if state in (OPEN, ALL):
        of_account = server.accounts[account].clients if account else server.clients
        open_ = list(of_account.values())
    if state in (CLOSED, ALL):
        closed = [c for c in server.closed_clients if account in ("", c.account)]
    return open_, closed


def _asked(candidates: Iterable[Connection], options: Values) -> Iterable[Connection]:
    cid, user, filter_ = options["cid"], options["user"], options["filter_subject"].encode()
    for connection in candidates:
        if cid:
            if connection.cid == cid:
                yield connection
            continue
        if options["mqtt_client"] or (user and connection.user != user):
            continue
        if filter_ in (b"", b">") or _has_interest(connection, filter_):
            yield connection


def _has_interest(connection: Connection, filter_: bytes) -> bool:
    """Only open connections are filtered by what they subscribe to, as nats-server has it."""
    if isinstance(connection, ClosedClient):
        return True
    return any(overlaps(sub.subject, filter_) for sub in connection.subs.values())


# One connection --------------------------------------------------------------------------------------


def _pending(connection: Connection) -> int:
    return 0 if isinstance(connection, ClosedClient) else connection.outbound.pending_bytes


def _entry(
    monitor: Monitor, connection: Connection, options: Values, now_s: float
) -> dict[str, Any]:
    c = connection
    entry: dict[str, Any] = {
        "cid": c.cid,
        "kind": "Client",
        "type": client_type(c.peer),
        "ip": c.peer.ip,
        "port": c.peer.port,
        "start": timestamp(c.start_s),
        "last_activity": timestamp(c.last_activity_s),
        **({"stop": timestamp(c.stop_s), "reason": c.reason} if c.stop_s else {}),
        "rtt": round_trip(c.rtt_s),
        "uptime": uptime(_ends(c, now_s) - c.start_s),
        "idle": uptime(_ends(c, now_s) - c.last_activity_s),
        "pending_bytes": _pending(c),
        "in_msgs": c.in_msgs,
        "out_msgs": c.out_msgs,
        "in_bytes": c.in_bytes,
        "out_bytes": c.out_bytes,
        **present({"stalls": c.stalls}),
        "subscriptions": len(c.subs),
        **present({"name": c.options.name, "lang": c.options.lang, "version": c.options.version}),
        **_tls(c.peer, bool(options["auth"])),
    }
    auth = _auth(monitor.server, c) if options["auth"] else {}
    whose = {name: auth.pop(name) for name in ("authorized_user", "account") if name in auth}
    return entry | whose | _subscriptions(c, options) | auth


def client_type(peer: Peer) -> str:
    return "websocket" if peer.connection_type == "WEBSOCKET" else "nats"


def _tls(peer: Peer, with_certificates: bool) -> dict[str, Any]:
    tls = peer.tls
    if tls is None:
        return {}
    return present(
        {
            "tls_version": tls.version,
            "tls_cipher_suite": tls.cipher,
            "tls_peer_certs": [dict(c) for c in tls.certificates] if with_certificates else None,
            "tls_first": tls.first,
        }
    )


def _auth(server: Server, c: Connection) -> dict[str, Any]:
    grant, account = c.grant, c.account if isinstance(c, ClosedClient) else c.account.name
    known = server.accounts.get(account)
    bearer = grant is not None and grant.bearer
    return present(
        {
            "authorized_user": c.user,
            "account": account if account != GLOBAL_ACCOUNT else "",
            "jwt": "" if bearer else c.options.jwt,
            "issuer_key": grant.issuer if grant is not None else "",
            "name_tag": known.label if known is not None else account,
            "tags": list(grant.tags) if grant is not None else [],
        }
    )


def _subscriptions(c: Connection, options: Values) -> dict[str, Any]:
    if not c.subs:
        return {}
    subs = c.subs if isinstance(c, ClosedClient) else tuple(c.subs.values())
    if options["subscriptions_detail"]:
        return {"subscriptions_list_detail": [subscription(sub, c.cid) for sub in subs]}
    if options["subscriptions"]:
        return {"subscriptions_list": [text(sub.subject) for sub in subs]}
    return {}


def subscription(sub: Any, cid: int) -> dict[str, Any]:
    """A client's subscription, or one remembered; the server's own have no ``max``."""
    maximum = 0 if isinstance(sub, InternalSubscription) else sub.max
    return {
        "subject": text(sub.subject),
        **present({"qgroup": text(sub.queue)}),
        "sid": text(sub.sid),
        "msgs": sub.msgs,
        **present({"max": maximum}),
        "cid": cid,
    }
