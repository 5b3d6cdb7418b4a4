"""The data path by its bytes: what goes in, what comes out, however the bytes are cut."""

import itertools

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from broker import builds
from broker.core import publish
from broker.core.options import ServerOptions
from tests.support.wire import CONNECT, MemoryWire, Wired

CONVERSATION = (
    b"SUB foo.* 1\r\nSUB foo.> q 2\r\nSUB bar 3\r\n"
    b"PUB foo.a 5\r\nhello\r\nPUB foo.a 5\r\nworld\r\npub\tfoo.b  reply.x  0\r\n\r\n"
    b"HPUB bar 12 14\r\nNATS/1.0\r\n\r\nhi\r\n"
    b"UNSUB 1\r\nPUB foo.a 2\r\n\r\n\r\nPING\r\n"
)
ANSWER = (
    b"MSG foo.a 1 5\r\nhello\r\nMSG foo.a 2 5\r\nhello\r\nMSG foo.a 1 5\r\nworld\r\nMSG foo.a 2 5\r\nworld\r\n"
    b"MSG foo.b 1 reply.x 0\r\n\r\nMSG foo.b 2 reply.x 0\r\n\r\n"
    b"HMSG bar 3 12 14\r\nNATS/1.0\r\n\r\nhi\r\nMSG foo.a 2 2\r\n\r\n\r\nPONG\r\n"
)


def converse(*blocks: bytes) -> bytes:
    wired = Wired()
    wire = wired.connect()
    wired.send(wire, b"PING\r\n")  # the INFO that follows the first PONG is not what is looked at
    return wired.send(wire, *blocks)


