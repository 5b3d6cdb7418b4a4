"""Conversations that are nearly right: random bytes alone never get past the first letter of a parser."""

from __future__ import annotations

from dataclasses import dataclass

from hypothesis import strategies as st

OPERATIONS = [
    b"PUB",
    b"HPUB",
    b"SUB",
    b"UNSUB",
    b"PING",
    b"PONG",
    b"CONNECT",
    b"INFO",
    b"MSG",
    b"+OK",
    b"-ERR",
]
OPERATIONS += [b"pub", b"Sub", b"pInG", b"P", b"PU", b"PUBX", b"A+", b"RS+", b"LMSG", b""]
SUBJECTS = [
    b"a",
    b"a.b",
    b"fuzz.1",
    b"a.*",
    b"*",
    b">",
    b"a.>",
    b"a..b",
    b".a",
    b"a.",
    b"a.>.b",
    b"a*b",
    b"_INBOX.x",
]
SUBJECTS += [
    b"$SYS.REQ.SERVER.PING",
    b"$JS.API.INFO",
    b"$SYS.>",
    b"\xff\xfe",
    b"x" * 300,
    b".".join([b"t"] * 100),
]
NUMBERS = [
    b"0",
    b"1",
    b"2",
    b"10",
    b"16",
    b"007",
    b"-1",
    b"+1",
    b"1e3",
    b"0x10",
    b"1_0",
    b"\xd9\xa3",
    b"nan",
]
NUMBERS += [b"1048577", b"4294967296", b"99999999999999999999", b"9" * 400, b"1.5", b""]
SEPARATORS = [b" ", b"  ", b"\t", b" \t ", b"", b"\0", b"\xc2\xa0", b"\x0b"]
ENDS = [b"\r\n", b"\r\n", b"\r\n", b"\n", b"\r", b"\r\r\n", b"", b"\n\r"]
CONNECTS = [
    b'CONNECT {"verbose":false,"headers":true,"no_responders":true}\r\n',
    b'CONNECT {"verbose":true,"pedantic":true,"headers":true}\r\n',
    b'CONNECT {"verbose":false,"echo":false,"protocol":1}\r\n',
    b"CONNECT {}\r\n",
    b"CONNECT {\r\n",
    b"CONNECT []\r\n",
    b'CONNECT {"verbose":"maybe","protocol":1e400,"user":7,"jwt":[],"sig":{}}\r\n',
    b'CONNECT {"no_responders":true,"headers":false}\r\n',
    b"CONNECT " + b'{"a":' * 2000 + b"1" + b"}" * 2000 + b"\r\n",
    b'CONNECT {"name":"\\ud800"}\r\n',
    b"",
]
HEADERS = [
    b"NATS/1.0\r\n\r\n",
    b"NATS/1.0\r\nA: b\r\n\r\n",
    b"NATS/1.0 503\r\n\r\n",
    b"NATS/2.0\r\n",
    b"no headers",
]


@dataclass(frozen=True, slots=True)
class Conversation:
    """What a stranger sends: pieces written one by one, then an end ("close", "reset" or "half")."""

    pieces: tuple[bytes, ...]
    end: str


@st.composite
def _bent_line(draw: st.DrawFn) -> bytes:
    words = [draw(st.sampled_from(OPERATIONS))]
    word = st.sampled_from(SUBJECTS) | st.sampled_from(NUMBERS) | st.binary(max_size=6)
    words += draw(st.lists(word, max_size=5))
    line = b""
    for word_bytes in words:
        line += word_bytes + draw(st.sampled_from(SEPARATORS))
    return line + draw(st.sampled_from(ENDS))


@st.composite
def _publish(draw: st.DrawFn) -> bytes:
    payload = draw(st.binary(max_size=40))
    wrong_by = draw(st.sampled_from([0, 0, 0, 0, -1, 1, 5]))
    words = [b"PUB", draw(st.sampled_from(SUBJECTS)), b"%d" % max(0, len(payload) + wrong_by)]
    if draw(st.booleans()):
        words.insert(2, draw(st.sampled_from(SUBJECTS)))
    return b" ".join(words) + b"\r\n" + payload + b"\r\n"


@st.composite
def _publish_headers(draw: st.DrawFn) -> bytes:
    header, payload = draw(st.sampled_from(HEADERS)), draw(st.binary(max_size=40))
    wrong_by = draw(st.sampled_from([0, 0, 0, -1, 1, 100]))
    header_bytes, total = max(0, len(header) + wrong_by), len(header) + len(payload)
    words = [b"HPUB", draw(st.sampled_from(SUBJECTS)), b"%d" % header_bytes, b"%d" % total]
    return b" ".join(words) + b"\r\n" + header + payload + b"\r\n"


@st.composite
def _subscription(draw: st.DrawFn) -> bytes:
    sid = draw(st.sampled_from([b"1", b"2", b"sid", b"\xff"]))
    if draw(st.booleans()):
        return b"UNSUB %b %b\r\n" % (sid, draw(st.sampled_from(NUMBERS)))
    queue = draw(st.sampled_from([b"", b"workers ", b"* ", b"q.q "]))
    return b"SUB %b %b%b\r\n" % (draw(st.sampled_from(SUBJECTS)), queue, sid)


def _frames() -> st.SearchStrategy[bytes]:
    noise = st.binary(max_size=30)
    long_line = st.sampled_from(
        [b"PUB " + b"x" * 5000 + b" 1\r\n", b"SUB " + b"y" * 70000, b"Z" * 9000]
    )
    ping = st.sampled_from([b"PING\r\n", b"PONG\r\n", b"PING \r\n", b"PING extra\r\n"])
    return (
        _publish() | _publish_headers() | _subscription() | _bent_line() | ping | noise | long_line
    )


@st.composite
def conversations(draw: st.DrawFn) -> Conversation:
    """Up to a dozen frames after a CONNECT of some kind, cut into pieces anywhere, ended in one of three ways."""
    frames = [draw(st.sampled_from(CONNECTS)), *draw(st.lists(_frames(), max_size=12))]
    data = b"".join(frames)
    cuts = sorted(draw(st.sets(st.integers(0, len(data)), max_size=6)))
    pieces = [data[start:end] for start, end in zip([0, *cuts], [*cuts, len(data)], strict=True)]
    end = draw(st.sampled_from(["half", "half", "close", "reset"]))
    return Conversation(tuple(piece for piece in pieces if piece), end)
