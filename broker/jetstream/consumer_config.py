"""What a consumer is configured with: the objects of the API, a field named as its JSON key each.

Durations are nanoseconds, times nanoseconds since 1970. A configuration is a value: whoever changes one copies it
first. ``json_form`` reads and writes it.
Source   nats-server ``consumer.go`` (ConsumerConfig), ADR-42
"""

from __future__ import annotations

import copy
from dataclasses import dataclass
from typing import Self

from broker.jetstream.json_form import (
    choice,
    duration,
    durations,
    flag,
    integer,
    moment,
    nested,
    text,
    text_map,
    texts,
)


@dataclass(slots=True)
class ConsumerConfig:
    """The whole configuration of a consumer."""

    durable_name: str = text()
    name: str = text()
    description: str = text()
    deliver_policy: str = choice(
        "all", "last", "new", "by_start_sequence", "by_start_time", "last_per_subject",
        also={"undefined": "all"},
    )  # fmt: skip
    opt_start_seq: int = integer("uint64")
    opt_start_time: int | None = moment()
    ack_policy: str = choice("none", "all", "explicit", "flow_control")
    ack_wait: int = duration()
    max_deliver: int = integer()
    backoff: list[int] = durations()
    filter_subject: str = text()
    filter_subjects: list[str] = texts()
    replay_policy: str = choice("instant", "original")
    rate_limit_bps: int = integer("uint64")
    sample_freq: str = text()
    max_waiting: int = integer()
    max_ack_pending: int = integer()
    flow_control: bool = flag()
    headers_only: bool = flag()
    max_batch: int = integer()
    max_expires: int = duration()
    max_bytes: int = integer()
    deliver_subject: str = text()
    deliver_group: str = text()
    idle_heartbeat: int = duration()
    inactive_threshold: int = duration()
    num_replicas: int = integer(omit=False)
    mem_storage: bool = flag()
    direct: bool = flag()
    sourcing: bool = flag()
    metadata: dict[str, str] | None = text_map()
    pause_until: int | None = moment()
    priority_groups: list[str] = texts()
    priority_policy: str = choice(
        "none", "overflow", "pinned_client", "prioritized",
        refusal="unknown priority policy: {raw}", omit=True,
    )  # fmt: skip
    priority_timeout: int = duration()

    def copy(self) -> Self:
        return copy.deepcopy(self)

    @property
    def filters(self) -> list[str]:
        """The filter or the filters; empty for all subjects."""
        return [*self.filter_subjects, *([self.filter_subject] if self.filter_subject else [])]

    @property
    def is_pull(self) -> bool:
        return not self.deliver_subject


@dataclass(slots=True)
class CreateConsumerRequest:
    """The body of CONSUMER.CREATE and CONSUMER.DURABLE.CREATE."""

    stream_name: str = text(omit=False)
    config: ConsumerConfig = nested(ConsumerConfig, optional=False, omit=False)
    #: ``create``, ``update``, or empty for both.
    action: str = choice("", "create", "update", refusal="unknown consumer action: {raw}")
    pedantic: bool = flag()
