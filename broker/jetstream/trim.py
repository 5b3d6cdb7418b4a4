"""What a stream doesn't keep: over its limits, too old, or purged. Everything here only stages; see ``stream``."""

from itertools import islice
from typing import TYPE_CHECKING

from broker.jetstream import ttl

if TYPE_CHECKING:
    from broker.jetstream.stream import Stream

_NS = 1_000_000_000
#: An expiry later than this is looked at again then: timers of the loop don't reach forever.
_WAIT_MAX_S = 86_400.0
#: Messages that expire in one turn.
_TURN_MESSAGES = 10_000


def enforce(stream: "Stream", subject: bytes | None = None) -> None:
    """Old messages go until the limits hold; ``subject`` alone has become longer, None = look at all of them."""
    config, index = stream.config, stream.store.index
    if config.max_msgs_per_subject > 0:
        _enforce_per_subject(stream, subject)
    if config.discard == "new":  # what is there stays, also when the limits get lower
        return
    if config.max_msgs > 0:
        while index.messages > config.max_msgs:
            stream.remove(index.first_seq(), "limit")
    if config.max_bytes > 0:
        while index.bytes > config.max_bytes and index.messages:
            stream.remove(index.first_seq(), "limit")


def _enforce_per_subject(stream: "Stream", subject: bytes | None) -> None:
    subjects, most = stream.store.index.subjects, stream.config.max_msgs_per_subject
    if subject is not None:
        names = [subject]
    else:
        every = list(subjects.matching(b">"))
        names = [subjects.name(each) for each in every if subjects.count_of(each) > most]
    for name in names:
        while subjects.count(name) > most:
            seq = subjects.first(name)
            assert seq is not None  # counted
            stream.remove(seq, "limit")


# Age -------------------------------------------------------------------------------------------------


def seconds_to_expiry(stream: "Stream") -> float | None:
    """Until the oldest message is too old; None when none ever is."""
    seq = _first_aging(stream) if stream.config.max_age else None
    if seq is None:
        return None
    due_ns = stream.store.index.time_of(seq) + stream.config.max_age
    return min(max(0.0, (due_ns - stream.engine.now_ns()) / _NS), _WAIT_MAX_S)


def _first_aging(stream: "Stream") -> int | None:
    """The first message that may become too old; those before it never expire, which isn't asked twice."""
    index = stream.store.index
    seq = index.next_seq(stream.age_floor)
    while seq is not None and index.expires.get(seq) == ttl.NEVER:
        seq = index.next_seq(seq + 1)
    stream.age_floor = index.last_seq + 1 if seq is None else seq
    return seq


def expire(stream: "Stream") -> None:
    """What is older than ``max_age`` goes, some of it in each turn of the loop. Raises StoreFailed."""
    index = stream.store.index
    oldest_ns = stream.engine.now_ns() - stream.config.max_age
    rows = index.rows(stream.age_floor, index.seq_at_time(oldest_ns + 1))
    seqs = [table.seqs[row] for table, row in islice(rows, _TURN_MESSAGES)]
    for seq in seqs:
        if index.expires.get(seq) != ttl.NEVER:
            ttl.expire(stream, seq)


# Purging ---------------------------------------------------------------------------------------------


def purge(stream: "Stream", subject_filter: str = "", below: int = 0, keep: int = 0) -> int:
    """How many messages went: those that the filter takes, before sequence ``below`` or all but the last ``keep``."""
    index = stream.store.index
    if subject_filter in ("", ">"):
        stream.was_emptied = stream.was_emptied or not (below or keep)
        purged = stream.remove_below(_floor(stream, below, keep))
        stream.consumers.purged()
        return purged
    wanted = subject_filter.encode()
    end = below or index.last_seq + 1
    seqs = []
    seq = index.next_matching(wanted, 0, end)
    while seq is not None:
        seqs.append(seq)
        seq = index.next_matching(wanted, seq + 1, end)
    gone = seqs[: max(len(seqs) - keep, 0)]
    for each in gone:
        stream.remove(each, "Purge")
    stream.consumers.purged_of(subject_filter)
    return len(gone)


def _floor(stream: "Stream", below: int, keep: int) -> int:
    """The first sequence that stays."""
    index = stream.store.index
    if below:
        return below
    if not keep:
        return index.last_seq + 1
    seq = index.last_seq + 1
    for _ in range(keep):
        previous = index.previous_seq(seq)
        if previous is None:
            return index.first_seq()
        seq = previous
    return seq
