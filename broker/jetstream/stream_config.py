"""What a stream is configured with: the objects of the API, a field named as its JSON key each.

Durations are nanoseconds, times nanoseconds since 1970. A configuration is a value: whoever changes one copies it
first. ``json_form`` reads and writes it.
Source   nats-server ``stream.go`` (StreamConfig), ADR-31, ADR-43, ADR-48, ADR-49, ADR-50, ADR-51
"""

from __future__ import annotations

import copy
from dataclasses import dataclass
from typing import Self

from broker.jetstream.json_form import (
    choice,
    duration,
    flag,
    integer,
    moment,
    nested,
    nested_list,
    text,
    text_map,
    texts,
)

STREAM_NAME_MAX = 255
DESCRIPTION_MAX = 4096
METADATA_MAX = 128 * 1024
REPLICAS_MAX = 5


@dataclass(slots=True)
class Placement:
    """Where in a cluster a stream shall be; kept and shown."""

    cluster: str = text()
    tags: list[str] = texts()
    preferred: str = text()


@dataclass(slots=True)
class SubjectTransformConfig:
    """A subject and what becomes of it; an empty ``dest`` only selects."""

    src: str = text(omit=False)
    dest: str = text(omit=False)


@dataclass(slots=True)
class RePublish:
    """What is sent out once more after it was stored, and where to."""

    src: str = text()
    dest: str = text(omit=False)
    headers_only: bool = flag()


@dataclass(slots=True)
class ExternalStream:
    """Another account's or domain's stream: where its API and its deliveries are reached."""

    api: str = text(omit=False)
    deliver: str = text(omit=False)


@dataclass(slots=True)
class StreamConsumerSource:
    """A consumer made beforehand that a mirror or source is to use."""

    name: str = text()
    deliver_subject: str = text()


@dataclass(slots=True)
class StreamSource:
    """A stream that this one mirrors or is fed by, from where on, and what of it."""

    name: str = text(omit=False)
    opt_start_seq: int = integer("uint64")
    opt_start_time: int | None = moment()
    filter_subject: str = text()
    subject_transforms: list[SubjectTransformConfig] = nested_list(SubjectTransformConfig)
    external: ExternalStream | None = nested(ExternalStream)
    consumer: StreamConsumerSource | None = nested(StreamConsumerSource)

    def identity(self) -> tuple[str, ...]:
        """What tells sources of one stream apart: two with the same identity are duplicates."""
        api = self.external.api if self.external else ""
        consumer = self.consumer.name if self.consumer else ""
        pairs = [(t.src or ">", t.dest or ">") for t in self.subject_transforms]
        cuts = pairs or [(self.filter_subject or ">", ">")]
        return (self.name, api, consumer, *(part for pair in cuts for part in pair))


@dataclass(slots=True)
class StreamConsumerLimits:
    """Defaults and upper bounds of the consumers of a stream."""

    inactive_threshold: int = duration()
    max_ack_pending: int = integer()


@dataclass(slots=True)
class StreamConfig:
    """The whole configuration of a stream."""

    name: str = text(omit=False)
    description: str = text()
    subjects: list[str] = texts()
    retention: str = choice("limits", "interest", "workqueue")
    max_consumers: int = integer(omit=False)
    max_msgs: int = integer("int64", omit=False)
    max_bytes: int = integer("int64", omit=False)
    max_age: int = duration(omit=False)
    max_msgs_per_subject: int = integer("int64", omit=False)
    max_msg_size: int = integer("int32")
    discard: str = choice("old", "new", fold=True)
    storage: str = choice("file", "memory")
    num_replicas: int = integer(omit=False)
    no_ack: bool = flag()
    duplicate_window: int = duration()
    placement: Placement | None = nested(Placement)
    mirror: StreamSource | None = nested(StreamSource)
    sources: list[StreamSource] = nested_list(StreamSource, pointers=True)
    compression: str = choice(
        "none", "s2", refusal="unknown compression algorithm", texts_only=True
    )
    first_seq: int = integer("uint64")
    subject_transform: SubjectTransformConfig | None = nested(SubjectTransformConfig)
    republish: RePublish | None = nested(RePublish)
    allow_direct: bool = flag(omit=False)
    mirror_direct: bool = flag(omit=False)
    discard_new_per_subject: bool = flag()
    sealed: bool = flag(omit=False)
    deny_delete: bool = flag(omit=False)
    deny_purge: bool = flag(omit=False)
    allow_rollup_hdrs: bool = flag(omit=False)
    consumer_limits: StreamConsumerLimits = nested(StreamConsumerLimits, optional=False, omit=False)
    allow_msg_ttl: bool = flag(omit=False)
    subject_delete_marker_ttl: int = duration()
    allow_msg_counter: bool = flag()
    allow_atomic: bool = flag()
    allow_msg_schedules: bool = flag()
    persist_mode: str = choice("default", "async", also={"": "default"}, omit=True)
    allow_batched: bool = flag()
    metadata: dict[str, str] | None = text_map()

    def copy(self) -> Self:
        return copy.deepcopy(self)


@dataclass(slots=True)
class StreamConfigRequest(StreamConfig):
    """The body of STREAM.CREATE and STREAM.UPDATE; ``pedantic`` forbids the server to complete it."""

    pedantic: bool = flag()

    def config(self) -> StreamConfig:
        """The configuration alone."""
        names = StreamConfig.__dataclass_fields__
        return StreamConfig(**{name: copy.deepcopy(getattr(self, name)) for name in names})
