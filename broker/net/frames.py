"""WebSocket frames: bytes ↔ payload pieces, without buffering a frame as a whole.

Wire     FIN RSV1-3 opcode · MASK length(7, 16 or 64 bits) · masking key · payload
Limit    control frames 125 bytes; of data frames nothing is kept but the head, so their length needs no bound
Source   RFC 6455, RFC 7692 (permessage-deflate without context takeover)
"""

import struct
import zlib
from collections.abc import Iterator
from typing import Final

CONTINUATION: Final = 0
TEXT: Final = 1
BINARY: Final = 2
CLOSE: Final = 8
PING: Final = 9
PONG: Final = 10

CONTROL_MAX: Final = 125
#: Besides those that libraries and applications may choose.
_CLOSE_CODES: Final = (*range(1000, 1004), *range(1007, 1015))
#: What a compressed message gives is handed on in pieces of this size, so that none can swell memory.
_PIECE: Final = 64 * 1024
_TAIL: Final = b"\x00\x00\xff\xff"
#: Shorter payloads aren't worth compressing.
_COMPRESS_MIN: Final = 64


class FrameError(Exception):
    """The peer broke the framing; ``code`` is the close code to answer with."""

    def __init__(self, reason: str, code: int = 1002) -> None:
        super().__init__(reason)
        self.code = code


def encode(opcode: int, payload: bytes, *, compressed: bool = False) -> bytes:
    """One whole unmasked frame, as servers send them."""
    first = 0x80 | opcode | (0x40 if compressed else 0)
    size = len(payload)
    if size < 126:
        return bytes((first, size)) + payload
    if size < 1 << 16:
        return struct.pack(">BBH", first, 126, size) + payload
    return struct.pack(">BBQ", first, 127, size) + payload


def encode_data(payload: bytes, *, compression: bool) -> bytes:
    """A binary message in one frame, compressed where that was agreed and pays."""
    if not compression or len(payload) < _COMPRESS_MIN:
        return encode(BINARY, payload)
    deflate = zlib.compressobj(1, zlib.DEFLATED, -15)
    packed = deflate.compress(payload) + deflate.flush(zlib.Z_SYNC_FLUSH)
    return encode(BINARY, packed.removesuffix(_TAIL), compressed=True)


def encode_close(code: int, reason: str = "") -> bytes:
    return encode(CLOSE, struct.pack(">H", code) + reason.encode()[: CONTROL_MAX - 2])


def checked_close(payload: bytes) -> bytes:
    """A close frame's payload, which is answered with itself. Raises FrameError for a code that nobody may send."""
    if not payload:
        return b""
    code = int.from_bytes(payload[:2], "big")
    if len(payload) < 2 or not (code in _CLOSE_CODES or 3000 <= code < 5000):
        raise FrameError("invalid close status code")
    return payload


def unmask(data: bytes, key: bytes, phase: int) -> bytes:
    """``phase`` is how many bytes of this frame came before ``data``."""
    size = len(data)
    turn = phase % 4
    pattern = (key[turn:] + key[:turn]) * (size // 4 + 1)
    number = int.from_bytes(data, "little") ^ int.from_bytes(pattern[:size], "little")
    return number.to_bytes(size, "little")


class Reader:
    """What one peer sends. ``feed`` yields (opcode, bytes): pieces of data messages as they come, controls whole."""

    __slots__ = (
        "_compression",
        "_control",
        "_fin",
        "_head",
        "_inflate",
        "_key",
        "_left",
        "_message",
        "_opcode",
        "_phase",
    )

    def __init__(self, *, compression: bool) -> None:
        self._compression = compression
        self._head = bytearray()
        self._control = bytearray()
        self._inflate: zlib._Decompress | None = None
        self._key = b""
        self._left = 0
        self._phase = 0
        self._opcode = CONTINUATION
        self._fin = True
        #: True inside a data message that has not ended.
        self._message = False

    def feed(self, block: bytes) -> Iterator[tuple[int, bytes]]:
        """Raises FrameError; what was yielded before holds."""
        at = 0
        while at < len(block) or (self._key and not self._left):
            if not self._key:
                at += self._take_head(block[at:])
                continue
            piece = unmask(block[at : at + self._left], self._key, self._phase)
            at += len(piece)
            self._left -= len(piece)
            self._phase += len(piece)
            yield from self._payload(piece)

    def _take_head(self, data: bytes) -> int:
        """How many bytes of ``data`` belong to the head."""
        head = self._head
        before = len(head)
        head += data[: _HEAD_MAX - before]
        wanted = _head_size(head)
        if len(head) < wanted or wanted == 0:
            return len(head) - before
        used = wanted - before
        del head[wanted:]
        self._begin(bytes(head))
        head.clear()
        return used

    def _begin(self, head: bytes) -> None:
        first, second = head[0], head[1]
        if not second & 0x80:
            raise FrameError("frames of clients must be masked")
        size = second & 0x7F
        if size == 126:
            size = int.from_bytes(head[2:4], "big")
        elif size == 127:
            size = int.from_bytes(head[2:10], "big")
        self._fin, self._opcode = bool(first & 0x80), first & 0x0F
        self._check(first, size)
        self._key, self._left, self._phase = head[-4:], size, 0

    def _check(self, first: int, size: int) -> None:
        opcode, compressed = self._opcode, bool(first & 0x40)
        if first & 0x30 or (compressed and not self._compression):
            raise FrameError("reserved bits are set")
        if opcode in (CLOSE, PING, PONG):
            if size > CONTROL_MAX or not self._fin or compressed:
                raise FrameError("control frames must be short and whole")
        elif opcode in (TEXT, BINARY):
            if self._message:
                raise FrameError("a message begins before the last one ended")
            self._message = True
            self._inflate = zlib.decompressobj(-15) if compressed else None
        elif opcode != CONTINUATION or not self._message or compressed:
            raise FrameError("unexpected opcode")

    def _payload(self, piece: bytes) -> Iterator[tuple[int, bytes]]:
        ended = not self._left
        if ended:
            self._key = b""
        if self._opcode >= CLOSE:
            self._control += piece
            if ended:
                whole = bytes(self._control)
                self._control.clear()
                yield self._opcode, whole
            return
        done = ended and self._fin
        if self._inflate is not None:
            yield from self._inflated(piece, done)
        elif piece:
            yield BINARY, piece
        if done:
            self._message, self._inflate = False, None

    def _inflated(self, piece: bytes, done: bool) -> Iterator[tuple[int, bytes]]:
        inflate = self._inflate
        assert inflate is not None  # the caller looked
        data = piece + _TAIL if done else piece
        try:
            while data:
                out = inflate.decompress(data, _PIECE)
                if out:
                    yield BINARY, out
                data = inflate.unconsumed_tail
                if inflate.eof:
                    return
            while rest := inflate.decompress(b"", _PIECE):
                yield BINARY, rest
        except zlib.error as error:
            raise FrameError("the compressed data is damaged", 1007) from error


_HEAD_MAX: Final = 14


def _head_size(head: bytearray) -> int:
    """Bytes of a head that begins like this; 0 as long as that can't be told."""
    if len(head) < 2:
        return 0
    extra = {126: 2, 127: 8}.get(head[1] & 0x7F, 0)
    return 2 + extra + (4 if head[1] & 0x80 else 0)
