"""What is remembered of connections that ended, for connz with state=closed."""

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from broker.core.auth import Grant, Peer
from broker.core.subscription import ClientSubscription

if TYPE_CHECKING:
    from broker.core.client import Client
    from broker.protocol.ops import ConnectOptions


@dataclass(frozen=True, slots=True)
class ClosedSubscription:
    """A subscription that its connection had at the end."""

    subject: bytes
    queue: bytes
    sid: bytes
    msgs: int
    max: int


@dataclass(frozen=True, slots=True)
class ClosedClient:
    """Field names and units as ``Client``'s; ``account`` is the name, ``options`` hold no secret."""

    cid: int
    peer: Peer
    options: "ConnectOptions"
    grant: Grant | None
    account: str
    user: str
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
    subs: tuple[ClosedSubscription, ...]


#: Subscriptions kept of one closed connection.
SUBS_MAX = 32


def closed_client(client: "Client") -> ClosedClient:
    """Taken before its subscriptions go."""
    subs = (_closed(sub) for _, sub in zip(range(SUBS_MAX), client.subs.values(), strict=False))
    options = client.options
    if options.password or options.auth_token or options.sig:
        options = replace(options, password="", auth_token="", sig="")
    return ClosedClient(
        client.cid, client.peer, options, client.grant, client.account.name, client.user,
        client.start_s, client.last_activity_s, client.stop_s, client.rtt_s, client.reason,
        client.in_msgs, client.in_bytes, client.out_msgs, client.out_bytes, client.stalls, tuple(subs),
    )  # fmt: skip


def _closed(sub: ClientSubscription) -> ClosedSubscription:
    return ClosedSubscription(sub.subject, sub.queue, sub.sid, sub.msgs, sub.max)
