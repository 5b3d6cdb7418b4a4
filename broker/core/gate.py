"""Where publishers wait while a receiver of theirs is far behind.

Whoever publishes to a receiver above its ``stall_limit`` isn't read any more. When the receiver has drained, as many
go on as surely fit below ``max_pending``, in order. While it takes nothing, a part of them goes on every STALL_S, a
smaller one the less room there is, at least one: so a crowd of publishers can't close a receiver that reads late,
one that doesn't read at all meets ``max_pending`` soon, and nobody waits for it long.
A client that publishes to itself waits until it has read; when it never does, ``write_deadline`` ends it.
Source   nats-server ``client.go`` (stalledWait), which makes each publisher wait 2 to 5 ms
"""

from collections import deque
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from broker.core.client import Client
    from broker.core.outbound import Outbound

STALL_S: Final = 0.005
#: What one publisher may bring before it is held again: a read, which may grow on its way out.
_BLOCK_BYTES: Final = 512 * 1024
#: This part of the room that is left may be used up in one STALL_S.
_PARTS: Final = 8


class Gate:
    """The queue before one receiver, made when the first publisher has to wait."""

    __slots__ = ("_outbound", "_timed", "_waiting")

    def __init__(self, outbound: "Outbound") -> None:
        self._outbound = outbound
        self._waiting: deque[Client] = deque()
        self._timed = False

    def __len__(self) -> int:
        return len(self._waiting)

    def hold(self, publisher: "Client") -> None:
        """Read nothing more from ``publisher`` until its turn has come; idempotent."""
        if publisher in self._waiting:
            return
        self._waiting.append(publisher)
        publisher.stalls += 1
        publisher.server.stats.stalled_clients += 1
        publisher.wire.hold()
        if not self._timed and publisher is not self._outbound.client:
            self._time()

    def drained(self) -> None:
        """The receiver's pending bytes have become fewer, or it has gone."""
        outbound = self._outbound
        if outbound.client.closed:
            self._let_go(len(self._waiting))
        elif outbound.pending_bytes <= outbound.stall_limit:
            self._let_go(max(1, (outbound.limit - outbound.pending_bytes) // _BLOCK_BYTES))

    def _let_go(self, count: int) -> None:
        for _ in range(min(count, len(self._waiting))):
            self._waiting.popleft().wire.release()

    def _time(self) -> None:
        self._timed = True
        self._outbound.client.server.later(STALL_S, self._tick)

    def _tick(self) -> None:
        self._timed = False
        outbound = self._outbound
        others = [p for p in self._waiting if p is not outbound.client]
        room = outbound.limit - outbound.pending_bytes
        count = max(1, room // (_PARTS * _BLOCK_BYTES))
        for publisher in others[:count]:
            self._waiting.remove(publisher)
            publisher.wire.release()
        if len(others) > count:
            self._time()
