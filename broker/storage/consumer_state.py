"""What a consumer has delivered and what waits for its acknowledgement, as one state and the operations that change it.

Wire, little endian: operation  u8 kind · u64 stream_seq · u64 consumer_seq · i64 value
Compiled twin: ``broker/speedups/ledger.pxi``
"""

import struct
from collections.abc import Collection, Sequence
from itertools import repeat
from typing import TYPE_CHECKING, Final, NamedTuple

from broker import builds

_OPERATION: Final = struct.Struct("<BQQq")

FLOOR: Final = 1
DELIVERED: Final = 2
PENDING: Final = 3
ACKED: Final = 4
RESET: Final = 5
EXHAUSTED: Final = 6
TOUCHED: Final = 7
#: All from ``stream_seq`` up to the one in the place of ``consumer_seq``, as PENDING with the next consumer sequences.
RUN: Final = 8
#: All from ``stream_seq`` up to the one in the place of ``consumer_seq``, as ACKED.
ACKED_RUN: Final = 9


class Pending(NamedTuple):
    """A message that waits for its acknowledgement."""

    #: Of its first delivery.
    consumer_seq: int
    #: When its wait began: its last delivery, or what a client's word has made of it.
    time_ns: int
    #: How often it was delivered.
    deliveries: int


class PendingMessages(dict[int, Pending]):
    """By stream sequence, in the order of first delivery, which is ascending. To be changed by ``ConsumerState``."""

    __slots__ = ()

    def first(self) -> int:
        """The lowest sequence; 0 without one."""
        return next(iter(self), 0)

    def expired(
        self, now_ns: int, waits_ns: Sequence[int], but: Collection[int]
    ) -> tuple[list[int], int]:
        """Those without ``but`` whose wait is over by now, and when the next one ends, 0 without one. The n-th delivery
        waits for the n-th of ``waits_ns``, or the last one."""
        due_ns, last, expired = 0, len(waits_ns) - 1, []
        for seq, pending in self.items():
            if seq in but:
                continue
            end_ns = pending.time_ns + waits_ns[min(max(pending.deliveries - 1, 0), last)]
            if end_ns <= now_ns:
                expired.append(seq)
            elif not due_ns or end_ns < due_ns:
                due_ns = end_ns
        return expired, due_ns


