"""View frames: what a tail sends to a browser, as bytes.

Wire, all integers big endian:

    frame    magic "WV" · u8 version · u8 flags (1 = counters only) · u64 seq · u64 at_ns
             · u64 seen · u64 shown · u64 filtered · u64 sampled · u64 dropped_budget · u64 dropped_redis
             · u64 dropped_transit · u64 dropped_slow_tab · u64 dropped_hidden
             · u32 count · records exactly as ``broker.contract.frames`` has them

The counters are this viewer's own, cumulative since its subscription was opened. At every frame:
seen = the sum of the other eight. ``seq`` goes on over the whole socket, also when a new subscription is opened.
"""

import struct
from dataclasses import astuple, dataclass

MAGIC = b"WV"
VERSION = 1
COUNTERS_ONLY = 1
HEAD = struct.Struct(">2sBBQQ9QI")


@dataclass(slots=True)
class ViewCounters:
    """In the order of the wire. ``seen`` = everything that matched the subjects, wherever it went."""

    seen: int = 0
    shown: int = 0
    filtered: int = 0
    sampled: int = 0
    dropped_budget: int = 0
    dropped_redis: int = 0
    dropped_transit: int = 0
    dropped_slow_tab: int = 0
    dropped_hidden: int = 0

    def check(self) -> bool:
        seen, *parts = astuple(self)
        return bool(seen == sum(parts))


def encode(seq: int, at_ns: int, counters: ViewCounters, count: int, records: bytes) -> bytes:
    """``records`` are ``count`` encoded records; with none the frame is flagged as counters only."""
    c = counters
    head = HEAD.pack(
        MAGIC, VERSION, 0 if count else COUNTERS_ONLY, seq, at_ns,
        c.seen, c.shown, c.filtered, c.sampled, c.dropped_budget, c.dropped_redis,
        c.dropped_transit, c.dropped_slow_tab, c.dropped_hidden, count,
    )  # fmt: skip
    return head + records


def decode(raw: bytes) -> tuple[int, int, ViewCounters, int, bytes]:
    """seq, at_ns, counters, count, records. Raises ValueError; for tests and tools, browsers have their own."""
    if len(raw) < HEAD.size:
        raise ValueError("view frame: shorter than its head")
    magic, version, _flags, seq, at_ns, *counts, count = HEAD.unpack_from(raw)
    if magic != MAGIC or version != VERSION:
        raise ValueError(f"view frame: not version {VERSION}")
    return seq, at_ns, ViewCounters(*counts), count, raw[HEAD.size :]
