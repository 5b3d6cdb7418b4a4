"""Which message a consumer gets next, which ones wait for their acknowledgement, which go out again.

Pure rules on sequences over a stream's index and a consumer's record; whoever carries messages asks ``peek``, sends,
and says ``deliver``. ``end`` in all of it is the first sequence that isn't committed yet.
"""

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import islice
from typing import Final, Literal

from broker.jetstream.consumer_filter import ConsumerFilter
from broker.storage.consumer_state import Pending
from broker.storage.consumer_store import ConsumerRecord

#: Ends of waits are no later than this: half of what the record on disk can hold.
_NEVER_NS: Final = 2**62

AckPolicy = Literal["none", "all", "explicit"]


@dataclass(slots=True)
class Terms:
    """What of a consumer's configuration decides about sequences. 0 = no limit; nanoseconds.

    Acknowledgements by flow control are those of ``all``, without an end of waiting for them.
    """

    ack_policy: AckPolicy = "explicit"
    ack_wait_ns: int = 30_000_000_000
    backoff_ns: tuple[int, ...] = ()
    max_deliver: int = 0
    max_ack_pending: int = 0

    @property
    def waits_ns(self) -> tuple[int, ...]:
        """How long the acknowledgement of the first delivery is waited for, the second, …, all further ones."""
        return self.backoff_ns or (self.ack_wait_ns,)

    def wait_ns(self, deliveries: int) -> int:
        """How long the acknowledgement of the n-th delivery is waited for."""
        waits_ns = self.waits_ns
        return waits_ns[min(max(deliveries, 1), len(waits_ns)) - 1]

    def spent(self, deliveries: int) -> bool:
        """Whether a message delivered so often isn't delivered again."""
        return 0 < self.max_deliver <= deliveries