class ConsumerState:
    """Sequences 0 = none yet. ``pending`` and ``exhausted`` are by stream sequence, and the same for life."""

    __slots__ = (
        "delivered_consumer_seq", "delivered_stream_seq", "exhausted", "floor_consumer_seq", "floor_stream_seq",
        "pending",
    )  # fmt: skip

    def __init__(self) -> None:
        self.delivered_consumer_seq = 0
        self.delivered_stream_seq = 0
        self.floor_consumer_seq = 0
        self.floor_stream_seq = 0
        self.pending = PendingMessages()
        #: Delivered as often as allowed and never acknowledged → how often that was.
        self.exhausted: dict[int, int] = {}

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, ConsumerState):
            return NotImplemented
        return all(getattr(self, name) == getattr(other, name) for name in self.__slots__)

    __hash__ = None  # type: ignore[assignment]

    def apply(self, kind: int, stream_seq: int, consumer_seq: int, value: int) -> None:
        """One operation; an unknown kind changes nothing."""
        if kind == PENDING:
            self._delivered(stream_seq, consumer_seq)
            known = self.pending.get(stream_seq) or Pending(consumer_seq, 0, 0)
            self.pending[stream_seq] = Pending(known.consumer_seq, value, known.deliveries + 1)
        elif kind == RUN:
            self._deliver_run(stream_seq, consumer_seq, value)
        elif kind in (ACKED, ACKED_RUN):
            for seq in range(stream_seq, max(consumer_seq, stream_seq) + 1):
                self._settle(seq)
        elif kind == DELIVERED:
            self._delivered(stream_seq, consumer_seq)
        elif kind == FLOOR:
            self._raise_floor(stream_seq, consumer_seq)
        elif kind == TOUCHED:
            if stream_seq in self.pending:
                first = self.pending[stream_seq].consumer_seq
                self.pending[stream_seq] = Pending(first, value, consumer_seq)
        elif kind == EXHAUSTED:
            self._exhaust(stream_seq)
            self.exhausted[stream_seq] = consumer_seq
        elif kind == RESET:
            self.pending.clear()
            self.exhausted.clear()
            self.floor_stream_seq = self.delivered_stream_seq = stream_seq
            self.floor_consumer_seq = self.delivered_consumer_seq = consumer_seq

    def apply_all(self, operations: bytes) -> None:
        """Each of these, as a log holds them."""
        for operation in _OPERATION.iter_unpack(operations):
            self.apply(*operation)

    def snapshot(self) -> bytes:
        """The operations that lead from nothing to this state."""
        pack = _OPERATION.pack
        parts = [
            pack(FLOOR, self.floor_stream_seq, self.floor_consumer_seq, 0),
            pack(DELIVERED, self.delivered_stream_seq, self.delivered_consumer_seq, 0),
        ]
        for seq, each in self.pending.items():
            parts.append(pack(PENDING, seq, each.consumer_seq, each.time_ns))
            if each.deliveries != 1:
                parts.append(pack(TOUCHED, seq, each.deliveries, each.time_ns))
        for seq, deliveries in self.exhausted.items():
            parts.append(pack(EXHAUSTED, seq, deliveries, 0))
        return b"".join(parts)

    def _delivered(self, stream_seq: int, consumer_seq: int) -> None:
        self.delivered_consumer_seq = max(self.delivered_consumer_seq, consumer_seq)
        self.delivered_stream_seq = max(self.delivered_stream_seq, stream_seq)

    def _deliver_run(self, first: int, last: int, time_ns: int) -> None:
        consumer_seq = self.delivered_consumer_seq + 1
        end = consumer_seq + last - first + 1
        waits = map(Pending, range(consumer_seq, end), repeat(time_ns), repeat(1))
        self.pending.update(zip(range(first, last + 1), waits, strict=False))
        self._delivered(last, end - 1)

    def _settle(self, stream_seq: int) -> None:
        if self.pending.pop(stream_seq, None) is not None and not self.pending:
            self.floor_stream_seq = self.delivered_stream_seq
            self.floor_consumer_seq = self.delivered_consumer_seq
        self.exhausted.pop(stream_seq, None)

    def _exhaust(self, stream_seq: int) -> None:
        """It leaves ``pending`` without being settled; the floor stays below it."""
        known = self.pending.pop(stream_seq, None)
        if (
            known is not None
            and not self.pending
            and known.consumer_seq > self.floor_consumer_seq + 1
        ):
            self.floor_stream_seq = stream_seq - 1
            self.floor_consumer_seq = known.consumer_seq - 1

    def _raise_floor(self, stream_seq: int, consumer_seq: int) -> None:
        self.floor_stream_seq, self.floor_consumer_seq = stream_seq, consumer_seq
        for seq in [seq for seq in self.pending if seq <= stream_seq]:
            del self.pending[seq]
        for seq in [seq for seq in self.exhausted if seq <= stream_seq]:
            del self.exhausted[seq]


class ChangeLog:
    """Operations that aren't on disk yet. ``len`` is their size in bytes; neighbours that were acknowledged one after
    the other are one operation."""

    __slots__ = ("_first", "_last", "_parts")

    def __init__(self) -> None:
        self._parts: list[bytes] = []
        #: When the last part is of acknowledged messages, the first and last of them; else 0.
        self._first = self._last = 0

    def __len__(self) -> int:
        return _OPERATION.size * len(self._parts)

    def add(self, kind: int, stream_seq: int, consumer_seq: int, value: int) -> None:
        if kind == ACKED and self._last and stream_seq == self._last + 1:
            self._last = stream_seq
            self._parts[-1] = _OPERATION.pack(ACKED_RUN, self._first, stream_seq, 0)
            return
        self._parts.append(_OPERATION.pack(kind, stream_seq, consumer_seq, value))
        if kind in (ACKED, ACKED_RUN):
            self._first, self._last = stream_seq, max(stream_seq, consumer_seq)
        else:
            self._first = self._last = 0

    def take(self) -> bytes:
        """All of them; none are left."""
        taken = b"".join(self._parts)
        self._parts.clear()
        self._first = self._last = 0
        return taken


if builds.speedups is not None and not TYPE_CHECKING:
    ChangeLog = builds.speedups.ChangeLog
    ConsumerState = builds.speedups.ConsumerState
    PendingMessages = builds.speedups.PendingMessages
