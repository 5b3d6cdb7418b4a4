"""The hub, its books and its viewers against a naive model: counters add up whatever is lost, and memory is bounded."""

import asyncio
import itertools
from collections.abc import AsyncGenerator
from dataclasses import dataclass, field

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from broker.contract.frames import Counters, TapFrame, decode_records, encode_record
from broker.contract.taps import TapSpec
from console.gateway.taps import Back, Lost, Signal
from console.live import frames
from console.live.hub import SILENCE_S, Hub, TooManyFeeds
from console.live.ledger import Entry, Ledger
from console.live.viewer import ACK_TIMEOUT_S, CREDIT, Viewer

RECORD = encode_record(1, b"a.b", b"", b"", b"x" * 20, 20)
SPEC = TapSpec("-", "A" * 56)


@dataclass
class NaiveTap:
    """A tap as its contract describes it; remembers each run's totals so that a model can judge by them."""

    run: int = field(default_factory=itertools.count(1).__next__)
    seq: int = 0
    counters: dict[str, int] = field(
        default_factory=lambda: dict.fromkeys(("filtered", "sampled", "budget", "lost", "sent"), 0)
    )

    def frame(self, count: int, **more: int) -> bytes:
        self.seq += 1
        self.counters["sent"] += count
        for name, number in more.items():
            self.counters[name] += number
        counters = Counters(seen=sum(self.counters.values()), **self.counters)
        return TapFrame(self.run, self.seq, 5, counters, count, RECORD * count).encode()


numbers = st.integers(0, 50)
step = st.one_of(
    st.tuples(st.just("frame"), numbers, numbers, numbers, numbers, numbers),
    st.tuples(st.just("lost_frame"), numbers, numbers, numbers, numbers, numbers),
    st.tuples(st.just("restart")),
    st.tuples(st.just("ack")),
    st.tuples(st.just("ack_nonsense"), st.integers(-5, 10**6)),
    st.tuples(st.just("hide"), st.booleans()),
    st.tuples(st.just("time"), st.floats(0, 3)),
    st.tuples(st.just("garbage"), st.binary(max_size=120)),
)


@settings(max_examples=100)
@given(st.lists(step, max_size=60))
def test_counters_add_up_at_every_frame_whatever_is_lost(steps: list[tuple[object, ...]]) -> None:
    tap, ledger, viewer = NaiveTap(), Ledger(), Viewer()
    now, shown, sent_seq, acked, sent_since_run = 0.0, 0, 0, 0, False
    for kind, *values in steps:
        if kind in ("frame", "lost_frame"):
            count, *others = values
            names = ("filtered", "sampled", "budget", "lost")
            raw = tap.frame(count, **dict(zip(names, others, strict=True)))  # type: ignore[arg-type]
            if kind == "lost_frame":
                continue
            entry = ledger.take(raw)
            sent_since_run = True
            out = viewer.take(entry, now)
            assert viewer.counters.check()
            if out is None:
                continue
            seq, _, counters, count, records = frames.decode(out)
            assert counters.check()
            assert seq == sent_seq + 1
            assert seq - acked <= CREDIT
            assert len(list(decode_records(records))) == count
            sent_seq, shown = seq, shown + count
            assert counters.shown == shown
        elif kind == "restart":
            tap = NaiveTap()
        elif kind == "ack":
            viewer.acknowledge(sent_seq)
            acked = sent_seq
        elif kind == "ack_nonsense":
            seq = values[0]
            assert isinstance(seq, int)
            viewer.acknowledge(seq)
            acked = max(acked, seq) if seq <= sent_seq else acked
        elif kind == "hide":
            viewer.hidden = bool(values[0])
        elif kind == "time":
            now += float(str(values[0]))
        else:
            raw = values[0]
            assert isinstance(raw, bytes)
            with pytest.raises(ValueError, match="tap frame"):
                ledger.take(raw)
    assert viewer.counters.check()
    assert sent_since_run or viewer.counters.seen == 0


