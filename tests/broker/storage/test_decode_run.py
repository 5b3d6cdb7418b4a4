"""Many messages out of one piece of a segment, against reading them one by one."""

from itertools import takewhile

from hypothesis import given
from hypothesis import strategies as st

from broker.storage.decode_run import decode_run
from broker.storage.entry_table import EntryTable
from broker.storage.segment import MESSAGE, encode_record
from broker.storage.store import Message

SALT = 0x1234ABCD

messages = st.builds(
    Message,
    seq=st.just(0),
    time_ns=st.integers(-(2**40), 2**62),
    subject=st.sampled_from([b"a", b"a.b", b"a.c", "ä.b".encode()]),
    header=st.sampled_from([b"", b"NATS/1.0\r\n\r\n", b"NATS/1.0\r\nA: 1\r\n\r\n"]),
    payload=st.binary(max_size=40),
)


def laid_out(stored: list[Message], before: int) -> tuple[EntryTable, bytes]:
    """A segment's rows, and its bytes from offset ``before`` on."""
    table, data = EntryTable(), b""
    for m in stored:
        record = encode_record(
            SALT, MESSAGE, 1, m.seq, m.time_ns, 0, 0, m.subject, m.header, m.payload
        )
        table.append(m.seq, before + len(data), len(record), 0, m.time_ns)
        data += record
    return table, data


@given(
    found=st.lists(messages, max_size=12),
    gaps=st.lists(st.integers(1, 3), min_size=12, max_size=12),
    before=st.integers(0, 2**31),
    dead=st.integers(0, 40),
    cut=st.integers(0, 1000),
    damaged=st.integers(0, 8000),
    known=st.integers(0, 3),
    wanted=st.integers(0, 40),
)
def test_it_reads_what_is_there_up_to_the_first_that_is_not(
    found: list[Message], gaps: list[int], before: int, dead: int, cut: int, damaged: int, known: int,
    wanted: int,
) -> None:  # fmt: skip
    seq, stored = 0, []
    for message, gap in zip(found, gaps, strict=False):
        seq += gap
        stored.append(message._replace(seq=seq))
    table, data = laid_out(stored, before)
    piece, at = bytearray(data[: max(0, len(data) - cut)]), damaged // 8
    if at < len(piece):
        piece[at] ^= 1 << damaged % 8
    intact = {}
    for m, offset, size in zip(stored, table.offsets, table.sizes, strict=True):
        start = offset - before
        if m.seq != dead and start + size <= len(piece) and not start <= at < start + size:
            intact[m.seq] = m
    if (row := table.row_of(dead)) >= 0:
        table.kill(row)
    result = stored[:known]
    asked = [m.seq for m in stored] + [wanted]
    expected = result + [
        intact[seq] for seq in takewhile(intact.__contains__, asked[len(result) :])
    ]
    decode_run(table, bytes(piece), before, SALT, asked, result)
    assert result == expected
    assert all(type(m) is Message for m in result)


def test_messages_are_whole_ones() -> None:
    stored = [Message(n, n, b"s", b"", b"p") for n in (1, 2)]
    table, data = laid_out(stored, 0)
    result: list[Message] = []
    decode_run(table, data, 0, SALT, [1, 2], result)
    assert result[1]._asdict() == stored[1]._asdict()
    assert result[1]._replace(seq=7).seq == 7
    assert result[0].payload == b"p" and hash(result[0]) == hash(stored[0])
