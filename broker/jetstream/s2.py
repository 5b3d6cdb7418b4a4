"""The framing of S2, a compression made of Snappy. Plain Python reads what is compressed and writes what isn't.

Wire     chunk: u8 type · u24 length · body, little endian
         0xff  ``S2sTwO`` or ``sNaPpY``, the beginning of a stream
         0x00  u32 checksum · compressed block        0x01  u32 checksum · bytes        0x80 and more: passed over
         block: uvarint length · elements; an element copies earlier bytes or brings its own
Source   Snappy framing format; github.com/klauspost/compress s2 (repeat offsets, larger blocks)
Limit    ``BLOCK_MAX`` bytes of a block
"""

from __future__ import annotations

from array import array
from functools import cache
from typing import Final

from broker import builds

BLOCK_MAX: Final = 4 * 1024 * 1024
#: Bytes that are written in one chunk.
CHUNK_BYTES: Final = 64 * 1024
BEGIN: Final = b"\xff\x06\x00\x00S2sTwO"
_BEGINNINGS: Final = (b"S2sTwO", b"sNaPpY")
_COMPRESSED: Final = 0
_PLAIN: Final = 1
_FIRST_SKIPPED: Final = 0x80
_POLYNOMIAL: Final = 0x82F63B78


class S2Error(ValueError):
    """It is no such stream, or it is damaged."""


def encode(data: bytes) -> bytes:
    """Chunks that hold ``data``; ``BEGIN`` goes before the first ones."""
    parts: list[bytes] = []
    for at in range(0, len(data), CHUNK_BYTES):
        piece = data[at : at + CHUNK_BYTES]
        block = compress(piece)
        kind, body = (_PLAIN, piece) if block is None else (_COMPRESSED, block)
        head = (len(body) + 4) << 8 | kind
        parts += (head.to_bytes(4, "little"), checksum(piece).to_bytes(4, "little"), body)
    return b"".join(parts)


def compress(data: bytes) -> bytes | None:
    """A block, when that is worth it; only the compiled build looks for what to save."""
    if builds.speedups is None:
        return None
    found: bytes | None = builds.speedups.s2_compress(data)
    return found


class Decoder:
    """Bytes as they come in, decoded bytes as soon as their chunk is whole."""

    def __init__(self) -> None:
        self._rest = b""
        self._begun = False

    @property
    def is_between_chunks(self) -> bool:
        return not self._rest

    def feed(self, data: bytes) -> bytes:
        """Raises S2Error."""
        data = self._rest + data
        at = 0
        found: list[bytes] = []
        while at + 4 <= len(data):
            kind, length = data[at], int.from_bytes(data[at + 1 : at + 4], "little")
            if length > BLOCK_MAX + BLOCK_MAX // 6 + 64:
                raise S2Error("s2: a chunk is too large")
            if at + 4 + length > len(data):
                break
            body = data[at + 4 : at + 4 + length]
            at += 4 + length
            found.append(self._chunk(kind, body))
        self._rest = data[at:]
        return b"".join(found)

    def _chunk(self, kind: int, body: bytes) -> bytes:
        if kind == 0xFF:
            if body not in _BEGINNINGS:
                raise S2Error("s2: corrupt input: the stream begins with something else")
            self._begun = True
            return b""
        if not self._begun:
            raise S2Error("s2: corrupt input: no stream begins here")
        if kind >= _FIRST_SKIPPED:
            return b""
        if kind > _PLAIN or len(body) < 4:
            raise S2Error("s2: unsupported input")
        data = decode_block(body[4:]) if kind == _COMPRESSED else body[4:]
        if checksum(data) != int.from_bytes(body[:4], "little"):
            raise S2Error("s2: corrupt input: a checksum differs")
        return data


# Checksums -------------------------------------------------------------------------------------------


@cache
def _table() -> array[int]:
    """What sixteen bits do to a CRC-32C."""
    table = array("I", bytes(65536 * 4))
    for value in range(65536):
        crc = value
        for _ in range(16):
            crc = crc >> 1 ^ (_POLYNOMIAL if crc & 1 else 0)
        table[value] = crc
    return table


