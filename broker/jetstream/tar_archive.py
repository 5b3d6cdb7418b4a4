"""The older form of a stream's snapshot, as nats-server 2.10 to 2.14 make it: a tar of the files of its store.

Wire     tar (pax) of regular files, in this order; integers little endian unless they are varints
         meta.inf        configuration of the stream and ``Created``, JSON
         msgs/<n>.blk    records: u32 length of all, bit 31 = with header · u64 sequence, bit 63 = erased,
                         bit 62 = deleted (says so of another record) · i64 time · u16 subject length · subject ·
                         [u32 header length · header] · payload · 8 bytes of checksum
         msgs/index.db   which sequences are there: see ``Reader._index``
         obs/<name>/meta.inf, o.dat      configuration of a consumer, and its state: see ``consumer_state``
         meta.sum and the like           passed over: the chunks around all of it have checksums of their own
What comes out has the shape of the newer form's entries; what it says of the whole stream is known at the end only.
Source   nats-server ``filestore.go`` (streamSnapshot, rebuildStateFromBufLocked, recoverFullState), ``avl/seqset.go``
Limit    ``HELD_MAX`` bytes that are kept until the end, of all kinds together
"""

from __future__ import annotations

import json
import struct
import tarfile
from bisect import bisect_right
from collections.abc import Generator
from typing import Any, Final

from broker.jetstream.archive import CONSUMERS, ArchiveError, Entry

HELD_MAX: Final = 64 * 1024 * 1024
_SECTOR: Final = 512
_RECORD: Final = struct.Struct("<IQqH")
_CHECKSUM: Final = 8
_WITH_HEADER: Final = 1 << 31
_ERASED: Final = 1 << 63
_DELETED: Final = 1 << 62
_INDEX_MAGIC: Final = 11
_INDEX_VERSIONS: Final = range(1, 5)
_SET_MAGIC: Final = 22
_SET_HEAD: Final = struct.Struct("<BBII")
#: Bytes of bits in one node of a set of sequences, by version.
_SET_BYTES: Final = {1: 512, 2: 256}
#: What an entry of a set or list takes in memory, about.
_SET_ENTRY: Final = 64
_STATE_MAGIC: Final = 22
_VARINT_MAX: Final = 10
_SECOND_NS: Final = 1_000_000_000

#: A part of the parser; what it yields means that it needs more bytes.
Part = Generator[None, None, None]
Numbers = Generator[None, None, int]
Bytes = Generator[None, None, bytes]


class _Block:
    """What the index says of one file of messages: first and last sequence, and what of them is deleted."""

    def __init__(self, first_seq: int, last_seq: int) -> None:
        self.first_seq, self.last_seq = first_seq, last_seq
        self._bits: dict[int, int] = {}
        self._span = 1

    def add(self, base: int, bits: bytes) -> None:
        """Bit n says that ``base`` + n is deleted; bases are multiples of the number of bits."""
        self._span = 8 * len(bits)
        self._bits[base] = int.from_bytes(bits, "little")

    def holds(self, seq: int) -> bool:
        base = seq - seq % self._span
        in_it = self.first_seq <= seq <= self.last_seq
        return in_it and not self._bits.get(base, 0) >> (seq - base) & 1

    def holds_some_from(self, seq: int) -> bool:
        """Whether a message that isn't before ``seq`` is there."""
        start = max(seq, self.first_seq)
        deleted = (bits >> max(start - base, 0) for base, bits in self._bits.items())
        return self.last_seq - start + 1 > sum(bits.bit_count() for bits in deleted)


