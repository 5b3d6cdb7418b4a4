"""API levels: which one an asset needs, what a request may demand, and the ``_nats.*`` metadata that say so.

``_nats.req.level`` is stored with the asset; ``_nats.ver`` and ``_nats.level`` are added to answers and never stored.
Source   ADR-44; nats-server ``jetstream_versioning.go``
"""

from __future__ import annotations

from broker.jetstream import times
from broker.jetstream.consumer_config import ConsumerConfig
from broker.jetstream.stream_config import StreamConfig

API_LEVEL = 5
REQUIRED_LEVEL_HEADER = b"Nats-Required-Api-Level"
REQUIRED_LEVEL = "_nats.req.level"
SERVER_VERSION = "_nats.ver"
SERVER_LEVEL = "_nats.level"
_DYNAMIC = (SERVER_VERSION, SERVER_LEVEL)


def level_of_stream(config: StreamConfig) -> int:
    if config.allow_batched:
        return 4
    if (
        config.allow_msg_counter
        or config.allow_atomic
        or config.allow_msg_schedules
        or config.persist_mode == "async"
    ):
        return 2
    return 1 if config.allow_msg_ttl or config.subject_delete_marker_ttl > 0 else 0


def level_of_consumer(config: ConsumerConfig) -> int:
    if config.ack_policy == "flow_control":
        return 4
    prioritized = (
        config.priority_policy != "none" or config.priority_timeout or config.priority_groups
    )
    return 1 if config.pause_until not in (None, times.ZERO) or prioritized else 0


def with_level(metadata: dict[str, str] | None, level: int) -> dict[str, str]:
    """The metadata to store with an asset that was just asked for."""
    kept = {key: value for key, value in (metadata or {}).items() if key not in _DYNAMIC}
    return kept | {REQUIRED_LEVEL: str(level)}


def as_stored_before(
    metadata: dict[str, str] | None, before: dict[str, str] | None
) -> dict[str, str] | None:
    """The metadata with the level of the asset as it is, to see whether anything else differs."""
    kept = {
        key: value
        for key, value in (metadata or {}).items()
        if key not in _DYNAMIC and key != REQUIRED_LEVEL
    }
    if before and REQUIRED_LEVEL in before:
        kept[REQUIRED_LEVEL] = before[REQUIRED_LEVEL]
    return kept or None


def in_answer(metadata: dict[str, str] | None, version: str) -> dict[str, str]:
    """The metadata as answers show it, keys in order."""
    shown = (metadata or {}) | {SERVER_VERSION: version, SERVER_LEVEL: str(API_LEVEL)}
    return dict(sorted(shown.items()))


def demands_too_much(level: bytes | None) -> bool:
    """True when the value of ``Nats-Required-Api-Level`` is above ours, or none."""
    if not level:
        return False
    digits = level.removeprefix(b"+") if level[:1] != b"-" else level[1:]
    if not digits.isdigit() or len(digits) > 18:
        return True
    return int(level) > API_LEVEL
