"""What is remembered of connections that ended, for connz with state=closed."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from broker.core.client import Client


@dataclass(frozen=True, slots=True)
class ClosedClient:
    """Field names and units as ``Client``'s; ``subs`` the subjects it had."""

    cid: int
    ip: str
    port: int
    connection_type: str
    account: str
    user: str
    name: str
    lang: str
    version: str
    start_s: float
    last_activity_s: float
    stop_s: float
    rtt_s: float | None
    reason: str
    in_msgs: int
    in_bytes: int
    out_msgs: int
    out_bytes: int
    stalls: int
    subs: tuple[bytes, ...]


#: Subjects kept of one closed connection.
SUBS_MAX = 32


def closed_client(client: "Client") -> ClosedClient:
    """Taken before its subscriptions go."""
    subs = tuple(sub.subject for _, sub in zip(range(SUBS_MAX), client.subs.values(), strict=False))
    peer, options = client.peer, client.options
    return ClosedClient(
        client.cid, peer.ip, peer.port, peer.connection_type, client.account.name,
        client.grant.user if client.grant else "", options.name, options.lang, options.version,
        client.start_s, client.last_activity_s, client.stop_s, client.rtt_s, client.reason,
        client.in_msgs, client.in_bytes, client.out_msgs, client.out_bytes, client.stalls, subs,
    )  # fmt: skip
