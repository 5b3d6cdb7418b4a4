"""What a consumer tells on ``$JS.EVENT``: advisories about itself and its messages, and the metric of acknowledgements.

Source   nats-server ``jetstream_events.go``
"""

from typing import TYPE_CHECKING, Any

from broker.jetstream import times

if TYPE_CHECKING:
    from broker.jetstream.consumer import Consumer

_ADVISORY = "io.nats.jetstream.advisory.v1."


def _advise(consumer: "Consumer", event: str, kind: str, fields: dict[str, Any]) -> None:
    stream = consumer.stream
    subject = f"ADVISORY.CONSUMER.{event}.{stream.name}.{consumer.name}".encode()
    named = {"stream": stream.name, "consumer": consumer.name} | fields
    stream.account.advise(subject, _ADVISORY + kind, named)


def created(consumer: "Consumer") -> None:
    _advise(consumer, "CREATED", "consumer_action", {"action": "create"})


def deleted(consumer: "Consumer") -> None:
    _advise(consumer, "DELETED", "consumer_action", {"action": "delete"})


def paused(consumer: "Consumer", now_ns: int) -> None:
    until_ns = consumer.config.pause_until or times.ZERO
    fields = {"paused": now_ns < until_ns, "pause_until": times.time_text(until_ns)}
    _advise(consumer, "PAUSE", "consumer_pause", fields)


def pinned(consumer: "Consumer", group: str, pin: str) -> None:
    _group(consumer, "PINNED", "consumer_group_pinned", {"group": group, "pinned_id": pin})


def unpinned(consumer: "Consumer", group: str, reason: str) -> None:
    _group(consumer, "UNPINNED", "consumer_group_unpinned", {"group": group, "reason": reason})


def _group(consumer: "Consumer", event: str, kind: str, fields: dict[str, Any]) -> None:
    _advise(consumer, event, kind, {"account": consumer.stream.account.name} | fields)


def max_deliveries(consumer: "Consumer", seq: int, deliveries: int) -> None:
    fields = {"stream_seq": seq, "deliveries": deliveries}
    _advise(consumer, "MAX_DELIVERIES", "max_deliver", fields)


def naked(consumer: "Consumer", consumer_seq: int, seq: int, deliveries: int) -> None:
    _advise(consumer, "MSG_NAKED", "nak", _message(consumer_seq, seq, deliveries))


def terminated(
    consumer: "Consumer", consumer_seq: int, seq: int, deliveries: int, reason: str
) -> None:
    fields = _message(consumer_seq, seq, deliveries)
    if reason:
        fields["reason"] = reason
    _advise(consumer, "MSG_TERMINATED", "terminated", fields)


def acknowledged(
    consumer: "Consumer", consumer_seq: int, seq: int, deliveries: int, ack_time_ns: int
) -> None:
    """The metric of one acknowledgement, for those that ``sample_freq`` picks."""
    stream = consumer.stream
    subject = f"METRIC.CONSUMER.ACK.{stream.name}.{consumer.name}".encode()
    fields = {
        "stream": stream.name,
        "consumer": consumer.name,
        "consumer_seq": consumer_seq,
        "stream_seq": seq,
        "ack_time": ack_time_ns,
        "deliveries": deliveries,
    }
    stream.account.advise(subject, "io.nats.jetstream.metric.v1.consumer_ack", fields)


def _message(consumer_seq: int, seq: int, deliveries: int) -> dict[str, Any]:
    return {"consumer_seq": consumer_seq, "stream_seq": seq, "deliveries": deliveries}
