"""What is written to a client for a run of messages, against one sentence at a time."""

from hypothesis import example, given
from hypothesis import strategies as st

from broker.jetstream.consumer_burst import lines
from broker.storage.store import Message

messages = st.builds(
    Message,
    seq=st.integers(1, 2**64 - 1),
    time_ns=st.integers(-(2**60), 2**63 - 1),
    subject=st.sampled_from([b"a", b"orders.eu.paid", b"s" * 300]),
    header=st.sampled_from(
        [b"", b"NATS/1.0\r\n\r\n", b"NATS/1.0\r\nA: " + b"1" * 200 + b"\r\n\r\n"]
    ),
    payload=st.one_of(st.binary(max_size=30), st.just(b"x" * 100_000)),
)


@example([Message(2**64 - 1, -1, b"a", b"", b"")], b"1", 2**62, 0, 0)
@given(
    stored=st.lists(messages, min_size=1, max_size=10),
    sid=st.sampled_from([b"1", b"a-long-sid-of-a-client"]),
    consumer_seq=st.integers(0, 2**62),
    waiting=st.integers(0, 2**62),
    bytes_max=st.integers(0, 3000),
)
def test_it_writes_what_one_by_one_would_be_written(
    stored: list[Message], sid: bytes, consumer_seq: int, waiting: int, bytes_max: int
) -> None:
    prefix = b"$JS.ACK.S.C."
    expected, count, size = b"", 0, 0
    for number, m in enumerate(stored, 1):
        reply = f"$JS.ACK.S.C.1.{m.seq}.{consumer_seq + number}.{m.time_ns}.{waiting - number}"
        sizes = f"{len(m.header)} " if m.header else ""
        sizes += str(len(m.header + m.payload))
        verb = "HMSG" if m.header else "MSG"
        line = f"{verb} {m.subject.decode()} {sid.decode()} {reply} {sizes}\r\n"
        expected += line.encode() + m.header + m.payload + b"\r\n"
        count, size = number, size + len(m.subject) + len(reply) + len(m.header + m.payload)
        if bytes_max and size > bytes_max:
            break
    assert lines(stored, sid, prefix, consumer_seq, waiting, bytes_max) == (expected, count, size)
