"""The archive inside of a stream's snapshot: entries one after the other, ended by one that is empty.

Wire     ``NATSARC1`` · entry…
         entry: uvarint name length · varint time · uvarint sequence · uvarint header size · uvarint payload size ·
         name · header · payload
Source   nats-server ``archive/archive.go``, ``stream_backup.go``
Limit    ``NAME_MAX`` bytes of a name; header and payload together as the reader says
"""

from __future__ import annotations

from typing import Final, NamedTuple

MAGIC: Final = b"NATSARC1"
NAME_MAX: Final = 1 << 20
#: What the names of consumers' entries begin with.
CONSUMERS: Final = b"consumers/"
_VARINT_MAX: Final = 10


class ArchiveError(ValueError):
    """It is no archive, or it ends in the middle."""


class Entry(NamedTuple):
    """A message, named by its subject; or, with sequence 0, a file."""

    name: bytes
    time_ns: int
    seq: int
    header: bytes
    payload: bytes


END: Final = Entry(b"", 0, 0, b"", b"")


def encode(entry: Entry) -> bytes:
    time = entry.time_ns
    zigzag = time << 1 if time >= 0 else (-time << 1) - 1
    return b"".join(
        (
            _uvarint(len(entry.name)), _uvarint(zigzag), _uvarint(entry.seq),
            _uvarint(len(entry.header)), _uvarint(len(entry.payload)),
            entry.name, entry.header, entry.payload,
        )
    )  # fmt: skip


def _uvarint(value: int) -> bytes:
    found = bytearray()
    while value >= 0x80:
        found.append(value & 0x7F | 0x80)
        value >>= 7
    found.append(value)
    return bytes(found)


class Reader:
    """Bytes as they come in, entries as soon as they are whole. ``size_max`` is that of one entry."""

    def __init__(self, size_max: int) -> None:
        self._size_max = size_max
        self._rest = b""
        self._begun = False
        self.ended = False

    def feed(self, data: bytes) -> list[Entry]:
        """Raises ArchiveError."""
        self._rest += data
        found: list[Entry] = []
        if not self._begun:
            if len(self._rest) < len(MAGIC):
                return found
            if not self._rest.startswith(MAGIC):
                raise ArchiveError("archive: invalid archive stream")
            self._rest, self._begun = self._rest[len(MAGIC) :], True
        at = 0
        while not self.ended and (entry := self._entry(at)) is not None:
            at = entry[1]
            self.ended = entry[0] == END
            if not self.ended:
                found.append(entry[0])
        self._rest = self._rest[at:]
        return found

    def _entry(self, at: int) -> tuple[Entry, int] | None:
        """An entry and where it ends; None when it isn't whole yet."""
        numbers: list[int] = []
        for _ in range(5):
            number = self._number(at)
            if number is None:
                return None
            numbers.append(number[0])
            at = number[1]
        name_size, zigzag, seq, header_size, payload_size = numbers
        if name_size > NAME_MAX or header_size + payload_size > self._size_max:
            raise ArchiveError(f"message sequence {seq} exceeds maximum payload size")
        end = at + name_size + header_size + payload_size
        if end > len(self._rest):
            return None
        data = self._rest
        time_ns = (zigzag >> 1) ^ -(zigzag & 1)
        header_at, payload_at = at + name_size, at + name_size + header_size
        return Entry(
            data[at:header_at], time_ns, seq, data[header_at:payload_at], data[payload_at:end]
        ), end

    def _number(self, at: int) -> tuple[int, int] | None:
        value = 0
        for shift in range(_VARINT_MAX):
            if at + shift >= len(self._rest):
                return None
            byte = self._rest[at + shift]
            value |= (byte & 0x7F) << 7 * shift
            if byte < 0x80:
                return value, at + shift + 1
        raise ArchiveError("archive: invalid archive stream")
