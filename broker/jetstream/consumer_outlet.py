"""The way of a consumer's messages to whoever listens on an inbox: routed by the inbox, shown with their own subject.

One plain client that listens, the common case, is written to in one piece per run; for everything else each message is
delivered like any other.
Wire     ``MSG <subject> <sid> <reply> <size>`` or ``HMSG …`` to the inbox's subscription
"""

from broker.core.account import Account
from broker.core.client import Client
from broker.core.match import Match
from broker.core.message import Message
from broker.core.subscription import ClientSubscription

#: With more than this waiting for a client, its consumers pause until it has read some of it.
_CONGESTED_BYTES = 8 * 1024 * 1024


class Outlet:
    """``flush`` when the turn ends: until then a run may wait here."""

    __slots__ = (
        "_account",
        "_client",
        "_inbox",
        "_lines",
        "_match",
        "_messages",
        "_payload_bytes",
        "_sub",
    )

    def __init__(self, account: Account) -> None:
        self._account = account
        self._inbox = b""
        self._match: Match | None = None
        self._sub: ClientSubscription | None = None
        self._client: Client | None = None
        self._lines: list[bytes] = []
        self._messages = self._payload_bytes = 0

    def send(
        self, inbox: bytes, subject: bytes, reply: bytes, header: bytes, payload: bytes
    ) -> bool:
        """False when nobody took it."""
        match = self._opened(inbox)
        if self._sub is None or (header and not match.headers):
            self._hand_over()
            message = Message(subject, reply, header, payload)
            message.routed = inbox
            return match.deliver(message, self._account)
        if header:
            size = len(header) + len(payload)
            self._lines.append(
                b"HMSG %b %b %b %d %d\r\n%b%b\r\n"
                % (subject, self._sub.sid, reply, len(header), size, header, payload)
                if reply
                else b"HMSG %b %b %d %d\r\n%b%b\r\n"
                % (subject, self._sub.sid, len(header), size, header, payload)
            )
        else:
            size = len(payload)
            self._lines.append(
                b"MSG %b %b %b %d\r\n%b\r\n" % (subject, self._sub.sid, reply, size, payload)
            )
        self._messages += 1
        self._payload_bytes += size
        return True

    def sid(self, inbox: bytes) -> bytes:
        """Of the one subscription that receives what is sent to ``inbox``; empty when it's not that simple."""
        match = self._opened(inbox)
        return self._sub.sid if self._sub is not None and match.headers else b""

    def put(self, data: bytes, messages: int, payload_bytes: int) -> None:
        """So many messages for the client whose ``sid`` was asked last, ready to write."""
        self._lines.append(data)
        self._messages += messages
        self._payload_bytes += payload_bytes

    def tell(self, inbox: bytes, header: bytes, reply: bytes = b"") -> bool:
        """A status: a header block without payload."""
        return self.send(inbox, inbox, reply, header, b"")

    def is_congested(self) -> bool:
        """Whether the one client that was sent to last is far behind; several are left to their own limits."""
        if self._client is None:
            return False
        outbound = self._client.outbound
        return outbound.pending_bytes > min(_CONGESTED_BYTES, outbound.limit // 4)

    def listens(self, inbox: bytes) -> bool:
        """Whether anybody receives what is sent there."""
        return self._opened(inbox).interest

    def flush(self) -> None:
        """Hand over what waits; who listens is looked up anew next time."""
        self._hand_over()
        self._match = None

    def _hand_over(self) -> None:
        lines = self._lines
        if not lines:
            return
        sub, client = self._sub, self._client
        assert sub is not None and client is not None, "lines are only kept for a client"
        count, size = self._messages, self._payload_bytes
        data = b"".join(lines)
        lines.clear()
        self._messages = self._payload_bytes = 0
        if client.closed:
            return
        sub.msgs += count
        server = client.server
        for traffic in (client.outbound, client.account.stats, server.stats):
            traffic.out_msgs += count
            traffic.out_bytes += size
        outbound = client.outbound
        outbound.put(data)
        if not outbound.dirty:
            server.mark(outbound)
        if outbound.pending_bytes > outbound.stall_limit:
            server.over(outbound, None)

    def _opened(self, inbox: bytes) -> Match:
        match = self._match
        if match is not None and inbox == self._inbox and not match.stale:
            return match
        self._hand_over()
        match = self._account.sublist.match(inbox)
        self._inbox, self._match = inbox, match
        self._sub = _only(match)
        self._client = self._sub.client if self._sub is not None else None
        return match


def _only(match: Match) -> ClientSubscription | None:
    """The one plain subscription that receives all of it; None when there is none, or more is to be done."""
    if match.extra or match.queues or len(match.direct) != 1:
        return None
    sub = match.direct[0]
    return sub if sub.imported is None else None
