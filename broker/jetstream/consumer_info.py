"""What is said of a consumer: ConsumerInfo, as every answer about one has it.

Source   nats-server ``consumer.go`` (ConsumerInfo, infoWithSnapAndReply)
"""

from typing import TYPE_CHECKING, Any

from broker import NATS_VERSION
from broker.jetstream import json_form, times, versions
from broker.jetstream.consumer_pull import Pull
from broker.jetstream.consumer_push import Push

if TYPE_CHECKING:
    from broker.jetstream.consumer import Consumer


def info(consumer: "Consumer", *, listed: bool = False) -> dict[str, Any]:
    """In the order of nats-server's fields; what it leaves out when empty is left out. A list of consumers doesn't
    say which server it comes from."""
    now_ns = consumer.engine.now_ns()
    ledger, mode, config = consumer.ledger, consumer.mode, consumer.config
    state = ledger.record.state
    floor_consumer_seq, floor_stream_seq = ledger.floor()
    waiting = 0
    if isinstance(mode, Pull):
        mode.sweep(now_ns, at_end=False)
        consumer.outlet.flush()
        waiting = len(mode.requests)
    fields: dict[str, Any] = {
        "stream_name": consumer.stream.name,
        "name": consumer.name,
        "created": times.time_text(consumer.created_ns),
        "config": json_form.encode(consumer.config) if listed else _config(consumer),
        "delivered": _sequences(
            state.delivered_consumer_seq, state.delivered_stream_seq, consumer.delivered_ns
        ),
        "ack_floor": _sequences(floor_consumer_seq, floor_stream_seq, consumer.acked_ns),
        "num_ack_pending": len(state.pending),
        "num_redelivered": _redelivered(consumer),
        "num_waiting": waiting,
        "num_pending": ledger.num_pending(consumer.stream.end),
    }
    if isinstance(mode, Push) and mode.active:
        fields["push_bound"] = True
    if config.pause_until is not None and now_ns < config.pause_until:
        fields["paused"] = True
        fields["pause_remaining"] = config.pause_until - now_ns
    fields["ts"] = times.time_text(now_ns)
    if config.priority_groups and isinstance(mode, Pull):
        fields["priority_groups"] = [_group(config.priority_groups[0], mode)]
    return fields


def _config(consumer: "Consumer") -> dict[str, Any]:
    config = consumer.config.copy()
    config.metadata = versions.in_answer(config.metadata, NATS_VERSION)
    return json_form.encode(config)


def _sequences(consumer_seq: int, stream_seq: int, last_ns: int) -> dict[str, Any]:
    fields: dict[str, Any] = {"consumer_seq": consumer_seq, "stream_seq": stream_seq}
    if last_ns:
        fields["last_active"] = times.time_text(last_ns)
    return fields


def _redelivered(consumer: "Consumer") -> int:
    """Messages that went out more than once and aren't settled; none when each goes out once only."""
    if consumer.ledger.terms.max_deliver == 1:
        return 0
    state = consumer.ledger.record.state
    return len(state.exhausted) + sum(each.deliveries > 1 for each in state.pending.values())


def _group(name: str, mode: Pull) -> dict[str, Any]:
    fields: dict[str, Any] = {"group": name}
    if mode.pin:
        fields["pinned_client_id"] = mode.pin
    fields["pinned_ts"] = times.time_text(mode.pinned_ns or None)
    return fields