def test_a_single_run_counts_exactly_what_the_tap_counted() -> None:
    tap, ledger, viewer = NaiveTap(), Ledger(), Viewer()
    for turn in range(200):
        raw = tap.frame(turn % 7, filtered=turn % 3, sampled=1, budget=turn % 2, lost=turn % 5)
        if turn % 10 != 3:
            viewer.take(ledger.take(raw), float(turn))
        if turn % 4 == 0:
            viewer.acknowledge(10**9)
            viewer.acknowledge(viewer._seq)
    counters, truth = viewer.counters, tap.counters
    assert counters.seen == sum(truth.values())
    assert counters.filtered == truth["filtered"]
    assert counters.dropped_redis == truth["lost"]
    arrived = counters.shown + counters.dropped_slow_tab
    assert arrived + counters.dropped_transit == truth["sent"]
    assert counters.dropped_transit == sum(turn % 7 for turn in range(200) if turn % 10 == 3)


@pytest.mark.parametrize("times", [1, 10, 100])
def test_the_sum_is_exact_and_memory_bounded_at_any_multiple_of_what_a_tab_takes(
    times: int,
) -> None:
    """A tab that acknowledges one frame in ``times``: the bytes on their way never exceed the window's."""
    tap, ledger, viewer = NaiveTap(), Ledger(), Viewer()
    flying: list[tuple[int, int]] = []
    total = 0
    for turn in range(300):
        total += 100
        out = viewer.take(ledger.take(tap.frame(100)), turn / 20)
        if out is not None:
            flying.append((frames.decode(out)[0], len(out)))
        assert len(flying) <= CREDIT
        if turn % times == 0 and flying:
            viewer.acknowledge(flying.pop(0)[0])
    counters = viewer.counters
    assert counters.seen == total
    assert counters.shown + counters.dropped_slow_tab == total
    assert (counters.dropped_slow_tab == 0) == (times == 1)


def test_a_frame_with_more_records_than_were_sent_or_wrong_sums_is_left_out() -> None:
    ledger = Ledger()
    with pytest.raises(ValueError, match="more records"):
        ledger.take(TapFrame(1, 1, 0, Counters(seen=1, sent=1), 2, RECORD * 2).encode())
    with pytest.raises(ValueError, match="add up"):
        ledger.take(TapFrame(1, 1, 0, Counters(seen=5, sent=1), 1, RECORD).encode())
    good = TapFrame(1, 1, 0, Counters(seen=1, sent=1), 1, RECORD).encode()
    assert ledger.take(good).delta.seen == 1
    with pytest.raises(ValueError, match="after a later one"):
        ledger.take(good)
    with pytest.raises(ValueError, match="a counter fell"):
        ledger.take(TapFrame(1, 2, 0, Counters(seen=1, filtered=1), 0, b"").encode())


def test_a_browser_that_acknowledges_nothing_is_stalled_after_its_time() -> None:
    tap, ledger, viewer = NaiveTap(), Ledger(), Viewer()
    viewer.take(ledger.take(tap.frame(1)), 10.0)
    assert not viewer.is_stalled(10.0 + ACK_TIMEOUT_S)
    assert viewer.is_stalled(10.1 + ACK_TIMEOUT_S)
    viewer.acknowledge(1)
    assert not viewer.is_stalled(1000.0)


# The hub ------------------------------------------------------------------------------------------------


class Recorder:
    """A sink that writes down what it is told."""

    def __init__(self) -> None:
        self.entries: list[Entry] = []
        self.told: list[tuple[object, ...]] = []

    def opened(self) -> None:
        self.told.append(("opened",))

    def frame(self, entry: Entry) -> None:
        self.entries.append(entry)

    def gap(self, reason: str, seconds: float) -> None:
        self.told.append(("gap", reason, seconds))

    def broker(self, up: bool) -> None:
        self.told.append(("broker", up))


class Sources:
    """Taps that a test feeds by hand."""

    def __init__(self) -> None:
        self.queues: dict[str, asyncio.Queue[Signal]] = {}
        self.ended: list[str] = []
        self.now_s = 100.0

    def clock(self) -> float:
        return self.now_s

    async def __call__(self, spec: TapSpec) -> AsyncGenerator[Signal, None]:
        queue = self.queues.setdefault(spec.id, asyncio.Queue())
        try:
            while True:
                yield await queue.get()
                queue.task_done()
        finally:
            self.ended.append(spec.id)

    async def give(self, *signals: Signal) -> None:
        await asyncio.sleep(0)
        (queue,) = (q for tap, q in self.queues.items() if tap not in self.ended)
        for signal in signals:
            queue.put_nowait(signal)
        await asyncio.wait_for(queue.join(), 5)