@pytest.mark.skipif(builds.speedups is None, reason="plain Python knows one way only")
@pytest.mark.parametrize(
    "line", [b"PUB a 1\r\nx", b"PUB a  1\r\nx", b"HPUB a  12 12\r\nNATS/1.0\r\n\r\n"]
)
def test_what_clients_send_takes_the_short_way(
    line: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    wired = Wired()
    wire = wired.connect()
    wired.send(wire, b"SUB a 1\r\n")
    monkeypatch.setattr(publish, "one_operation", None)
    assert wired.send(wire, 20 * (line + b"\r\n")).count(b"MSG a 1 ") == 20


def test_in_one_block() -> None:
    assert converse(CONVERSATION) == ANSWER


def test_byte_by_byte() -> None:
    assert converse(*(CONVERSATION[i : i + 1] for i in range(len(CONVERSATION)))) == ANSWER


@pytest.mark.parametrize("cut", range(1, len(CONVERSATION)))
def test_cut_in_two_anywhere(cut: int) -> None:
    assert converse(CONVERSATION[:cut], CONVERSATION[cut:]) == ANSWER


@given(st.lists(st.integers(1, len(CONVERSATION) - 1), max_size=8))
@settings(max_examples=60)
def test_cut_anyhow(cuts: list[int]) -> None:
    places = [0, *sorted(set(cuts)), len(CONVERSATION)]
    blocks = [CONVERSATION[a:b] for a, b in itertools.pairwise(places)]
    assert converse(*blocks) == ANSWER


@given(
    st.lists(
        st.tuples(st.sampled_from([b"a.b", b"a.c", b"x"]), st.binary(max_size=12)), max_size=60
    ),
    st.integers(1, 400),
    st.sampled_from([b" ", b"  ", b"   "]),
)
@settings(max_examples=120)
def test_runs_of_equal_lines_lose_and_reorder_nothing(
    messages: list[tuple[bytes, bytes]], size: int, gap: bytes
) -> None:
    """Payloads may hold CRLF and whole control lines; runs of one subject and size take the shortcut. Clients leave
    two spaces where a reply would be."""
    messages = [m for m in messages for _ in range(1 + len(m[1]) % 13)]
    stream = b"".join(b"PUB %b%b%d\r\n%b\r\n" % (s, gap, len(p), p) for s, p in messages)
    wired = Wired()
    publisher, receiver = wired.connect(), wired.connect()
    wired.send(receiver, b"SUB > 7\r\n")
    wired.send(publisher, *(stream[i : i + size] for i in range(0, len(stream), size)))
    expected = b"".join(b"MSG %b 7 %d\r\n%b\r\n" % (s, len(p), p) for s, p in messages)
    assert wired.take(receiver) == expected
    assert receiver.client is not None
    assert receiver.client.out_msgs == len(messages)
    assert wired.server.stats.in_bytes == sum(len(p) for _, p in messages)


def test_a_payload_that_looks_like_the_next_line_is_payload() -> None:
    line = b"PUB a 16\r\n"
    payload = (b"\r\n" + line).ljust(16, b".")[:16]
    wired = Wired()
    publisher, receiver = wired.connect(), wired.connect()
    wired.send(receiver, b"SUB a 1\r\n")
    wired.send(publisher, (line + payload + b"\r\n") * 100)
    assert wired.take(receiver) == (b"MSG a 1 16\r\n" + payload + b"\r\n") * 100


def test_each_queue_group_gets_one_copy_and_every_member_its_share() -> None:
    wired = Wired()
    members = [wired.connect() for _ in range(4)]
    publisher = wired.connect()
    for member in members:
        wired.send(member, b"SUB work pool 1\r\n")
    wired.send(publisher, b"PUB work 1\r\nx\r\n" * 400)
    counts = [wired.take(member).count(b"MSG work 1 1\r\nx\r\n") for member in members]
    assert sum(counts) == 400
    assert min(counts) > 50


def test_a_request_that_nobody_hears_is_answered() -> None:
    wired = Wired()
    wire = wired.connect()
    answer = wired.send(wire, b"SUB _INBOX.1 1\r\nPUB nobody _INBOX.1 0\r\n\r\n")
    header = b"NATS/1.0 503\r\nNats-Subject: nobody\r\n\r\n"
    assert answer == b"HMSG _INBOX.1 1 %d %d\r\n%b\r\n" % (len(header), len(header), header)


def test_a_tap_sees_everything_and_is_no_interest() -> None:
    wired = Wired()
    wire = wired.connect()
    seen: list[tuple[bytes, bytes, bytes]] = []
    wired.server.global_account.subscribe(
        b">", lambda m: seen.append((m.subject, m.reply, m.payload)), kind="tap"
    )
    answer = wired.send(
        wire, b"SUB _INBOX.1 1\r\nPUB ask _INBOX.1 2\r\nhi\r\n" + b"PUB a 1\r\nx\r\n" * 30
    )
    assert b" 503" in answer
    assert seen == [(b"ask", b"_INBOX.1", b"hi"), *[(b"a", b"", b"x")] * 30]


def test_unsub_after_so_many() -> None:
    wired = Wired()
    wire = wired.connect()
    answer = wired.send(wire, b"SUB a 1\r\nUNSUB 1 3\r\n" + b"PUB a 1\r\nx\r\n" * 20)
    assert answer == b"MSG a 1 1\r\nx\r\n" * 3
    assert wire.client is not None and not wire.client.subs


def test_no_echo() -> None:
    wired = Wired()
    wire = wired.connect(CONNECT.replace(b"{", b'{"echo":false,', 1))
    other = wired.connect()
    wired.send(other, b"SUB a 9\r\n")
    assert wired.send(wire, b"SUB a 1\r\nPUB a 1\r\nx\r\n") == b""
    assert wired.take(other) == b"MSG a 9 1\r\nx\r\n"


def test_a_header_is_taken_off_for_whom_cannot_read_it() -> None:
    wired = Wired()
    wire = wired.connect()
    old = wired.connect(b'CONNECT {"verbose":false,"pedantic":false}\r\n')
    wired.send(old, b"SUB a 1\r\n")
    wired.send(wire, b"HPUB a 12 14\r\nNATS/1.0\r\n\r\nhi\r\n" * 3)
    assert wired.take(old) == b"MSG a 1 2\r\nhi\r\n" * 3


@pytest.mark.parametrize("sent, error", [
    (b"NONSENSE\r\n", b"-ERR 'Unknown Protocol Operation'\r\n"),
    (b"PUB a 2\r\nabcd\r\n", b"-ERR 'Unknown Protocol Operation'\r\n"),
    (b"PUB a 2000000\r\n", b"-ERR 'Maximum Payload Violation'\r\n"),
    (b"SUB " + b"a" * 5000 + b" 1\r\n", b"-ERR 'maximum control line exceeded'\r\n"),
    (b"PUB a b c 1\r\nx\r\n", b""),
    (b"PUB a -1\r\n", b""),
    (b"PUB a 1x\r\n", b""),
    (b"HPUB a 9 4\r\n", b""),
])  # fmt: skip
def test_what_ends_a_connection_and_with_which_words(sent: bytes, error: bytes) -> None:
    """What came before is still done, and other connections don't notice."""
    wired = Wired()
    bad, good = wired.connect(), wired.connect()
    wired.send(good, b"SUB before 1\r\n")
    assert wired.send(bad, b"PUB before 1\r\nx\r\n" + sent) == error
    assert bad.ended
    assert wired.take(good) == b"MSG before 1 1\r\nx\r\n"
    assert wired.send(good, b"PING\r\n").startswith(b"PONG\r\n")


def test_a_receiver_that_falls_too_far_behind_is_closed_and_its_publisher_is_held() -> None:
    wired = Wired(ServerOptions(max_pending=10_000))
    publisher, slow = wired.connect(), wired.connect()
    wired.send(slow, b"SUB a 1\r\n")
    assert publisher.client is not None and slow.client is not None
    publisher.client.receive(b"PUB a 800\r\n" + b"x" * 800 + b"\r\n" + b"PUB a 1\r\nx\r\n")
    for _ in range(9):
        publisher.client.receive(b"PUB a 800\r\n" + b"x" * 800 + b"\r\n")
    assert publisher.holds == 1 and not slow.ended
    for _ in range(5):
        publisher.client.receive(b"PUB a 800\r\n" + b"x" * 800 + b"\r\n")
    assert slow.ended and slow.client.reason == "Slow Consumer (Pending Bytes)"
    assert wired.server.stats.slow_consumers == 1 and not publisher.ended


def test_accounts_do_not_hear_each_other() -> None:
    wired = Wired()
    wire = wired.connect()
    heard: list[bytes] = []
    other = wired.server.add_account("OTHER")
    other.subscribe(b">", lambda m: heard.append(m.subject))
    wired.send(wire, b"SUB > 1\r\nPUB a.b 1\r\nx\r\n")
    assert heard == []


def _tokens() -> st.SearchStrategy[bytes]:
    words = [b"PUB", b"HPUB", b"SUB", b"UNSUB", b"PING", b"PONG", b"CONNECT", b"INFO", b"a", b">", b"*", b"a.b", b"1",
             b"0", b"-1", b"99999999999", b"{}", b'{"verbose":true}', b" ", b"\t", b"\r\n", b"\n", b"\r", b"\x00",
             b"NATS/1.0\r\n\r\n", b"12", b"_INBOX.x", b"\xff"]  # fmt: skip
    return st.lists(st.sampled_from(words), max_size=40).map(b" ".join)


@given(st.lists(_tokens(), max_size=4))
@settings(max_examples=150)
def test_near_protocol_bytes_never_raise_and_harm_nobody_else(blocks: list[bytes]) -> None:
    wired = Wired()
    hostile: MemoryWire = wired.connect()
    good = wired.connect()
    wired.send(hostile, *blocks)
    wired.take(good)
    assert wired.send(good, b"SUB mine.x 5\r\nPUB mine.x 2\r\nok\r\n").endswith(
        b"MSG mine.x 5 2\r\nok\r\n"
    )
