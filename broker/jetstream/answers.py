"""Acknowledgements on their way to publishers: many at a time, each to an inbox of its own.

One plain client that listens on all inboxes of a family (``_INBOX.x.*``), the common case, is written to in one piece
per run; everybody else is answered one by one.
Wire     ``MSG <reply> <sid> <size>``
"""

from collections.abc import Iterable
from typing import TYPE_CHECKING

from broker import builds
from broker.core.account import Account
from broker.core.match import Match
from broker.core.subscription import ClientSubscription


class Answers:
    """Compiled twin: ``broker/speedups/answers.pxi``"""

    __slots__ = ("_account", "_bytes", "_family", "_lines", "_match", "_sub", "_sublist")

    def __init__(self, account: Account) -> None:
        self._account = account
        self._sublist = account.sublist
        self._family = b""
        self._match: Match | None = None
        self._sub: ClientSubscription | None = None
        self._lines: list[bytes] = []
        self._bytes = 0

    def send_all(self, answers: Iterable[tuple[bytes, bytes]]) -> None:
        """Payloads, each to its reply subject."""
        for reply, payload in answers:
            self._send(reply, payload)
        self._flush()

    def send_message(self, reply: bytes, header: bytes, payload: bytes) -> None:
        """One message with a header."""
        sub = self._receiver(reply)
        if sub is None or not sub.client.headers:
            self._account.publish(reply, payload, b"", header)
            return
        header_size, size = len(header), len(header) + len(payload)
        line = b"HMSG %b %b %d %d\r\n%b%b\r\n"
        self._lines.append(line % (reply, sub.sid, header_size, size, header, payload))
        self._bytes += size
        self._flush()

    def _send(self, reply: bytes, payload: bytes) -> None:
        sub = self._receiver(reply)
        if sub is None:
            self._flush()
            self._account.publish(reply, payload)
            return
        size = len(payload)
        self._lines.append(b"MSG %b %b %d\r\n%b\r\n" % (reply, sub.sid, size, payload))
        self._bytes += size

    def _receiver(self, reply: bytes) -> ClientSubscription | None:
        """Who alone listens to the reply subject; None: it must be published."""
        match = self._match
        family = reply[: reply.rfind(b".") + 1]
        if match is None or family != self._family or match.stale:
            self._open(reply, family)
        return self._sub if self._sublist.is_of_family(reply) else None

    def _open(self, reply: bytes, family: bytes) -> None:
        self._flush()
        match = self._sublist.match_inbox(reply)
        self._family, self._match = family, match
        alone = len(match.direct) == 1 and not (match.extra or match.queues)
        sub = match.direct[0] if alone else None
        self._sub = sub if sub is not None and sub.imported is None else None

    def _flush(self) -> None:
        """Hand over what waits, and account for it."""
        lines, sub = self._lines, self._sub
        if not lines:
            return
        assert sub is not None, "lines are only kept for a client"
        count, size = len(lines), self._bytes
        data = b"".join(lines)
        lines.clear()
        self._bytes = 0
        client = sub.client
        if client.closed:
            return
        sub.msgs += count
        server, outbound = client.server, client.outbound
        for traffic in (outbound, client.account.stats, server.stats):
            traffic.out_msgs += count
            traffic.out_bytes += size
        outbound.put(data)
        if not outbound.dirty:
            server.mark(outbound)
        if outbound.pending_bytes > outbound.stall_limit:
            server.over(outbound, None)


if builds.speedups is not None and not TYPE_CHECKING:
    Answers = builds.speedups.Answers
