"""What the golden frames say, so that tests can compare; ``python -m tests.contract.golden`` writes the files."""

from pathlib import Path

from broker.contract.frames import Counters, Record, TapFrame
from console.live import frames as view

HERE = Path(__file__).parent
TAP = HERE / "tap_frame.bin"
VIEW = HERE / "view_frame.bin"

AT_NS = 1_790_000_000_123_456_789

RECORDS = (
    Record(AT_NS - 2_000, b"orders.eu.paid", b"", b"", b'{"id": 1}', 9),
    Record(
        AT_NS - 1_000, b"svc", b"_INBOX.a.1", b"NATS/1.0\r\nTrace-Id: 7\r\n\r\n", b"\x00\xff", 2
    ),
    Record(AT_NS, "prix.€".encode(), b"", b"", b"cut", 70_000),
)


def tap_frame() -> TapFrame:
    counters = Counters(seen=21, filtered=4, sampled=5, budget=6, lost=1, sent=5)
    return TapFrame(
        AT_NS - 5_000_000_000,
        7,
        AT_NS,
        counters,
        len(RECORDS),
        b"".join(r.encode() for r in RECORDS),
    )


def view_frame() -> bytes:
    counters = view.ViewCounters(30, 3, 4, 5, 6, 1, 2, 8, 1)
    return view.encode(3, AT_NS, counters, len(RECORDS), tap_frame().records)
