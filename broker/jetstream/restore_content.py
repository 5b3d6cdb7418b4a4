"""What stands in a snapshot, understood: objects, numbers and times of its state, consumers with their records.

Source   nats-server ``stream_backup.go`` (SnapshotConsumerState)
"""

import json
from collections.abc import Callable
from typing import Any

from broker.jetstream import json_form, times, ttl
from broker.jetstream.consumer_config import ConsumerConfig
from broker.storage.consumer_store import ConsumerRecord


class RestoreError(ValueError):
    """Why the snapshot can't be restored."""


def object_of(data: bytes, name: str) -> dict[str, Any]:
    try:
        found = json.loads(data)
    except ValueError as error:
        raise RestoreError(f"error in {name}: {error}") from error
    if not isinstance(found, dict):
        raise RestoreError(f"error in {name}: not an object")
    return found


def number_in(content: dict[str, Any], key: str) -> int:
    value = content.get(key, 0)
    if not isinstance(value, int) or not 0 <= value < 1 << 63:
        raise RestoreError(f"error in state: {key}")
    return value


def moment_in(content: dict[str, Any], key: str) -> int:
    try:
        return max(times.parse_time(str(content.get(key))), 0)
    except ValueError:
        return 0


def expiry_of(value: bytes | None, time_ns: int) -> int:
    """As in ``ttl``; what is no time to live was none when it was stored either."""
    try:
        life_s = ttl.seconds(value) if value else 0
    except ValueError:
        return 0
    return ttl.NEVER if life_s == ttl.NEVER else time_ns + life_s * times.SECOND if life_s else 0


def consumer_of(
    content: dict[str, Any],
) -> tuple[str, ConsumerConfig, Callable[[ConsumerRecord], None]]:
    """Name, configuration, and what fills the record of a consumer. Raises RestoreError, ApiError."""
    state = content.get("state")
    if not isinstance(content.get("config"), dict) or not isinstance(state, dict):
        raise RestoreError("a consumer is missing its config or its state")
    config = json_form.decode(ConsumerConfig, json_form.dumps(content["config"]), strict=False)
    name = config.durable_name or config.name
    if not name:
        raise RestoreError("a consumer has no name")
    delivered, floor = _pair(state, "delivered"), _pair(state, "ack_floor")
    try:
        pending = {
            int(seq): (int(each["Sequence"]), int(each["Timestamp"]))
            for seq, each in (state.get("pending") or {}).items()
        }
        again = {int(seq): int(count) for seq, count in (state.get("redelivered") or {}).items()}
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise RestoreError(f"error in the state of consumer {name}") from error

    def fill(record: ConsumerRecord) -> None:
        record.reset(*floor)
        for seq, (consumer_seq, time_ns) in sorted(pending.items()):
            record.delivered(seq, consumer_seq, time_ns, pending=True)
            if seq in again:
                record.touched(seq, time_ns, again[seq] + 1)
        record.delivered(*delivered, 0, pending=False)
        for seq in sorted(again.keys() - pending.keys()):
            record.exhausted(seq, again[seq])

    return name, config, fill


def _pair(state: dict[str, Any], key: str) -> tuple[int, int]:
    found = state.get(key)
    if not isinstance(found, dict):
        raise RestoreError(f"error in a consumer's state: {key}")
    return number_in(found, "stream_seq"), number_in(found, "consumer_seq")