class Reader:
    """Bytes as they come in; messages and consumers as soon as they are whole. ``size_max`` is that of one message.

    What ``holds`` denies may come out nevertheless: only the end says what was deleted.
    """

    def __init__(self, size_max: int) -> None:
        self._size_max = size_max
        self._data = b""
        self._at = 0
        #: Bytes that came before those.
        self._passed = 0
        self._held = 0
        self._found: list[Entry] = []
        self._parser = self._archive()
        self._consumers: dict[str, dict[str, Any]] = {}
        #: Sequences that some record says are deleted; where there is an index, it knows better.
        self._deleted: set[int] = set()
        self._indexed = False
        self._blocks: list[_Block] = []
        self._starts: list[int] = []
        self._told_last_seq = self._told_last_time_ns = 0
        self._last_seq = self._last_time_ns = 0
        #: The stream's configuration, with ``Created``.
        self.meta: dict[str, Any] = {}
        self.first_seq = 0
        self.ended = False

    def feed(self, data: bytes) -> list[Entry]:
        """Raises ArchiveError."""
        self._passed += self._at
        self._data = self._data[self._at :] + data
        self._at = 0
        self._found = []
        if not self.ended:
            next(self._parser, None)
        return self._found

    # What the whole says ----------------------------------------------------------------------------

    def last(self) -> tuple[int, int]:
        """Sequence and time of the last message that there was. An index that knows of messages that aren't in the
        snapshot was written after more had been published."""
        after = self._last_seq + 1
        knows_more = any(block.holds_some_from(after) for block in self._blocks)
        if self._told_last_seq > self._last_seq and not knows_more:
            return self._told_last_seq, self._told_last_time_ns
        return self._last_seq, self._last_time_ns

    def holds(self, seq: int) -> bool:
        """Whether a message that came out is one of the stream's."""
        if not self._indexed:
            return seq not in self._deleted
        at = bisect_right(self._starts, seq) - 1
        return seq >= self.first_seq and at >= 0 and self._blocks[at].holds(seq)

    # Bytes ------------------------------------------------------------------------------------------

    def _take(self, size: int) -> Bytes:
        while len(self._data) - self._at < size:
            yield
        self._at += size
        return self._data[self._at - size : self._at]

    def _skip(self, size: int) -> Part:
        while size > 0:
            step = min(size, len(self._data) - self._at)
            self._at += step
            size -= step
            if size:
                yield

    def _hold(self, size: int) -> None:
        self._held += size
        if self._held > HELD_MAX:
            raise ArchiveError("snapshot: too large apart from its messages")

    def _whole(self, size: int) -> Bytes:
        self._hold(size)
        data = yield from self._take(size)
        return data

    def _number(self) -> Numbers:
        """An unsigned varint."""
        while True:
            value = 0
            for at, byte in enumerate(self._data[self._at : self._at + _VARINT_MAX]):
                value |= (byte & 0x7F) << 7 * at
                if byte < 0x80:
                    self._at += at + 1
                    return value
            if len(self._data) - self._at >= _VARINT_MAX:
                raise ArchiveError("snapshot: index.db is damaged")
            yield

    def _signed(self) -> Numbers:
        value = yield from self._number()
        return (value >> 1) ^ -(value & 1)

    # The archive ------------------------------------------------------------------------------------

    def _archive(self) -> Part:
        extra: dict[str, str] = {}
        while True:
            head = yield from self._take(_SECTOR)
            if not head.strip(b"\0"):
                break
            try:
                info = tarfile.TarInfo.frombuf(head, "utf-8", "surrogateescape")
            except tarfile.HeaderError as error:
                raise ArchiveError("archive/tar: invalid tar header") from error
            size = info.size
            if info.type == tarfile.XHDTYPE:
                extra = _extended((yield from self._whole(size)))
            elif info.isreg():
                size = int(extra.get("size", size))
                yield from self._file(extra.get("path", info.name), size)
                extra = {}
            else:
                raise ArchiveError("unexpected content")
            yield from self._skip(-size % _SECTOR)
        self._finish()

    def _file(self, name: str, size: int) -> Part:
        folder, _, rest = name.partition("/")
        if name == "meta.inf":
            self.meta = _object((yield from self._whole(size)), name)
        elif name == "errors.txt":
            text = yield from self._whole(size)
            raise ArchiveError(f"snapshot: {text.decode(errors='replace')}")
        elif folder == "msgs" and rest.endswith(".blk"):
            yield from self._block(size)
        elif name == "msgs/index.db":
            yield from self._index(size)
        elif folder == "obs" and rest.endswith(("/meta.inf", "/o.dat")):
            data = yield from self._whole(size)
            consumer, _, kind = rest.rpartition("/")
            parts = self._consumers.setdefault(consumer, {})
            if kind == "o.dat":
                parts["state"] = consumer_state(data)
            else:
                parts["config"] = {"name": consumer} | _object(data, name)
        else:
            yield from self._skip(size)

    def _finish(self) -> None:
        self.ended = True
        for name, parts in self._consumers.items():
            body = json.dumps(parts).encode()
            self._found.append(Entry(CONSUMERS + name.encode(), 0, 0, b"", body))

    # Messages ---------------------------------------------------------------------------------------

    def _block(self, size: int) -> Part:
        while size:
            if size < _RECORD.size + _CHECKSUM:
                raise ArchiveError("snapshot: a message block is cut off")
            head = yield from self._take(_RECORD.size)
            size_and_flag, seq, time_ns, subject_size = _RECORD.unpack(head)
            length = size_and_flag & ~_WITH_HEADER
            if not _RECORD.size + _CHECKSUM <= length <= size:
                raise ArchiveError("snapshot: a record of a message block is damaged")
            if length > self._size_max:
                raise ArchiveError(f"message sequence {seq} exceeds maximum payload size")
            body = (yield from self._take(length - _RECORD.size))[:-_CHECKSUM]
            header_at = subject_size + (4 if size_and_flag & _WITH_HEADER else 0)
            self._record(seq, time_ns, subject_size, header_at, body)
            size -= length

    def _record(self, seq: int, time_ns: int, subject_size: int, at: int, body: bytes) -> None:
        """``at`` is where the header begins."""
        flags, seq = seq & (_ERASED | _DELETED), seq & ~(_ERASED | _DELETED)
        if flags & _DELETED:
            self._hold(_SET_ENTRY)
            self._deleted.add(seq)
        if seq <= self._last_seq:
            return
        self._last_seq, self._last_time_ns = seq, time_ns
        if flags:
            return
        end = at + int.from_bytes(body[subject_size:at], "little")
        if end > len(body):
            raise ArchiveError("snapshot: a record of a message block is damaged")
        self._found.append(Entry(body[:subject_size], time_ns, seq, body[at:end], body[end:]))

    # The index --------------------------------------------------------------------------------------

    def _index(self, size: int) -> Part:
        """Varints, but for its head, subjects and sets.

        u8 magic · u8 version · messages · bytes · first sequence · its time, signed · last sequence · its time,
        signed · number of subjects · of each: length, subject, messages, first block, last block (before version 4
        only with more than one message) · number of blocks · of each: number, bytes, first sequence, its time, last
        sequence, its time, deleted messages, [from version 2 on] those with a time to live, [3] schedules, set of the
        deleted if there are some · more that doesn't matter here.
        """
        end = self._passed + self._at + size
        magic, version = yield from self._take(2)
        if magic != _INDEX_MAGIC or version not in _INDEX_VERSIONS:
            raise ArchiveError("snapshot: index.db isn't known in this form")
        yield from self._numbers(2)
        self.first_seq = yield from self._number()
        yield from self._numbers(1)
        self._told_last_seq = yield from self._number()
        self._told_last_time_ns = yield from self._signed()
        yield from self._subjects(version)
        count = yield from self._number()
        for _ in range(count):
            yield from self._index_of_block(version)
        self._starts = [block.first_seq for block in self._blocks]
        self._indexed = True
        left = end - self._passed - self._at
        if left < 0:
            raise ArchiveError("snapshot: index.db is damaged")
        yield from self._skip(left)

    def _numbers(self, count: int) -> Part:
        for _ in range(count):
            yield from self._number()

    def _subjects(self, version: int) -> Part:
        count = yield from self._number()
        for _ in range(count):
            length = yield from self._number()
            if not length:
                continue
            yield from self._skip(length)
            messages = yield from self._number()
            yield from self._numbers(2 if messages > 1 or version >= 4 else 1)

    def _index_of_block(self, version: int) -> Part:
        self._hold(_SET_ENTRY)
        yield from self._numbers(2)
        first_seq = yield from self._number()
        yield from self._numbers(1)
        last_seq = yield from self._number()
        yield from self._numbers(1)
        deleted = yield from self._number()
        yield from self._numbers(min(version, 3) - 1)
        block = _Block(first_seq, last_seq)
        self._blocks.append(block)
        if deleted:
            yield from self._set(block)

    def _set(self, block: _Block) -> Part:
        """u8 magic · u8 version · u32 number of nodes · u32 of sequences · nodes: u64 base · bits · u16 height."""
        magic, version, nodes, _ = _SET_HEAD.unpack((yield from self._take(_SET_HEAD.size)))
        size = _SET_BYTES.get(version)
        if magic != _SET_MAGIC or size is None:
            raise ArchiveError("snapshot: index.db is damaged")
        for _ in range(nodes):
            node = yield from self._whole(8 + size + 2)
            block.add(int.from_bytes(node[:8], "little"), node[8:-2])