async def test_equal_tails_share_a_feed_that_ends_with_the_last() -> None:
    sources = Sources()
    hub, one, other = Hub(sources.clock, sources), Recorder(), Recorder()
    leave_one = hub.join(SPEC, one)
    leave_other = hub.join(TapSpec("whatever", SPEC.account), other)
    assert len(hub) == 1
    tap = NaiveTap()
    await sources.give(Back(0.0), tap.frame(2))
    assert [len(s.entries) for s in (one, other)] == [1, 1]
    assert one.entries[0] is other.entries[0], "the same bytes for all"
    leave_one()
    leave_one()
    await sources.give(tap.frame(1))
    assert [len(s.entries) for s in (one, other)] == [1, 2]
    leave_other()
    assert len(hub) == 0
    await hub.close()
    assert len(sources.ended) == 1


async def test_a_silent_broker_is_said_and_its_restart_is_a_gap() -> None:
    sources, sink = Sources(), Recorder()
    hub = Hub(sources.clock, sources)
    hub.join(SPEC, sink)
    await sources.give(Back(0.0), NaiveTap(seq=9).frame(1))
    (feed,) = hub._feeds.values()
    sources.now_s += SILENCE_S
    hub.look(feed)
    assert sink.told == [("opened",)]
    sources.now_s += 1
    hub.look(feed)
    hub.look(feed)
    late = Recorder()
    hub.join(SPEC, late)
    assert late.told == [("broker", False)]
    await sources.give(NaiveTap().frame(3))
    assert sink.told == [
        ("opened",), ("broker", False), ("gap", "broker restarted", SILENCE_S + 1), ("broker", True),
    ]  # fmt: skip
    assert late.told == [("broker", False), ("broker", True), ("opened",)]
    assert [entry.delta.seen for entry in sink.entries] == [1, 3]
    await hub.close()


async def test_a_lost_redis_is_a_gap_and_what_was_missed_was_lost_in_transit() -> None:
    sources, sink, tap = Sources(), Recorder(), NaiveTap()
    hub = Hub(sources.clock, sources)
    hub.join(SPEC, sink)
    await sources.give(Back(0.0), tap.frame(1), Lost())
    tap.frame(40)
    sources.now_s += 1.5
    await sources.give(Back(1.5), tap.frame(2))
    assert sink.told == [
        ("opened",), ("broker", False), ("gap", "redis reconnected", 1.5), ("broker", True),
    ]  # fmt: skip
    assert sink.entries[-1].delta.transit == 40
    await hub.close()


async def test_the_number_of_feeds_is_bounded() -> None:
    sources = Sources()
    hub = Hub(sources.clock, sources, feeds_max=2)
    for account in ("A", "B"):
        hub.join(TapSpec("-", account), Recorder())
    with pytest.raises(TooManyFeeds):
        hub.join(TapSpec("-", "C"), Recorder())
    hub.join(TapSpec("-", "A"), Recorder())
    await hub.close()
    assert len(hub) == 0


async def test_a_hub_leaves_a_bad_frame_out() -> None:
    sources, sink, tap = Sources(), Recorder(), NaiveTap()
    hub = Hub(sources.clock, sources)
    hub.join(SPEC, sink)
    await sources.give(Back(0.0), tap.frame(1), b"nonsense", tap.frame(1))
    assert [entry.delta.count for entry in sink.entries] == [1, 1]
    await hub.close()


async def test_a_tail_is_opened_by_the_first_frame_or_at_once_where_there_was_one() -> None:
    sources, first, second, tap = Sources(), Recorder(), Recorder(), NaiveTap()
    hub = Hub(sources.clock, sources)
    hub.join(SPEC, first)
    await sources.give(Back(0.0))
    assert first.told == []
    await sources.give(tap.frame(0))
    hub.join(SPEC, second)
    assert [first.told, second.told] == [[("opened",)], [("opened",)]]
    await sources.give(tap.frame(1))
    assert len(first.told) == len(second.told) == 1
    await hub.close()


def test_a_new_run_whose_first_frames_were_lost_is_known_by_its_number() -> None:
    """Its counters have overtaken the old run's, its seq too."""
    old, new, ledger = NaiveTap(), NaiveTap(), Ledger()
    old.frame(0)
    old.frame(0)
    ledger.take(old.frame(19))
    for count in (0, 0, 18):
        new.frame(count)
    entry = ledger.take(new.frame(1 + 1))
    assert entry.restarted
    assert entry.delta.seen == entry.delta.transit + entry.delta.count == 20
