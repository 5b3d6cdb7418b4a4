"""The page's pure modules, run in the browser and judged from here: frames, ring, payloads, filters, snippets."""

import json
import random
import shlex
from collections import deque
from typing import Any

import pytest
from playwright.sync_api import Page

from broker.contract.frames import Record
from console.live.frames import ViewCounters, encode
from tests.browser.conftest import Fake


@pytest.fixture
def modules(page: Page, fake: Fake) -> Page:
    """A page of our origin on which nothing runs but what a test imports."""
    page.goto(f"{fake.url}/static/img/mark.svg")
    return page


def record(number: random.Random) -> Record:
    payload = number.randbytes(number.choice([0, 1, 90, 3000]))
    subject = b".".join(b"t%d" % number.randrange(99) for _ in range(number.randint(1, 5)))
    header = b"NATS/1.0\r\nA: 1\r\n\r\n" if number.random() < 0.5 else b""
    return Record(
        number.randrange(2**62),
        subject,
        b"_INBOX.x" if number.random() < 0.5 else b"",
        header,
        payload,
        len(payload) + number.randrange(3),
    )


DECODE = """async ([hex]) => {
  const { decodeFrame, recordParts, textIn } = await import("/static/js/live/frames.js");
  const { messageOf } = await import("/static/js/live/decode.js");
  const buffer = Uint8Array.from(hex.match(/../g) || [], (b) => parseInt(b, 16)).buffer;
  try {
    const frame = decodeFrame(buffer);
    const records = [...frame.offsets].map((at) => {
      const p = recordParts(buffer, at), m = messageOf(0, { buffer, at });
      const header = textIn(buffer, p.header, p.payload);
      return [m.ns, m.subject, m.reply, header, [...m.payload], m.size];
    });
    return { seq: frame.seq, counters: frame.counters, records };
  } catch (error) { return { error: error.message }; }
}"""


@pytest.mark.parametrize("seed", range(5))
def test_the_page_reads_frames_as_the_server_writes_them(modules: Page, seed: int) -> None:
    number = random.Random(seed)
    records = [record(number) for _ in range(number.randrange(40))]
    counters = ViewCounters(*[number.randrange(2**50) for _ in range(9)])
    raw = encode(seed + 1, 7, counters, len(records), b"".join(r.encode() for r in records))
    read = modules.evaluate(DECODE, [raw.hex()])
    assert read["seq"] == seed + 1
    assert read["counters"] == [getattr(counters, n) for n in ViewCounters.__slots__]
    wanted = [
        [
            str(r.received_ns),
            r.subject.decode(),
            r.reply.decode(),
            r.header.decode(),
            list(r.payload),
            r.payload_size,
        ]
        for r in records
    ]
    assert read["records"] == wanted


def test_broken_frames_are_refused(modules: Page) -> None:
    number = random.Random(11)
    raw = encode(1, 7, ViewCounters(), 3, b"".join(record(number).encode() for _ in range(3)))
    broken = [raw[:n] for n in (0, 3, 50, 95, 97, len(raw) - 1)] + [
        b"XX" + raw[2:],
        raw[:2] + b"\x02" + raw[3:],
        raw + b"\0",
    ]
    broken.append(raw[:92] + b"\xff\xff\xff\xff" + raw[96:])
    for one in broken:
        assert "error" in modules.evaluate(DECODE, [one.hex()]), one[:8]


RING = """async ([steps, rowsMax]) => {
  const { Ring } = await import("/static/js/live/ring.js");
  const ring = new Ring(rowsMax, 1e9);
  return steps.map(([what, n]) => {
    if (what === "push") ring.push(new ArrayBuffer(n), Uint32Array.from({ length: n }, (_, i) => i));
    else if (what === "mark") ring.pushMarker({ text: "gap" });
    else if (what === "hold") ring.hold();
    else ring.release();
    const { first, next } = ring.range;
    const all = [];
    for (let i = first; i < next; i++) all.push(ring.row(i) !== null);
    return { first, next, behind: ring.behind, found: all.every(Boolean), outside: ring.row(first - 1) || ring.row(next + 5000) };
  });
}"""