def checksum(data: bytes) -> int:
    """CRC-32C, masked as Snappy does it."""
    if builds.speedups is not None:
        return int(builds.speedups.s2_checksum(data))
    table, crc = _table(), 0xFFFFFFFF
    even = len(data) & ~1
    for pair in memoryview(data)[:even].cast("H"):
        crc = table[(crc ^ pair) & 0xFFFF] ^ crc >> 16
    if even != len(data):
        # One byte: as the upper half of sixteen bits, the lower of which the register has shifted away.
        low = (crc ^ data[-1]) & 0xFF
        for _ in range(8):
            low = low >> 1 ^ (_POLYNOMIAL if low & 1 else 0)
        crc = low ^ crc >> 8
    crc ^= 0xFFFFFFFF
    return ((crc >> 15 | crc << 17) + 0xA282EAD8) & 0xFFFFFFFF


# Blocks ----------------------------------------------------------------------------------------------


def decode_block(block: bytes) -> bytes:
    """Raises S2Error."""
    if builds.speedups is not None:
        found: bytes | None = builds.speedups.s2_block(block, BLOCK_MAX)
        if found is not None:
            return found  # otherwise what follows says what is wrong
    try:
        return _decode_block(block)
    except IndexError as error:
        raise S2Error("s2: corrupt input: a block ends early") from error


def _decode_block(block: bytes) -> bytes:
    size, at = _uvarint(block)
    if size > BLOCK_MAX:
        raise S2Error("s2: a block is too large")
    out = bytearray()
    offset = 0
    while at < len(block):
        tag = block[at]
        if tag & 3 == 0:
            length, at = _literal_length(block, at)
            if at + length > len(block):
                raise S2Error("s2: corrupt input: a literal ends early")
            out += block[at : at + length]
            at += length
        else:
            length, offset, at = _copy(block, at, offset)
            _repeat(out, offset, length)
        if len(out) > size:
            raise S2Error("s2: corrupt input: a block is longer than it says")
    if len(out) != size:
        raise S2Error("s2: corrupt input: a block is shorter than it says")
    return bytes(out)


def _uvarint(data: bytes) -> tuple[int, int]:
    value = shift = 0
    for at in range(10):
        value |= (data[at] & 0x7F) << shift
        if data[at] < 0x80:
            return value, at + 1
        shift += 7
    raise S2Error("s2: corrupt input: a length is too long")


def _literal_length(block: bytes, at: int) -> tuple[int, int]:
    code = block[at] >> 2
    if code < 60:
        return code + 1, at + 1
    extra = code - 59
    if at + 1 + extra > len(block):
        raise IndexError
    return int.from_bytes(block[at + 1 : at + 1 + extra], "little") + 1, at + 1 + extra


def _copy(block: bytes, at: int, offset: int) -> tuple[int, int, int]:
    """Length, offset and where the next element is; an offset of 0 repeats the one before, perhaps for longer."""
    tag = block[at]
    kind, code = tag & 3, tag >> 2
    if kind == 1:
        near = (tag & 0xE0) << 3 | block[at + 1]
        if near:
            return 4 + (code & 7), near, at + 2
        length, at = _repeated_length(block, at + 2, code & 7)
        return length, offset, at
    width = 2 if kind == 2 else 4
    if at + 1 + width > len(block):
        raise IndexError
    return code + 1, int.from_bytes(block[at + 1 : at + 1 + width], "little"), at + 1 + width


def _repeated_length(block: bytes, at: int, code: int) -> tuple[int, int]:
    extra = max(code - 4, 0)
    if at + extra > len(block):
        raise IndexError
    if not extra:
        return code + 4, at
    base = (8, 260, 65540)[extra - 1]
    return int.from_bytes(block[at : at + extra], "little") + base, at + extra


def _repeat(out: bytearray, offset: int, length: int) -> None:
    if not 0 < offset <= len(out):
        raise S2Error("s2: corrupt input: a copy from before the beginning")
    start = len(out) - offset
    if length <= offset:
        out += out[start : start + length]
        return
    piece = bytes(out[start:])
    out += (piece * (length // offset + 1))[:length]
