"""WebSocket frames: whatever is cut anywhere comes out whole; what breaks the framing is refused with its code."""

import contextlib
import struct
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from broker.net import frames
from broker.net.frames import BINARY, CLOSE, CONTINUATION, PING, TEXT, FrameError, Reader

KEY = b"\x11\x22\x33\x44"


def masked(
    opcode: int, payload: bytes, *, fin: bool = True, rsv: int = 0, key: bytes = KEY
) -> bytes:
    """A client's frame, masked byte by byte."""
    first = (0x80 if fin else 0) | rsv | opcode
    size = len(payload)
    if size < 126:
        head = struct.pack(">BB", first, 0x80 | size)
    elif size < 65536:
        head = struct.pack(">BBH", first, 0x80 | 126, size)
    else:
        head = struct.pack(">BBQ", first, 0x80 | 127, size)
    return head + key + bytes(byte ^ key[i % 4] for i, byte in enumerate(payload))


def cut(data: bytes, places: list[int]) -> list[bytes]:
    at = sorted({place % (len(data) + 1) for place in places})
    return [data[i:j] for i, j in zip([0, *at], [*at, len(data)], strict=True)]


def read(blocks: list[bytes], *, compression: bool = False) -> list[tuple[int, bytes]]:
    """Controls as they come, neighbouring pieces of data joined."""
    reader, got = Reader(compression=compression), []
    for block in blocks:
        for opcode, payload in reader.feed(block):
            if got and opcode == BINARY and got[-1][0] == BINARY:
                got[-1] = (BINARY, got[-1][1] + payload)
            else:
                got.append((opcode, payload))
    return got


def deflated(payload: bytes) -> bytes:
    deflate = zlib.compressobj(wbits=-15)
    data = deflate.compress(payload) + deflate.flush(zlib.Z_SYNC_FLUSH)
    return data.removesuffix(b"\x00\x00\xff\xff")


MESSAGES = st.lists(st.binary(max_size=300) | st.just(b"x" * 70_000), min_size=1, max_size=5)
CUTS = st.lists(st.integers(0, 2**20), max_size=12)


@given(MESSAGES, CUTS, st.binary(min_size=4, max_size=4))
def test_data_comes_out_as_it_went_in(messages: list[bytes], cuts: list[int], key: bytes) -> None:
    wire = b"".join(masked(BINARY, message, key=key) for message in messages)
    assert b"".join(payload for _, payload in read(cut(wire, cuts))) == b"".join(messages)


@given(st.binary(max_size=400), CUTS, CUTS)
def test_fragments_with_a_ping_between(message: bytes, pieces: list[int], cuts: list[int]) -> None:
    first, *rest = cut(message, pieces)
    wire = masked(TEXT, first, fin=not rest)
    for i, piece in enumerate(rest):
        wire += masked(PING, b"now")
        wire += masked(CONTINUATION, piece, fin=i == len(rest) - 1)
    got = read(cut(wire, cuts))
    assert b"".join(p for opcode, p in got if opcode == BINARY) == message
    assert [p for opcode, p in got if opcode == PING] == [b"now"] * len(rest)


@given(st.lists(st.binary(max_size=300), min_size=1, max_size=4), CUTS)
def test_compressed_messages(messages: list[bytes], cuts: list[int]) -> None:
    wire = b"".join(masked(BINARY, deflated(m), rsv=0x40) for m in messages)
    got = read(cut(wire, cuts), compression=True)
    assert b"".join(payload for _, payload in got) == b"".join(messages)


def test_a_compressed_message_swells_only_in_pieces() -> None:
    huge = deflated(b"\0" * 20_000_000)
    reader = Reader(compression=True)
    sizes = [len(p) for _, p in reader.feed(masked(BINARY, huge, rsv=0x40))]
    assert sum(sizes) == 20_000_000
    assert max(sizes) <= 64 * 1024


@pytest.mark.parametrize(
    ("wire", "code"),
    [
        (frames.encode(BINARY, b"clear"), 1002),
        (masked(PING, b"x" * 126), 1002),
        (masked(CLOSE, b"", fin=False), 1002),
        (masked(CONTINUATION, b"x"), 1002),
        (masked(BINARY, b"a", fin=False) + masked(BINARY, b"b"), 1002),
        (masked(3, b""), 1002),
        (masked(BINARY, b"", rsv=0x20), 1002),
        (masked(BINARY, deflated(b"x"), rsv=0x40), 1002),
    ],
    ids=["unmasked", "long control", "cut control", "continuation of nothing", "two at once", "opcode", "bits",
         "compressed where that wasn't agreed"],
)  # fmt: skip
def test_broken_framing_is_refused(wire: bytes, code: int) -> None:
    with pytest.raises(FrameError) as caught:
        read([wire])
    assert caught.value.code == code


def test_damaged_compression_is_refused() -> None:
    with pytest.raises(FrameError) as caught:
        read([masked(BINARY, b"\xff\xff\xff", rsv=0x40)], compression=True)
    assert caught.value.code == 1007


@given(st.binary(max_size=200), CUTS)
def test_no_bytes_make_it_crash(data: bytes, cuts: list[int]) -> None:
    with contextlib.suppress(FrameError):
        read(cut(data, cuts), compression=True)


@pytest.mark.parametrize("size", [0, 1, 125, 126, 65_535, 65_536])
def test_what_the_server_sends_is_one_unmasked_frame(size: int) -> None:
    payload = bytes(size)
    frame = frames.encode_data(payload, compression=False)
    length, start = frame[1], 2
    if length == 126:
        length, start = int.from_bytes(frame[2:4], "big"), 4
    elif length == 127:
        length, start = int.from_bytes(frame[2:10], "big"), 10
    assert frame[0] == 0x80 | BINARY
    assert (length, frame[start:]) == (size, payload)


def test_what_the_server_compresses_can_be_read() -> None:
    payload = b"abc" * 1000
    frame = frames.encode_data(payload, compression=True)
    assert frame[0] == 0xC0 | BINARY
    assert len(frame) < 200
    start = 4 if frame[1] == 126 else 2
    assert zlib.decompressobj(-15).decompress(frame[start:] + b"\0\0\xff\xff") == payload
