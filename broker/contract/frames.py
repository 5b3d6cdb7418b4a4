"""Tap frames: what a tap publishes, as bytes.

Wire, all integers big endian:

    frame    magic "WT" · u8 version · u8 flags · u64 run · u64 seq · u64 at_ns
             · u64 seen · u64 filtered · u64 sampled · u64 budget · u64 lost · u64 sent
             · u32 count · count × record
    record   u32 length of what follows · u64 received_ns · u16 subject length · u16 reply length
             · u32 header length · u32 payload length in this record · u32 true payload length
             · subject · reply · header · payload

The six counters are cumulative since the tap began and hold at the end of this frame; ``sent`` counts the
records in this and all earlier frames, so a reader that adds up the records it got knows exactly how many were
lost on the way. ``budget`` were over ``msgs_per_s``/``bytes_per_s``; ``lost`` could not be handed to Redis.
For every frame: seen = filtered + sampled + budget + lost + sent.
``run`` is when this run of the tap began, in nanoseconds of the broker's clock: another one tells a reader that the
tap was started anew (broker restarted) and that ``seq`` began at 1 and the counters at zero again. The first frame
of a run comes as soon as the broker listens, with or without records: what is published after it isn't missed.

The records travel unchanged from the broker to the browser.
"""

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Self

MAGIC = b"WT"
VERSION = 2
HEAD = struct.Struct(">2sBBQQQQQQQQQI")
RECORD = struct.Struct(">IQHHIII")
#: What ``RECORD`` holds besides the length field itself.
_RECORD_FIXED = RECORD.size - 4

#: A frame is closed when its records reach this many bytes; one oversized record may exceed it.
RECORDS_BYTES_MAX = 192 * 1024
FLUSH_INTERVAL_S = 0.05


@dataclass(frozen=True, slots=True)
class Record:
    """One message as a tap saw it. ``header`` is the raw NATS/1.0 block; ``payload`` may be cut."""

    received_ns: int
    subject: bytes
    reply: bytes
    header: bytes
    payload: bytes
    payload_size: int

    def encode(self) -> bytes:
        return encode_record(
            self.received_ns, self.subject, self.reply, self.header, self.payload, self.payload_size
        )


def encode_record(
    received_ns: int, subject: bytes, reply: bytes, header: bytes, payload: bytes, payload_size: int
) -> bytes:
    """``payload`` already cut to what shall travel; ``payload_size`` is the true size."""
    n_subject, n_reply, n_header, n_payload = len(subject), len(reply), len(header), len(payload)
    head = RECORD.pack(
        _RECORD_FIXED + n_subject + n_reply + n_header + n_payload,
        received_ns, n_subject, n_reply, n_header, n_payload, payload_size,
    )  # fmt: skip
    return b"".join((head, subject, reply, header, payload))


@dataclass(frozen=True, slots=True)
class Counters:
    """Cumulative since the tap began; ``check`` holds for every frame."""

    seen: int = 0
    filtered: int = 0
    sampled: int = 0
    budget: int = 0
    lost: int = 0
    sent: int = 0

    def check(self) -> bool:
        return self.seen == self.filtered + self.sampled + self.budget + self.lost + self.sent


@dataclass(frozen=True, slots=True)
class TapFrame:
    """A batch of records with the counters that hold at its end; ``records`` are encoded records, joined."""

    run: int
    seq: int
    at_ns: int
    counters: Counters
    count: int
    records: bytes

    def encode(self) -> bytes:
        c = self.counters
        head = HEAD.pack(
            MAGIC, VERSION, 0, self.run, self.seq, self.at_ns,
            c.seen, c.filtered, c.sampled, c.budget, c.lost, c.sent, self.count,
        )  # fmt: skip
        return head + self.records

    @classmethod
    def decode(cls, raw: bytes) -> Self:
        """Raises ValueError when the bytes are no frame of this version."""
        if len(raw) < HEAD.size:
            raise ValueError("tap frame: shorter than its head")
        magic, version, _flags, run, seq, at_ns, *counts, count = HEAD.unpack_from(raw)
        if magic != MAGIC or version != VERSION:
            raise ValueError(f"tap frame: not version {VERSION}")
        return cls(run, seq, at_ns, Counters(*counts), count, raw[HEAD.size :])


def decode_records(records: bytes) -> Iterator[Record]:
    """Raises ValueError at the first record that doesn't fit."""
    at = 0
    while at < len(records):
        if len(records) - at < RECORD.size:
            raise ValueError("tap record: cut short")
        length, received_ns, n_subject, n_reply, n_header, n_payload, size = RECORD.unpack_from(
            records, at
        )
        end = at + 4 + length
        subject_at = at + RECORD.size
        reply_at = subject_at + n_subject
        header_at = reply_at + n_reply
        payload_at = header_at + n_header
        if end > len(records) or payload_at + n_payload != end:
            raise ValueError("tap record: lengths disagree")
        yield Record(
            received_ns,
            records[subject_at:reply_at],
            records[reply_at:header_at],
            records[header_at:payload_at],
            records[payload_at:end],
            size,
        )
        at = end
