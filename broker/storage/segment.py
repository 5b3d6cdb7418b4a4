"""The form of a segment file: two copies of a head, then records, then zeros.

Wire, all integers little endian:

    segment  head · head · record… · zeros (space allocated ahead)
    head     "WRSEG\\0\\0\\1" · u64 segment id · u64 floor · u64 last_seq · u32 generation · u32 salt · u32 crc
             · zeros to 64 bytes
    record   u32 crc · "\\xc5WR" · u8 kind · u32 length of the whole record · u32 epoch · u64 seq · i64 time_ns
             · i64 expires_ns · u16 subject length · u8 mark · u8 1 with a header, else 0
             · subject · [u32 header length · header] · payload

Each crc is CRC-32 over what follows it, begun with the segment's random salt: a payload that looks like a
record can't pass for one, because its author doesn't know the salt.

An epoch is what one sync made durable; the next one is only written after that sync. So damage before the last
epoch is decay of the medium, while damage inside the last epoch may be a torn write that nobody was told of.

``scan`` never raises: it yields what is intact and says which byte ranges are not.
"""

import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from broker import builds

SEGMENT_MAGIC = b"WRSEG\0\0\1"
_HEAD = struct.Struct("<8sQQQII")
_HEAD_BYTES = 64
#: Where the first record is: after both copies of the head.
RECORDS_AT = 2 * _HEAD_BYTES

MAGIC = b"\xc5WR"
RECORD = struct.Struct("<I3sBIIQqqHBB")
_BODY = struct.Struct("<3sBIIQqqHBB")
RECORD_BYTES = RECORD.size
_U32 = struct.Struct("<I")

MESSAGE = 1
#: A message of an atomic batch: counts only when the GROUP_END of its epoch is there.
GROUPED = 2
#: ``seq`` = how many messages the batch has, ``expires_ns`` = the sequence of its last.
GROUP_END = 3
#: Payload: u64 each, the sequences that are deleted. ``time_ns`` holds the offset at which its epoch begins.
DELETE = 4
#: ``seq`` = floor (everything below is gone), ``expires_ns`` = last_seq, ``time_ns`` as for DELETE.
BOUNDS = 5
#: A deleted message whose bytes were overwritten.
ERASED = 6
_KINDS = frozenset((MESSAGE, GROUPED, GROUP_END, DELETE, BOUNDS, ERASED))

#: The longest record that is believed: what fits the largest max_payload with room.
RECORD_BYTES_MAX = 80 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Head:
    """What a segment knows of the stream at the moment it was begun."""

    segment_id: int
    floor: int
    last_seq: int
    salt: int
    #: How often the file was rewritten; an index of another generation doesn't fit.
    generation: int = 0

    def encode(self) -> bytes:
        body = _HEAD.pack(
            SEGMENT_MAGIC, self.segment_id, self.floor, self.last_seq, self.generation, self.salt
        )
        one = (body + _U32.pack(zlib.crc32(body))).ljust(_HEAD_BYTES, b"\0")
        return one + one


def decode_head(data: bytes) -> Head | None:
    """From whichever copy is intact; None when neither is."""
    for at in (0, _HEAD_BYTES):
        body = data[at : at + _HEAD.size]
        crc = data[at + _HEAD.size : at + _HEAD.size + 4]
        if len(crc) == 4 and _U32.unpack(crc)[0] == zlib.crc32(body):
            magic, segment_id, floor, last_seq, generation, salt = _HEAD.unpack(body)
            if magic == SEGMENT_MAGIC:
                return Head(segment_id, floor, last_seq, salt, generation)
    return None


def encode_record(
    salt: int, kind: int, epoch: int, seq: int, time_ns: int, expires_ns: int, mark: int,
    subject: bytes, header: bytes, payload: bytes,
) -> bytes:  # fmt: skip
    """One record, ready to write."""
    n_subject, n_header = len(subject), len(header)
    if n_header:
        length = RECORD_BYTES + n_subject + 4 + n_header + len(payload)
        head = _BODY.pack(MAGIC, kind, length, epoch, seq, time_ns, expires_ns, n_subject, mark, 1)
        body = b"".join((head, subject, _U32.pack(n_header), header, payload))
    else:
        length = RECORD_BYTES + n_subject + len(payload)
        head = _BODY.pack(MAGIC, kind, length, epoch, seq, time_ns, expires_ns, n_subject, mark, 0)
        body = b"".join((head, subject, payload))
    return _U32.pack(zlib.crc32(body, salt)) + body