class Ledger:
    """``next_seq`` is where the search for new messages goes on."""

    def __init__(self, record: ConsumerRecord, found: ConsumerFilter, terms: Terms) -> None:
        self.record = record
        self.found = found
        self.terms = terms
        self.next_seq = record.state.delivered_stream_seq + 1
        #: The last message of each subject, when delivery began with those; what is in the set is still there.
        self._lasts: deque[int] = deque()
        self._lasts_left: set[int] = set()
        #: Sequences to deliver again, oldest claim first; a sequence without a pending entry counts as nothing.
        self._again: deque[int] = deque()
        self._queued: set[int] = set()

    def begin_with(self, lasts: Iterable[int], resume_seq: int) -> None:
        """Deliver these first, ascending and none above ``resume_seq``, then everything that comes after it."""
        self._lasts = deque(lasts)
        self._lasts_left = set(self._lasts)
        self.next_seq = resume_seq + 1

    # What comes next ---------------------------------------------------------------------------

    @property
    def stalled(self) -> bool:
        """No new message goes out before one is acknowledged."""
        limit = self.terms.max_ack_pending
        return limit > 0 and len(self.record.state.pending) >= limit

    @property
    def redeliveries(self) -> int:
        """How many wait to go out again."""
        return len(self._queued)

    def peek(self, end: int) -> int:
        """The sequence to deliver now; 0 when there is none."""
        while self._again:
            seq = self._again[0]
            if seq in self._queued and seq in self.record.state.pending:
                return seq
            self._again.popleft()
            self._queued.discard(seq)
        return 0 if self.stalled else self.peek_new(end)

    def peek_new(self, end: int) -> int:
        while self._lasts:
            if self._lasts[0] in self._lasts_left:
                return self._lasts[0]
            self._lasts.popleft()
        seq = self.found.next(self.next_seq, end)
        self.next_seq = max(self.next_seq, end) if seq is None else seq
        return seq or 0

    def run(self, end: int, limit: int) -> list[int]:
        """New messages that can go out one after the other; none when something else comes first."""
        if self._again:
            return []
        most = self.terms.max_ack_pending
        if most:
            limit = min(limit, most - len(self.record.state.pending))
        if limit <= 0:
            return []
        if self._lasts_left:
            return [seq for seq in islice(self._lasts, limit) if seq in self._lasts_left]
        return self.found.run(self.next_seq, end, limit)

    def deliver_run(self, seqs: list[int], now_ns: int) -> None:
        """These, as ``run`` gave them, go out."""
        self.record.delivered_run(seqs, now_ns, pending=self.terms.ack_policy != "none")
        if self._lasts_left:
            self._lasts_left.difference_update(seqs)
            while self._lasts and self._lasts[0] <= seqs[-1]:
                self._lasts.popleft()
        else:
            self.next_seq = seqs[-1] + 1
            self.found.passed_run(seqs)

    def next_delivery(self, seq: int) -> tuple[int, int]:
        """The consumer sequence of ``seq``, as ``peek`` gave it, and how often it will have been delivered."""
        state = self.record.state
        pending = state.pending.get(seq)
        return state.delivered_consumer_seq + 1, pending.deliveries + 1 if pending else 1

    def deliver(self, seq: int, now_ns: int) -> None:
        """``seq``, as ``peek`` gave it, goes out."""
        if self._again and self._again[0] == seq:
            self._again.popleft()
            self._queued.discard(seq)
        elif seq in self._lasts_left:
            self._lasts_left.discard(seq)
        else:
            self.next_seq = seq + 1
            self.found.passed(seq)
        consumer_seq = self.record.state.delivered_consumer_seq + 1
        waits = self.terms.ack_policy != "none"
        self.record.delivered(seq, consumer_seq, now_ns, pending=waits)

    def undelivered(self, seq: int, now_ns: int) -> None:
        """Nobody took it after all: it doesn't count as delivered and goes out again."""
        pending = self.record.state.pending.get(seq)
        if pending is not None:
            self.record.touched(seq, now_ns, pending.deliveries - 1)
            self._queue([seq])

    def skip(self, seq: int) -> None:
        """``seq``, as ``peek`` gave it, can't be delivered: it's gone or damaged."""
        if self._again and self._again[0] == seq:
            self._again.popleft()
            self._queued.discard(seq)
            self.record.acked(seq)
        elif seq in self._lasts_left:
            self._lasts_left.discard(seq)
        else:
            self.next_seq = seq + 1
            self.found.passed(seq)

    def looked_up_to(self) -> int:
        """Everything up to this sequence was delivered, or isn't for this consumer."""
        return self.record.state.delivered_stream_seq if self._lasts_left else self.next_seq - 1

    def num_pending(self, end: int) -> int:
        """Messages that were never delivered."""
        return len(self._lasts_left) + self.found.count(self.next_seq, end)

    # What clients say --------------------------------------------------------------------------

    def ack(self, seq: int, consumer_seq: int) -> list[int] | None:
        """The sequences that this settles; None when it can't be about a message that went out."""
        state, policy = self.record.state, self.terms.ack_policy
        if policy == "none" or not 0 < seq <= state.delivered_stream_seq:
            return None
        if policy == "all":
            return self._ack_all(seq, consumer_seq)
        if seq not in state.pending and seq not in state.exhausted:
            return []
        self.record.acked(seq)
        self._queued.discard(seq)
        return [seq]

    def _ack_all(self, seq: int, consumer_seq: int) -> list[int]:
        state = self.record.state
        if seq <= state.floor_stream_seq or consumer_seq <= state.floor_consumer_seq:
            return []
        settled = [each for each in (*state.pending, *state.exhausted) if each <= seq]
        # Clients say it, and may say more than there was.
        self.record.floor(seq, min(consumer_seq, state.delivered_consumer_seq))
        self._queued.difference_update(settled)
        return settled

    def nak(self, seq: int, now_ns: int, delay_ns: int) -> bool:
        """Deliver it again, after ``delay_ns`` when that isn't 0; False when it isn't awaited."""
        pending = self.record.state.pending.get(seq)
        if pending is None:
            return False
        if delay_ns > 0:
            end_ns = min(now_ns + delay_ns, _NEVER_NS)
            begin_ns = end_ns - self.terms.wait_ns(pending.deliveries)
            if seq in self._queued:  # its place is lost, too
                self._queued.discard(seq)
                self._again.remove(seq)
            self.record.touched(seq, begin_ns, pending.deliveries)
        elif seq not in self._queued:
            self._queue([seq])
        return True

    def progress(self, seq: int, now_ns: int) -> bool:
        """Its wait begins anew; False when it isn't awaited."""
        pending = self.record.state.pending.get(seq)
        if pending is None:
            return False
        self.record.touched(seq, now_ns, pending.deliveries)
        return True

    def _queue(self, seqs: Iterable[int]) -> None:
        for seq in seqs:
            self._again.append(seq)
            self._queued.add(seq)

    # What time does ----------------------------------------------------------------------------

    def expire(self, now_ns: int) -> int:
        """Queue what waited too long; when the next wait ends, 0 without one."""
        if not self.terms.waits_ns[0]:
            return 0
        expired, due_ns = self.record.state.pending.expired(
            now_ns, self.terms.waits_ns, self._queued
        )
        self._queue(expired)
        return due_ns

    def exhaust(self) -> list[tuple[int, Pending]]:
        """Take out of the queue what was delivered as often as allowed; each is no longer pending."""
        if not self.terms.max_deliver:
            return []
        pending = self.record.state.pending
        spent = [
            (seq, pending[seq])
            for seq in self._again
            if seq in self._queued and seq in pending and self.terms.spent(pending[seq].deliveries)
        ]
        for seq, each in spent:
            self._queued.discard(seq)
            self.record.exhausted(seq, each.deliveries)
        return spent

    def requeue_all(self) -> None:
        """Everything that waits goes out again."""
        self._queue(seq for seq in self.record.state.pending if seq not in self._queued)

    # What the stream does ----------------------------------------------------------------------

    def removed(self, seq: int, subject: bytes) -> Pending | None:
        """A message has left the stream; its entry when it was awaited."""
        self.found.removed(seq, subject, self.next_seq)
        self._lasts_left.discard(seq)
        state = self.record.state
        pending = state.pending.get(seq)
        if pending is not None or seq in state.exhausted:
            self.record.acked(seq)
            self._queued.discard(seq)
        return pending

    def purged(self, first_seq: int) -> bool:
        """Many messages have left; none before ``first_seq`` is for this consumer any more. Whether some were awaited.

        What was looked at and isn't there or isn't for this consumer counts as delivered then, as with nats-server.
        """
        state = self.record.state
        self.found.forget()
        is_there = self.found.is_there
        self._lasts_left = set(filter(is_there, self._lasts_left))
        gone = [seq for seq in state.pending if not is_there(seq)]
        for seq in (*gone, *[seq for seq in state.exhausted if not is_there(seq)]):
            self.record.acked(seq)
            self._queued.discard(seq)
        self.next_seq = max(self.next_seq, first_seq)
        passed = first_seq - 1 if state.exhausted else max(first_seq - 1, self.looked_up_to())
        if not state.pending and state.delivered_stream_seq < passed:
            self.record.delivered(passed, 0, 0, pending=False)
            self.record.floor(passed, state.delivered_consumer_seq)
        return bool(gone)

    def reconcile(self, first_seq: int, end: int, start_seq: int = 0) -> None:
        """After a restart: the stream may have lost its last messages, or others that were awaited. Nothing before
        ``start_seq`` is for this consumer, also where the stream hasn't come to it yet."""
        record, state = self.record, self.record.state
        if state.delivered_stream_seq >= max(end, start_seq):
            kept = [(seq, each) for seq, each in state.pending.items() if seq < end]
            next_seq = max(end, start_seq)
            record.reset(next_seq - 1, state.delivered_consumer_seq)
            for seq, each in kept:
                record.delivered(seq, each.consumer_seq, each.time_ns, pending=True)
                record.touched(seq, each.time_ns, each.deliveries)
            self.next_seq = next_seq
        self.purged(first_seq)

    def reset(self, seq: int) -> None:
        """Begin anew at ``seq``."""
        self.record.reset(seq - 1, 0)
        self.next_seq = seq
        self._lasts.clear()
        self._lasts_left.clear()
        self._again.clear()
        self._queued.clear()
        self.found.forget()

    def needs(self, seq: int) -> bool:
        """Whether a message that the filter takes isn't settled yet."""
        state = self.record.state
        if seq in state.pending or seq in state.exhausted:
            return True
        if self.terms.ack_policy == "all":
            return seq > state.floor_stream_seq
        return seq > state.delivered_stream_seq

    def floor(self) -> tuple[int, int]:
        """Consumer and stream sequence up to which all is settled, as nats-server reports it."""
        state = self.record.state
        if self.terms.ack_policy == "none":
            return state.delivered_consumer_seq, state.delivered_stream_seq
        if self.terms.ack_policy == "explicit" and state.pending:
            seq = state.pending.first()
            before = state.pending[seq].consumer_seq - 1
            if before != state.floor_consumer_seq:
                return before, seq - 1
        return state.floor_consumer_seq, state.floor_stream_seq
