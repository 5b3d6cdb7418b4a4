"""The form of a segment file: what is written is read again, and damage stays where it is."""

import random

import pytest

from broker.storage.segment import (
    ERASED,
    GROUP_END,
    MESSAGE,
    RECORDS_AT,
    Damage,
    Head,
    Record,
    decode_head,
    decode_message,
    decode_record,
    encode_record,
    filler,
    scan,
)

SALT = 0x1234ABCD
HEADER = b"NATS/1.0\r\nA: 1\r\n\r\n"


def message(seq: int, payload: bytes, header: bytes = b"") -> bytes:
    return encode_record(SALT, MESSAGE, 3, seq, 1000 + seq, 77, 5, b"a.b", header, payload)


def segment(*records: bytes) -> bytes:
    return Head(1, 1, 0, SALT).encode() + b"".join(records)


def test_a_record_comes_back_as_it_was_written() -> None:
    for header in (b"", HEADER):
        data = message(9, b"payload", header)
        record = decode_record(data, 0, SALT)
        assert record == Record(MESSAGE, 0, len(data), 3, 9, 1009, 77, 5, 3, int(bool(header)))
        assert record.parts(data) == (b"a.b", header, b"payload")


@pytest.mark.parametrize("header", [b"", HEADER])
def test_a_message_is_read_where_it_lies_and_nowhere_else(header: bytes) -> None:
    before, record = message(8, b"another"), message(9, b"payload", header)
    data = before + record + b"tail"
    at = len(before)
    assert decode_message(data, at, SALT, 9) == (1009, b"a.b", header, b"payload")
    assert decode_message(data, at, SALT, 8) is None
    assert decode_message(data, at, SALT + 1, 9) is None
    for wrong in (-at, -1, at - 1, at + 1, len(data) - 1, len(data), 10 * len(data)):
        assert decode_message(data, wrong, SALT, 9) is None
    for size in range(at + len(record)):
        assert decode_message(data[:size], at, SALT, 9) is None
    for bit in range(8 * at, 8 * (at + len(record))):
        damaged = bytearray(data)
        damaged[bit // 8] ^= 1 << bit % 8
        assert decode_message(bytes(damaged), at, SALT, 9) is None
    for kind in (ERASED, GROUP_END):
        other = encode_record(SALT, kind, 3, 9, 1009, 0, 0, b"", b"", b"payload")
        assert decode_message(other, 0, SALT, 9) is None


def test_every_cut_of_a_record_is_no_record() -> None:
    data = message(1, b"payload", HEADER)
    for size in range(len(data)):
        assert decode_record(data[:size], 0, SALT) is None
    assert decode_record(data + b"tail", 0, SALT) is not None


def test_every_flipped_bit_is_found_and_costs_one_record() -> None:
    records = [message(seq, b"p%d" % seq, HEADER if seq == 2 else b"") for seq in (1, 2, 3)]
    data = segment(*records)
    start = RECORDS_AT + len(records[0])
    for bit in range(start * 8, (start + len(records[1])) * 8):
        flipped = bytearray(data)
        flipped[bit // 8] ^= 1 << bit % 8
        found = list(scan(bytes(flipped), SALT))
        assert [each.seq for each in found if isinstance(each, Record)] == [1, 3]
        assert found[1] == Damage(start, start + len(records[1]), tail=False)


def test_every_cut_of_a_segment_loses_only_its_torn_tail() -> None:
    records = [message(seq, b"x" * seq) for seq in range(1, 6)]
    data = segment(*records)
    ends = [RECORDS_AT + sum(map(len, records[:n])) for n in range(6)]
    for size in range(RECORDS_AT, len(data) + 1):
        found = list(scan(data[:size] + bytes(100), SALT))
        whole = sum(end <= size for end in ends) - 1
        assert [each.seq for each in found if isinstance(each, Record)] == [*range(1, whole + 1)]
        damages = [each for each in found if isinstance(each, Damage)]
        assert all(each.tail and each.at == ends[whole] for each in damages)


def test_a_payload_that_looks_like_a_record_is_none() -> None:
    """Its author doesn't know the salt, so damage before it can't bring it to life."""
    forged = encode_record(0, MESSAGE, 3, 50, 1, 0, 0, b"evil", b"", b"forged")
    data = bytearray(segment(message(1, forged), message(2, b"")))
    data[RECORDS_AT] ^= 1
    assert [each.seq for each in scan(bytes(data), SALT) if isinstance(each, Record)] == [2]


def test_a_head_survives_the_loss_of_either_copy() -> None:
    head = Head(7, 3, 99, SALT, 2)
    data = head.encode()
    assert decode_head(data) == head
    assert decode_head(bytes(64) + data[64:]) == head
    assert decode_head(data[:64] + bytes(64)) == head
    assert decode_head(bytes(128)) is None
    assert decode_head(b"") is None


def test_a_filler_has_the_length_it_is_asked_for() -> None:
    data = filler(SALT, 12, 300)
    record = decode_record(data, 0, SALT)
    assert len(data) == 300
    assert record is not None and (record.kind, record.seq) == (ERASED, 12)


@pytest.mark.parametrize("seed", range(30))
def test_noise_is_never_a_record_and_never_raises(seed: int) -> None:
    rng = random.Random(seed)
    noise = b"".join(
        rng.choice((b"\xc5WR", bytes(rng.randrange(9)), rng.randbytes(9))) for _ in range(300)
    )
    found = list(scan(segment() + noise, SALT))
    assert not [each for each in found if isinstance(each, Record)]
