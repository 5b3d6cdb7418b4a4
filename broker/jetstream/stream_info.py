"""What a stream says of itself: configuration and state, as the API and monitoring show them."""

from typing import TYPE_CHECKING, Any, Final

from broker import NATS_VERSION
from broker.jetstream import json_form, times
from broker.jetstream.stream_config import StreamConfig
from broker.jetstream.versions import in_answer

if TYPE_CHECKING:
    from broker.jetstream.stream import Stream

#: Subjects with their counts in one answer.
SUBJECTS_MAX: Final = 100_000
#: Sequences of deleted messages in one answer.
_DELETED_MAX: Final = 1_000_000


def info(stream: "Stream", *, details: bool = False) -> dict[str, Any]:
    """As STREAM.INFO has it. ``details``: deleted sequences too."""
    fields = changed(stream, details=details)
    leader = {"leader": stream.engine.server.info_fields()["server_name"]}
    return _after_state(fields, {"cluster": leader})


def _after_state(fields: dict[str, Any], more: dict[str, Any]) -> dict[str, Any]:
    """``more`` in its place in nats-server's order."""
    first = ("config", "created", "state", "domain")
    head = {key: fields[key] for key in first if key in fields}
    return head | more | fields


def listed(stream: "Stream") -> dict[str, Any]:
    """As a list of streams has it: with the metadata that are kept only."""
    return changed(stream) | {"config": json_form.encode(stream.config)}


def changed(stream: "Stream", *, created: bool = False, details: bool = False) -> dict[str, Any]:
    """As the answers to a creation (which doesn't name the domain) and to an update have it."""
    engine = stream.engine
    fields: dict[str, Any] = {
        "config": shown_config(stream.config),
        "created": times.time_text(stream.created_ns),
        "state": state(stream, details=details),
    }
    if engine.options.domain and not created:
        fields["domain"] = engine.options.domain
    for feature in stream.features:
        fields |= feature.info()
    return fields | {"ts": times.time_text(engine.now_ns())}


def shown_config(config: StreamConfig) -> dict[str, Any]:
    """With the metadata that answers have beside those that are kept."""
    return json_form.encode(config) | {"metadata": in_answer(config.metadata, NATS_VERSION)}


def state(stream: "Stream", *, details: bool = False) -> dict[str, Any]:
    index = stream.store.index
    first, last = index.first_seq(), index.last_seq
    began = last or index.floor > 1 or stream.was_emptied
    fields: dict[str, Any] = {
        "messages": index.messages,
        "bytes": index.bytes,
        "first_seq": first if began else 0,
        "first_ts": times.time_text(index.time_of(first) or None),
        "last_seq": last,
        "last_ts": times.time_text(index.last_time_ns or None),
    }
    if len(index.subjects):
        fields["num_subjects"] = len(index.subjects)
    deleted = last - first + 1 - index.messages
    if deleted > 0:
        fields["num_deleted"] = deleted
        if details:
            fields["deleted"] = index.deleted(_DELETED_MAX)
    if stream.damaged:
        sizes = (index.size_of(seq) for seq in stream.damaged)
        fields["lost"] = {"msgs": sorted(stream.damaged), "bytes": sum(sizes)}
    return fields | {"consumer_count": len(stream.consumers)}


def subjects(stream: "Stream", subject_filter: str, offset: int) -> dict[str, Any]:
    """A page of the subjects that the filter takes: what the answer has beside the state, which gets ``subjects``."""
    index = stream.store.index.subjects
    found = [index.name(each) for each in index.matching(subject_filter.encode())]
    if not found:
        return {"total": 0, "offset": 0, "limit": 0}
    page = sorted(found)[offset : offset + SUBJECTS_MAX]
    counts = {name.decode(errors="replace"): index.count(name) for name in page}
    return {"total": len(found), "offset": offset, "limit": SUBJECTS_MAX, "subjects": counts}
