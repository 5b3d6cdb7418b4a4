"""The run of one turn: messages from the stream to whoever they are for, in order, until something says stop.

Stops are the end of the stream, nobody who takes any, the limit of unacknowledged messages, flow control, the rate
limit, the pace of an original replay, a client that is far behind, and the share of a turn.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

from broker.jetstream import consumer_burst as burst
from broker.protocol import headers
from broker.storage.store import Message

if TYPE_CHECKING:
    from broker.jetstream.consumer import Consumer

#: One consumer's share of a turn; after that others get theirs first.
_TURN_MESSAGES: Final = 1024
_TURN_BYTES: Final = 1024 * 1024
#: A client that is behind is looked at again after this.
_CONGESTED_NS: Final = 5_000_000
#: A message that its receiver wouldn't take is tried again after this.
_REFUSED_NS: Final = 100_000_000
_SECOND_NS: Final = 1_000_000_000
_REPLAY_MIN_NS: Final = 1_000_000


class _Share:
    """What went out in this turn."""

    __slots__ = ("messages", "seqs", "size")

    def __init__(self) -> None:
        self.messages = self.size = 0
        self.seqs: list[int] = []

    def add(self, seqs: Sequence[int], size: int) -> None:
        self.messages += len(seqs)
        self.size += size
        self.seqs += seqs


class Delivery:
    """``changed`` when something was delivered since it was last looked at."""

    def __init__(self, consumer: "Consumer") -> None:
        self._consumer = consumer
        self._prefix = f"$JS.ACK.{consumer.stream.name}.{consumer.name}.".encode()
        self.changed = False
        #: Nothing goes out before this.
        self._not_before_ns = 0
        #: Replay at the original pace up to this sequence; 0 = at once.
        self._replay_end = 0
        self._last_time_ns = self._last_sent_ns = 0
        #: Bytes that may go out at once under a rate limit, as of ``_tokens_ns``.
        self._tokens = 0.0
        self._tokens_ns = 0
        #: Messages that were never delivered, as of the last one of this turn.
        self._waiting = 0
        self._last_inbox = b""
        if consumer.config.replay_policy == "original":
            self._replay_end = consumer.stream.end
        self.configure()

    def configure(self) -> None:
        """After the consumer's configuration has changed."""
        consumer = self._consumer
        self._headers_only = consumer.config.headers_only
        self._pins = consumer.config.priority_policy == "pinned_client"
        #: Messages must be looked at one by one.
        self._special = self._headers_only or consumer.config.priority_policy != "none"
        self._rate = consumer.config.rate_limit_bps // 8
        limit = consumer.stream.config.max_msg_size
        self._tokens_max = limit if limit > 0 else consumer.engine.server.options.max_payload
        self._tokens = float(self._tokens_max)
        self._paced = self._rate > 0 or self._replay_end > 0

    def run(self, now_ns: int) -> int:
        """When to go on, 0 = when woken."""
        if self._not_before_ns > now_ns:
            return self._not_before_ns
        self._not_before_ns = 0
        consumer = self._consumer
        mode, ledger, stream = consumer.mode, consumer.ledger, consumer.stream
        if not mode.is_open(now_ns):
            return 0
        if ledger.redeliveries:
            consumer.exhaust()
        share = _Share()
        self._waiting = ledger.num_pending(stream.end)
        while not self._not_before_ns and mode.is_open(now_ns):
            if share.messages >= _TURN_MESSAGES or share.size >= _TURN_BYTES:
                consumer.wake()
                break
            if not (self._burst(share, now_ns) or self._next(share, now_ns)):
                break
        if consumer.config.ack_policy == "none" and stream.config.retention != "limits":
            consumer.settled(share.seqs)
        if share.messages:
            self._delivered(now_ns)
        return self._not_before_ns

    def _burst(self, share: "_Share", now_ns: int) -> bool:
        """As many as can go at once; False when none can."""
        if self._paced or self._special:
            return False
        limit = _TURN_MESSAGES - share.messages
        seqs, size = burst.deliver(self._consumer, self._prefix, self._waiting, limit, now_ns)
        if not seqs:
            return False
        self._waiting -= len(seqs)
        share.add(seqs, size)
        self._look_at_client(now_ns)
        return True

    def _next(self, share: "_Share", now_ns: int) -> bool:
        """One message, or past one that can't be read; False when that's all for now."""
        ledger, stream = self._consumer.ledger, self._consumer.stream
        seq = ledger.peek(stream.end)
        if not seq:
            return False
        message = stream.read(seq)
        if message is None:
            ledger.skip(seq)
            self._waiting = ledger.num_pending(stream.end)
            return True
        size = self._deliver(message, now_ns)
        if size:
            share.add((seq,), size)
        return size > 0

    def _look_at_client(self, now_ns: int) -> None:
        """No more for now if it's far behind."""
        if self._consumer.outlet.is_congested():
            self._not_before_ns = now_ns + _CONGESTED_NS

    def _deliver(self, message: Message, now_ns: int) -> int:
        """Send it, or don't: its size, 0 when it can't go now."""
        consumer = self._consumer
        mode, ledger, outlet = consumer.mode, consumer.ledger, consumer.outlet
        seq, time_ns, subject, header, payload = message
        consumer_seq, deliveries = ledger.next_delivery(seq)
        waiting = self._waiting - 1 if deliveries == 1 else self._waiting
        reply = b"%b%d.%d.%d.%d.%d" % (
            self._prefix, deliveries, seq, consumer_seq, time_ns, max(waiting, 0)
        )  # fmt: skip
        if self._headers_only:
            header, payload = (
                headers.with_field(header, b"Nats-Msg-Size", b"%d" % len(payload)),
                b"",
            )
        size = len(subject) + len(reply) + len(header) + len(payload)
        if self._paced and self._must_wait(message, size, now_ns):
            return 0
        target = mode.take(size, now_ns)
        if target is None:
            return 0
        if self._pins:
            header = mode.shaped(header)
        ledger.deliver(seq, now_ns)
        self._waiting = waiting
        if not outlet.send(target.reply, subject, reply, header, payload):
            ledger.undelivered(seq, now_ns)
            self._not_before_ns = now_ns + _REFUSED_NS
        elif target.reply != self._last_inbox and outlet.is_congested():
            self._not_before_ns = now_ns + _CONGESTED_NS
        else:
            self._last_inbox = target.reply
        mode.sent(target, size, now_ns)
        return size

    def _delivered(self, now_ns: int) -> None:
        """After a turn in which something went out."""
        consumer = self._consumer
        self.changed = True
        self._last_inbox = b""
        consumer.delivered_ns = now_ns
        if consumer.ledger.record.state.pending:
            terms = consumer.ledger.terms
            wait_ns = min((*terms.backoff_ns, terms.ack_wait_ns))
            if wait_ns:
                consumer.expect_silence(now_ns + wait_ns)

    def _must_wait(self, message: Message, size: int, now_ns: int) -> bool:
        """Whether pace or rate hold the message back; ``_not_before_ns`` then says until when."""
        due_ns = 0
        if message.seq >= self._replay_end:
            self._replay_end = 0
        elif self._last_time_ns:
            gap_ns = message.time_ns - self._last_time_ns
            if gap_ns > _REPLAY_MIN_NS:
                due_ns = self._last_sent_ns + gap_ns
        if self._rate:
            due_ns = max(due_ns, self._rate_due(size, now_ns))
        if due_ns > now_ns:
            self._not_before_ns = due_ns
            return True
        self._tokens -= size
        self._last_time_ns, self._last_sent_ns = message.time_ns, now_ns
        self._paced = self._rate > 0 or self._replay_end > 0
        return False

    def _rate_due(self, size: int, now_ns: int) -> int:
        """When ``size`` bytes may go; more than a burst goes when a whole burst is saved up."""
        gained = (now_ns - self._tokens_ns) * self._rate / _SECOND_NS
        self._tokens = min(self._tokens + gained, float(self._tokens_max))
        self._tokens_ns = now_ns
        missing = min(size, self._tokens_max) - self._tokens
        return now_ns + int(missing * _SECOND_NS / self._rate) + 1 if missing > 0 else 0
