"""The common case of a consumer's turn, many messages at once: new ones, to one plain client, without pace or pins.

What it does is what ``consumer_delivery`` does message by message; it only looks less often. Where anything else
comes in (redelivery, several receivers, filters that take little, limits in bytes), it does nothing and leaves it to
that.
"""

from typing import TYPE_CHECKING

from broker import builds
from broker.jetstream.consumer_pull import Pull
from broker.storage.store import Message

if TYPE_CHECKING:
    from broker.jetstream.consumer import Consumer

#: Messages that are read at a time.
_RUN_MAX = 256


def deliver(
    consumer: "Consumer", prefix: bytes, waiting: int, limit: int, now_ns: int
) -> tuple[list[int], int]:
    """Up to ``limit`` messages go out; their sequences and size. ``waiting`` is what was never delivered before."""
    mode = consumer.mode
    if isinstance(mode, Pull):
        inbox, wanted = mode.requests.of_one_inbox(now_ns)
        limit, bytes_max = min(limit, wanted), 0
    else:
        inbox, bytes_max = mode.reply, mode.room()
    sid = consumer.outlet.sid(inbox) if inbox else b""
    if not sid:
        return [], 0
    seqs = consumer.ledger.run(consumer.stream.end, min(limit, _RUN_MAX))
    messages = consumer.stream.store.read_run(seqs) if len(seqs) > 1 else []
    if not messages:
        return [], 0
    consumer_seq = consumer.ledger.record.state.delivered_consumer_seq
    data, count, size = lines(messages, sid, prefix, consumer_seq, waiting, bytes_max)
    seqs = seqs[:count]
    consumer.ledger.deliver_run(seqs, now_ns)
    consumer.outlet.put(data, count, size)
    if isinstance(mode, Pull):
        for request in mode.requests.count_off(count):
            mode.sent(request, 0, now_ns)
    else:
        mode.sent(mode, size, now_ns)
    return seqs, size


def lines(
    messages: list[Message],
    sid: bytes,
    prefix: bytes,
    consumer_seq: int,
    waiting: int,
    bytes_max: int,
) -> tuple[bytes, int, int]:
    """What is written to the client, how many messages that is, and their size as consumers count it: as soon as it's
    over ``bytes_max``, unless that is 0, no more. Compiled twin: ``broker/speedups/deliver.pxi``"""
    found: list[bytes] = []
    size = 0
    for seq, time_ns, subject, header, payload in messages:
        consumer_seq += 1
        waiting -= 1
        reply = b"%b1.%d.%d.%d.%d" % (prefix, seq, consumer_seq, time_ns, waiting)
        if header:
            total = len(header) + len(payload)
            line = b"HMSG %b %b %b %d %d\r\n%b%b\r\n" % (
                subject, sid, reply, len(header), total, header, payload,
            )  # fmt: skip
        else:
            total = len(payload)
            line = b"MSG %b %b %b %d\r\n%b\r\n" % (subject, sid, reply, total, payload)
        found.append(line)
        size += len(subject) + len(reply) + total
        if bytes_max and size > bytes_max:
            break
    return b"".join(found), len(found), size


if builds.speedups is not None and not TYPE_CHECKING:
    lines = builds.speedups.lines