def filler(salt: int, seq: int, length: int) -> bytes:
    """A record of exactly ``length`` bytes in the place of the erased message ``seq``, or of damage (``seq`` 0)."""
    return encode_record(salt, ERASED, 0, seq, 0, 0, 0, b"", b"", bytes(length - RECORD_BYTES))


class Record(NamedTuple):
    """An intact record and where it lies."""

    kind: int
    at: int
    length: int
    epoch: int
    seq: int
    time_ns: int
    expires_ns: int
    mark: int
    n_subject: int
    has_header: int

    def parts(self, data: bytes, base: int = 0) -> tuple[bytes, bytes, bytes]:
        """Subject, header and payload; ``data`` begins at offset ``base`` of the segment."""
        at = self.at - base
        header_at = at + RECORD_BYTES + self.n_subject
        subject = data[at + RECORD_BYTES : header_at]
        if not self.has_header:
            return subject, b"", data[header_at : at + self.length]
        (n_header,) = _U32.unpack_from(data, header_at)
        payload_at = header_at + 4 + n_header
        return subject, data[header_at + 4 : payload_at], data[payload_at : at + self.length]


def decode_record(data: bytes, at: int, salt: int, base: int = 0) -> Record | None:
    """The record at ``data[at]``, or None when what is there is no intact record."""
    if at + RECORD_BYTES > len(data):
        return None
    crc, magic, kind, length, epoch, seq, time_ns, expires_ns, n_subject, mark, has_header = (
        RECORD.unpack_from(data, at)
    )
    if magic != MAGIC or not RECORD_BYTES <= length <= RECORD_BYTES_MAX or at + length > len(data):
        return None
    if crc != zlib.crc32(memoryview(data)[at + 4 : at + length], salt) or kind not in _KINDS:
        return None
    return Record(
        kind, base + at, length, epoch, seq, time_ns, expires_ns, mark, n_subject, has_header
    )


def decode_message(
    data: bytes, at: int, salt: int, seq: int
) -> tuple[int, bytes, bytes, bytes] | None:
    """Time, subject, header and payload of the intact message ``seq`` at ``data[at]``, else None. Compiled twin:
    ``broker/speedups/appending.pxi``"""
    if at < 0 or at + RECORD_BYTES > len(data):
        return None
    crc, magic, kind, length, _, found_seq, time_ns, _, n_subject, _, has_header = (
        RECORD.unpack_from(data, at)
    )
    end = at + length
    if found_seq != seq or magic != MAGIC or kind > GROUPED or end > len(data):
        return None
    if length < RECORD_BYTES or crc != zlib.crc32(data[at + 4 : end], salt):
        return None
    middle = at + RECORD_BYTES + n_subject
    subject = data[at + RECORD_BYTES : middle]
    if not has_header:
        return time_ns, subject, b"", data[middle:end]
    (n_header,) = _U32.unpack_from(data, middle)
    payload_at = middle + 4 + n_header
    return time_ns, subject, data[middle + 4 : payload_at], data[payload_at:end]


if builds.speedups is not None and not TYPE_CHECKING:
    decode_message = builds.speedups.decode_message


class Damage(NamedTuple):
    """Bytes from ``at`` up to ``end`` are no intact record. ``tail``: nothing intact follows."""

    at: int
    end: int
    tail: bool


def scan(data: bytes, salt: int) -> Iterator[Record | Damage]:
    """All intact records in order, and the damage between and after them. Zeros at the end are no damage."""
    at, end = RECORDS_AT, len(data)
    while at < end:
        record = decode_record(data, at, salt)
        if record is not None:
            yield record
            at += record.length
            continue
        following = _next_intact(data, at + 1, salt)
        if following is not None:
            yield Damage(at, following, tail=False)
            at = following
            continue
        content_end = len(data.rstrip(b"\0"))
        if content_end > at:
            yield Damage(at, content_end, tail=True)
        return


def _next_intact(data: bytes, at: int, salt: int) -> int | None:
    found = data.find(MAGIC, at + 4)
    while found >= 0:
        if decode_record(data, found - 4, salt) is not None:
            return found - 4
        found = data.find(MAGIC, found + 1)
    return None