# Consumers -------------------------------------------------------------------------------------------


def consumer_state(data: bytes) -> dict[str, Any]:
    """``o.dat`` in the shape of the newer form. Raises ArchiveError.

    u8 magic · u8 version · varints: acknowledged up to consumer sequence, stream sequence, delivered up to consumer
    sequence, stream sequence · number of pending, if any: lowest time, signed s, of each: stream sequence, (version 2)
    consumer sequence, both from the acknowledged ones on, age, signed s · number of redelivered, of each: stream
    sequence, likewise, count
    """
    if len(data) < 2 or data[0] != _STATE_MAGIC or data[1] not in (1, 2):
        raise ArchiveError("snapshot: a consumer's state isn't known in this form")
    numbers, newer = _Varints(data[2:]), data[1] == 2
    floor_consumer, floor_stream = numbers.next(), numbers.next()
    delivered_consumer, delivered_stream = numbers.next(), numbers.next()
    if not newer:
        delivered_consumer += max(floor_consumer - 1, 0)
        delivered_stream += max(floor_stream - 1, 0)
    pending: dict[str, dict[str, int]] = {}
    count = numbers.next()
    base_s = numbers.signed() if count else 0
    for _ in range(count):
        seq = floor_stream + numbers.next()
        consumer_seq = floor_consumer + numbers.next() if newer else 0
        age_s = numbers.signed()
        time_s = base_s - age_s if newer else base_s + age_s
        pending[str(seq)] = {"Sequence": consumer_seq, "Timestamp": time_s * _SECOND_NS}
    again = {}
    for _ in range(numbers.next()):
        seq = floor_stream + numbers.next()
        again[str(seq)] = numbers.next()
    return {
        "delivered": {"consumer_seq": delivered_consumer, "stream_seq": delivered_stream},
        "ack_floor": {"consumer_seq": floor_consumer, "stream_seq": floor_stream},
        "pending": pending,
        "redelivered": again,
    }


