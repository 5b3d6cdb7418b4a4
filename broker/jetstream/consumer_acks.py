"""What clients say to a delivered message, on its reply subject.

Wire     subject  $JS.ACK.<stream>.<consumer>.<delivered>.<stream seq>.<consumer seq>.<timestamp ns>.<pending>
         or       $JS.ACK.<domain|_>.<account hash>.<stream>.<consumer>.<the same five>.<random>
         payload  empty, +ACK, +OK · -NAK [{"delay": ns} | duration] · +WPI · +NXT [pull request] · +TERM [reason]
A reply, when asked for, is empty and comes once what it confirms is on disk.
Source   nats-server ``consumer.go`` (processAck, ackReplyInfo); ADR-15
"""

import json
import logging
from typing import TYPE_CHECKING, NamedTuple

from broker import builds
from broker.core.message import Message
from broker.jetstream import consumer_events as events
from broker.jetstream import times

if TYPE_CHECKING:
    from broker.jetstream.consumer import Consumer

log = logging.getLogger("broker")

_V1_TOKENS = 9
_V2_TOKENS_MIN = 11


class Delivery(NamedTuple):
    """What an ack subject says of the message it is about."""

    deliveries: int
    seq: int
    consumer_seq: int


def delivery_of(subject: bytes) -> Delivery | None:
    """None when it isn't an ack subject."""
    tokens = subject.split(b".")
    if len(tokens) == _V1_TOKENS:
        numbers = tokens[4:7]
    elif len(tokens) >= _V2_TOKENS_MIN:
        numbers = tokens[6:9]
    else:
        return None
    try:
        return Delivery(*map(int, numbers))
    except ValueError:
        return None


def receive(consumer: "Consumer", message: Message) -> None:
    """One word of a client."""
    found = delivery_of(message.subject)
    if found is None:
        return
    word, reply = message.payload, message.reply
    if word in (b"", b"+ACK", b"+OK"):
        if _ack(consumer, found, sample=True):
            consumer.confirm(reply)
    elif word.startswith(b"+NXT"):
        _ack(consumer, found, sample=True)
        if reply:
            consumer.request(reply, word[4:])
    elif word.startswith(b"-NAK"):
        _nak(consumer, found, word[4:].strip())
        consumer.answer(reply)
    elif word == b"+WPI":
        consumer.ledger.progress(found.seq, consumer.engine.now_ns())
        consumer.answer(reply)
    elif word.startswith(b"+TERM"):
        if _ack(consumer, found, sample=False):
            consumer.confirm(reply)
        reason = word[5:].strip().decode(errors="replace")
        events.terminated(consumer, found.consumer_seq, found.seq, found.deliveries, reason)
    else:
        consumer.answer(reply)


class AckIntake:
    """What comes on a consumer's ack subject. Compiled twin: ``broker/speedups/acks.pxi``"""

    def __init__(self, consumer: "Consumer") -> None:
        self._consumer = consumer

    def receive(self, message: Message) -> None:
        receive(self._consumer, message)
        if not self._consumer.flush_wanted:
            self._consumer.flush_later()


if builds.speedups is not None and not TYPE_CHECKING:
    AckIntake = builds.speedups.AckIntake


def _ack(consumer: "Consumer", found: Delivery, *, sample: bool) -> bool:
    """False when it can't be about a message of ours, and isn't answered."""
    ledger = consumer.ledger
    stalled = ledger.stalled
    if sample and consumer.samples():
        pending = ledger.record.state.pending.get(found.seq)
        if pending is not None:
            ack_time_ns = consumer.engine.now_ns() - pending.time_ns
            events.acknowledged(
                consumer, found.consumer_seq, found.seq, found.deliveries, ack_time_ns
            )
    settled = ledger.ack(found.seq, found.consumer_seq)
    if settled is None:
        return False
    if settled:
        consumer.settled(settled)
        if stalled:
            consumer.wake()
    return True


def _nak(consumer: "Consumer", found: Delivery, argument: bytes) -> None:
    now_ns = consumer.engine.now_ns()
    delay_ns = _delay_ns(consumer, argument) if argument else 0
    if not consumer.ledger.nak(found.seq, now_ns, delay_ns):
        return
    events.naked(consumer, found.consumer_seq, found.seq, found.deliveries)
    if delay_ns > 0:
        consumer.expect_silence(now_ns + delay_ns)
    else:
        consumer.wake()


def _number(value: object) -> int:
    if not isinstance(value, int) or isinstance(value, bool):
        raise ValueError("not a number")
    return value


def _delay_ns(consumer: "Consumer", argument: bytes) -> int:
    """0 for what can't be understood, which then counts as a plain -NAK."""
    try:
        if argument.startswith(b"{"):
            return _number(json.loads(argument).get("delay", 0))
        return times.parse_duration(argument.decode())
    except ValueError:
        log.warning(
            "JetStream consumer %s > %s: bad NAK delay %r",
            consumer.stream.name, consumer.name, argument[:64],
        )  # fmt: skip
        return 0
