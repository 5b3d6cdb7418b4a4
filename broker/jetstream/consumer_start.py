"""Where a new consumer begins to deliver, by its deliver policy.

Source   nats-server ``consumer.go`` (selectStartingSeqNo)
"""

from typing import NamedTuple

from broker.jetstream.consumer_config import ConsumerConfig
from broker.storage.message_index import MessageIndex


class Start(NamedTuple):
    """``seq`` is the first to look at; ``lasts`` are delivered before it, ascending."""

    seq: int
    lasts: list[int]


def start_of(config: ConsumerConfig, index: MessageIndex, end: int, one_per_subject: bool) -> Start:
    """``end`` is the first sequence that isn't committed; ``one_per_subject``: the stream keeps no more."""
    first, last = index.first_seq(), end - 1
    filters = [each.encode() for each in config.filters] or [b">"]
    policy = config.deliver_policy
    lasts: list[int] = []
    if policy == "last" and not config.filters:
        seq = last
    elif policy == "last":
        seq = max(index.previous_matching(each, end) or 0 for each in filters)
    elif policy == "last_per_subject" and not one_per_subject:
        lasts = last_seqs(index, filters, end)
        seq = last + 1 if lasts else last
    elif policy == "by_start_sequence":
        seq = config.opt_start_seq
        return Start(max(seq, first if seq <= last else 1), [])
    elif policy == "by_start_time":
        seq = index.seq_at_time(config.opt_start_time or 0)
        if config.filters:
            seq = _at_first_match(index, filters, seq, end)
    elif policy == "new":
        seq = last + 1
    else:
        seq = first
    return Start(max(min(seq, last + 1), min(first, last + 1), 1), lasts)


def _at_first_match(index: MessageIndex, filters: list[bytes], seq: int, end: int) -> int:
    """``seq``, or where the stream's first match is when that lies between it and the last message."""
    firsts = [index.next_matching(each, 0, end) or 0 for each in filters]
    return min((first for first in firsts if seq <= first < end - 1), default=seq)


def last_seqs(index: MessageIndex, filters: list[bytes], end: int, start: int = 0) -> list[int]:
    """The last message below ``end`` of every subject that a filter takes, ascending from ``start`` on."""
    found = set()
    subjects = index.subjects
    for each in filters:
        for subject_id in subjects.matching(each):
            seq = subjects.previous_of(subject_id, end)
            if seq is not None and seq >= start:
                found.add(seq)
    return sorted(found)