class _Varints:
    def __init__(self, data: bytes) -> None:
        self._data = data
        self._at = 0

    def next(self) -> int:
        value = 0
        for at, byte in enumerate(self._data[self._at : self._at + _VARINT_MAX]):
            value |= (byte & 0x7F) << 7 * at
            if byte < 0x80:
                self._at += at + 1
                return value
        raise ArchiveError("snapshot: a consumer's state is damaged")

    def signed(self) -> int:
        value = self.next()
        return (value >> 1) ^ -(value & 1)


def _object(data: bytes, name: str) -> dict[str, Any]:
    try:
        found = json.loads(data)
    except ValueError as error:
        raise ArchiveError(f"snapshot: {name} is damaged") from error
    if not isinstance(found, dict):
        raise ArchiveError(f"snapshot: {name} is damaged")
    return found


def _extended(data: bytes) -> dict[str, str]:
    """Entries of a pax header: length of all · space · key · = · value · line feed."""
    found = {}
    while data:
        size, _, _ = data.partition(b" ")
        if not size.isdigit() or not len(size) < int(size) <= len(data):
            raise ArchiveError("archive/tar: invalid tar header")
        key, _, value = data[len(size) + 1 : int(size) - 1].partition(b"=")
        found[key.decode(errors="replace")] = value.decode(errors="replace")
        data = data[int(size) :]
    if not found.get("size", "0").isdigit():
        raise ArchiveError("archive/tar: invalid tar header")
    return found