@pytest.mark.parametrize("seed", range(8))
def test_the_ring_keeps_what_a_naive_one_keeps(modules: Page, seed: int) -> None:
    number = random.Random(seed)
    steps: list[tuple[str, int]] = [
        (number.choice(["push"] * 6 + ["mark", "hold", "release"]), number.randrange(1, 60))
        for _ in range(120)
    ]
    chunks: deque[int] = deque()
    next_row, held = 0, None
    for (what, n), got in zip(steps, modules.evaluate(RING, [steps, 300]), strict=True):
        if what in ("push", "mark"):
            chunks.append(n if what == "push" else 1)
            next_row += chunks[-1]
            while len(chunks) > 1 and sum(chunks) > 300:
                chunks.popleft()
        elif what == "hold":
            held = (next_row - sum(chunks), next_row)
        else:
            held = None
        first, end = held or (next_row - sum(chunks), next_row)
        assert (got["first"], got["next"], got["behind"]) == (first, end, next_row - end)
        assert got["found"]
        assert not got["outside"]


def test_the_ring_is_bounded_in_bytes(modules: Page) -> None:
    rows = modules.evaluate(
        """async () => { const { Ring } = await import("/static/js/live/ring.js"); const ring = new Ring(50000, 1 << 20);
        for (let i = 0; i < 100; i++) ring.push(new ArrayBuffer(1 << 16), Uint32Array.of(0, 1)); return [ring.bytes, ring.rows]; }"""
    )
    assert rows[0] <= 1 << 20
    assert 0 < rows[1] < 40


INSPECT = """async ([hex, cut]) => { const { inspect, prettyJson } = await import("/static/js/live/payload.js");
  const found = inspect(Uint8Array.from(hex.match(/../g) || [], (b) => parseInt(b, 16)), cut);
  return { ...found, pretty: found.json ? prettyJson(found.text).map(([words]) => words).join("") : null }; }"""


@pytest.mark.parametrize(
    ("payload", "best"),
    [(b'{"a": [1, {}, []], "b": "x\\"y"}', "json"), (b"plain", "text"), (b"\xff\xfe", "hex"), (b"\0\1", "hex"), (b"", "text"), (b"{half", "text")],
)  # fmt: skip
def test_the_view_fits_the_payload(modules: Page, payload: bytes, best: str) -> None:
    found = modules.evaluate(INSPECT, [payload.hex(), False])
    assert found["best"] == best
    assert found["why"]
    if best == "json":
        assert json.loads(found["pretty"]) == json.loads(payload)


def test_no_number_is_rewritten(modules: Page) -> None:
    payload = b'{"id": 12345678901234567890, "x": 1.10, "y": 1E+2}'
    pretty = modules.evaluate(INSPECT, [payload.hex(), False])["pretty"]
    assert "12345678901234567890" in pretty
    assert "1.10" in pretty
    assert "1E+2" in pretty


@pytest.mark.parametrize(
    "text", ["a b", "it's", '"quoted" $HOME `x`', "", "plain", "new\nline", "é"]
)
def test_a_copied_command_says_exactly_the_message(modules: Page, text: str) -> None:
    command = modules.evaluate(
        """async ([payload]) => (await import("/static/js/lib/snippets.js")).natsPub({ subject: "a.b", reply: "r", headers: [["K", payload]], payload })""",
        [text],
    )
    assert shlex.split(command) == ["nats", "pub", "--reply", "r", "-H", f"K:{text}", "a.b", text]


@pytest.mark.parametrize(
    ("kind", "value", "refused"),
    [("subject", "orders.>", False), ("subject", "a..b", True), ("subject", ">.a", True), ("subject", "a b", True), ("not", "*.a", False),
     ("header", "Trace-Id", False), ("header", ": x", True), ("contains", " ", False), ("contains", "", True), ("subject", "x" * 257, True)],
)  # fmt: skip
def test_filters_are_judged_before_they_are_sent(
    modules: Page, kind: str, value: str, refused: bool
) -> None:
    why = modules.evaluate(
        """async ([kind, value]) => { const f = await import("/static/js/live/filters.js"); return f.chipWrong(f.fromQuery(new URLSearchParams()), kind, value); }""",
        [kind, value],
    )
    assert bool(why) is refused


def test_filters_survive_the_address_bar(modules: Page) -> None:
    query = "subject=a.%3E&subject=b&not=c&header=K%3A+v&contains=x%26y&mode=one_in&n=7"
    there: dict[str, Any] = modules.evaluate(
        """async ([query]) => { const f = await import("/static/js/live/filters.js"); const found = f.fromQuery(new URLSearchParams(query));
        return { open: f.toOpen(found), query: f.toQuery(found) }; }""",
        [query],
    )
    assert there["open"] == {
        "subjects": ["a.>", "b"], "exclude": ["c"], "headers": [{"name": "K", "value": "v"}], "payload_contains": "x&y", "mode": "one_in", "n": 7,
    }  # fmt: skip
    assert there["query"]["n"] == "7"
