"""One tap against a naive model: whatever comes, the counters add up and the records are the right ones."""

from collections.abc import Callable
from dataclasses import dataclass, field

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from broker.contract.frames import RECORDS_BYTES_MAX, Record, TapFrame, decode_records
from broker.contract.taps import HeaderFilter, Mode, TapSpec
from broker.coordination.tap import (
    HEADER_MAX,
    LATEST_MAX,
    QUEUE_BYTES,
    QUEUE_FRAMES,
    Tap,
)
from broker.core.message import Message
from broker.protocol.subject import matches

SECOND = 1_000_000_000


@dataclass
class Clock:
    ns: int = 1_700_000_000 * SECOND

    def __call__(self) -> int:
        return self.ns


@dataclass
class Reader:
    """What a reader of frames knows; checks the invariant at each."""

    frames: list[TapFrame] = field(default_factory=list)
    records: list[Record] = field(default_factory=list)

    def drain(self, tap: Tap, arrives: Callable[[int], bool] = lambda seq: True) -> None:
        while tap.has_frame():
            frame = TapFrame.decode(tap.next_frame())
            arrived = arrives(frame.seq)
            tap.handed(arrived)
            if arrived:
                self.read(frame)

    def read(self, frame: TapFrame) -> None:
        records = list(decode_records(frame.records))
        assert frame.counters.check()
        assert len(records) == frame.count
        self.frames.append(frame)
        self.records += records
        assert frame.counters.sent == len(self.records)


def message(
    subject: bytes = b"a", payload: bytes = b"", header: bytes = b"", reply: bytes = b""
) -> Message:
    return Message(subject, reply, header, payload)


def spec(**changes: object) -> TapSpec:
    return TapSpec("t", "A", **changes)  # type: ignore[arg-type]


def publish(tap: Tap, *messages: Message) -> None:
    """As an account does: each subscription whose filter matches is told."""
    subscriptions = list(tap.subscriptions())
    for each in messages:
        for subject, on_message in subscriptions:
            if matches(subject, each.subject):
                on_message(each)


def test_a_message_is_recorded_whole() -> None:
    clock, reader = Clock(), Reader()
    tap = Tap(spec(), clock)
    publish(tap, message(b"a.b", b"hello", b"NATS/1.0\r\nX: 1\r\n\r\n", b"_INBOX.1"))
    tap.tick()
    reader.drain(tap)
    assert reader.records == [
        Record(clock.ns, b"a.b", b"_INBOX.1", b"NATS/1.0\r\nX: 1\r\n\r\n", b"hello", 5)
    ]
    assert reader.frames[0].seq == 1


def test_overlapping_subjects_show_a_message_once() -> None:
    reader = Reader()
    tap = Tap(spec(subjects=("a.*", "a.>", ">", "b")), Clock())
    publish(tap, message(b"a.b"), message(b"b"), message(b"a.b.c"), message(b"x"))
    tap.tick()
    reader.drain(tap)
    assert [record.subject for record in reader.records] == [b"a.b", b"b", b"a.b.c", b"x"]
    assert reader.frames[-1].counters.seen == 4


def test_filters() -> None:
    reader = Reader()
    header = b"NATS/1.0\r\nA: 1\r\nB:  two \r\nB: three\r\n\r\n"
    tap = Tap(
        spec(
            exclude=("no.>",),
            headers=(HeaderFilter("A"), HeaderFilter("B", "three")),
            payload_contains="é!",
        ),
        Clock(),
    )
    good = "xé!x".encode()
    publish(tap, message(b"no.x", good, header), message(b"a", good, header))
    publish(
        tap,
        message(b"a", b"x", header),
        message(b"a", good),
        message(b"a", good, b"NATS/1.0 A: 1\r\n\r\n"),
    )
    publish(tap, message(b"a", good, header.replace(b"three", b"threes")))
    tap.tick()
    reader.drain(tap)
    assert len(reader.records) == 1
    assert reader.frames[0].counters.filtered == 5


def test_one_in_takes_the_first_of_each_n_that_pass() -> None:
    reader = Reader()
    tap = Tap(spec(mode="one_in", n=3, exclude=("no",)), Clock())
    for i in range(10):
        publish(tap, message(b"no"), message(b"a", b"%d" % i))
    tap.tick()
    reader.drain(tap)
    assert [record.payload for record in reader.records] == [b"0", b"3", b"6", b"9"]
    counters = reader.frames[-1].counters
    assert (counters.seen, counters.filtered, counters.sampled) == (20, 10, 6)


def test_latest_keeps_the_newest_of_each_subject_per_interval() -> None:
    reader = Reader()
    tap = Tap(spec(mode="latest"), Clock())
    for i in range(5):
        publish(tap, message(b"a", b"%d" % i), message(b"b", b"%d" % i))
    tap.tick()
    publish(tap, message(b"a", b"5"))
    tap.tick()
    reader.drain(tap)
    assert [(r.subject, r.payload) for r in reader.records] == [
        (b"a", b"4"),
        (b"b", b"4"),
        (b"a", b"5"),
    ]
    assert reader.frames[-1].counters.sampled == 8


def test_latest_is_bounded_in_subjects_and_bytes() -> None:
    reader = Reader()
    tap = Tap(spec(mode="latest"), Clock())
    publish(tap, *(message(b"s.%d" % i) for i in range(LATEST_MAX + 5)))
    assert tap._latest is not None and len(tap._latest) <= LATEST_MAX
    publish(tap, *(message(b"b.%d" % i, bytes(1_000_000)) for i in range(10)))
    assert tap._latest_bytes < 5_000_000
    tap.tick()
    reader.drain(tap)
    assert reader.frames[-1].counters.seen == LATEST_MAX + 15


def test_the_budget_is_kept_and_renewed() -> None:
    clock, reader = Clock(), Reader()
    tap = Tap(spec(msgs_per_s=10), clock)
    publish(tap, *[message()] * 25)
    tap.tick()
    clock.ns += SECOND // 2
    tap.tick()
    publish(tap, *[message()] * 25)
    tap.tick()
    reader.drain(tap)
    assert [frame.counters.sent for frame in reader.frames] == [10, 15]
    assert reader.frames[-1].counters.budget == 35


def test_the_byte_budget_lets_a_long_message_through_and_then_waits() -> None:
    clock, reader = Clock(), Reader()
    tap = Tap(spec(bytes_per_s=100), clock)
    publish(tap, message(payload=bytes(250)), message())
    tap.tick()
    clock.ns += SECOND
    tap.tick()
    publish(tap, message())
    clock.ns += SECOND
    tap.tick()
    publish(tap, message())
    tap.tick()
    reader.drain(tap)
    assert len(reader.records) == 2
    assert reader.frames[-1].counters.budget == 2


def test_payloads_and_headers_are_cut_and_true_sizes_told() -> None:
    reader = Reader()
    tap = Tap(spec(payload_max=10), Clock())
    publish(tap, message(b"s" * 70_000, bytes(1000), b"h" * (HEADER_MAX + 1), b"r" * 70_000))
    tap.tick()
    reader.drain(tap)
    record = reader.records[0]
    assert (len(record.payload), record.payload_size) == (10, 1000)
    assert (len(record.header), len(record.subject), len(record.reply)) == (
        HEADER_MAX,
        65535,
        65535,
    )


def test_frames_close_at_their_size() -> None:
    reader = Reader()
    tap = Tap(spec(), Clock())
    publish(tap, *[message(payload=bytes(1000))] * 1000)
    assert tap.has_frame()
    tap.tick()
    reader.drain(tap)
    assert all(len(frame.records) < RECORDS_BYTES_MAX + 2000 for frame in reader.frames)
    assert len(reader.records) == 1000


def test_silence_is_told_once_a_second() -> None:
    clock, reader = Clock(), Reader()
    tap = Tap(spec(exclude=("no",)), clock)
    for _ in range(101):
        publish(tap, message(b"no"))
        clock.ns += SECOND // 20
        tap.tick()
        reader.drain(tap)
    assert len(reader.frames) == 6, "the first at once, to say that the tap listens"
    assert [frame.count for frame in reader.frames] == [0] * 6
    assert reader.frames[-1].counters.filtered == 101


def test_a_reader_that_never_comes_costs_a_bounded_amount() -> None:
    clock, reader = Clock(), Reader()
    tap = Tap(spec(), clock)
    for _ in range(300):
        publish(tap, *[message(payload=bytes(60_000))] * 4)
        clock.ns += SECOND
        tap.tick()
        assert tap._closed_bytes <= QUEUE_BYTES
        assert len(tap._closed) <= QUEUE_FRAMES
    reader.drain(tap)
    publish(tap, message())
    tap.tick()
    reader.drain(tap)
    counters = reader.frames[-1].counters
    assert counters.seen == 1201
    assert counters.lost == 1201 - len(reader.records) > 0


def test_a_frame_that_did_not_arrive_is_lost_in_the_next() -> None:
    reader = Reader()
    tap = Tap(spec(), Clock())
    for _ in range(4):
        publish(tap, message(), message())
        tap.tick()
    reader.drain(tap, lambda seq: seq not in (1, 3))
    assert [frame.seq for frame in reader.frames] == [2, 4]
    assert [frame.counters.lost for frame in reader.frames] == [2, 4]
    assert len(reader.records) == 4


@pytest.mark.parametrize("field_name", ["subjects", "exclude"])
@pytest.mark.parametrize("subject", ["a..b", "a b", ">.a", ".", "a."])
def test_subjects_that_are_none_are_refused_by_name(field_name: str, subject: str) -> None:
    with pytest.raises(ValueError, match=field_name):
        Tap(spec(**{field_name: (subject,)}), Clock())


MODES: st.SearchStrategy[Mode] = st.sampled_from(["all", "one_in", "latest"])
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("publish"), st.sampled_from([b"a", b"a.b", b"no", b"c.d.e"]), st.integers(0, 90_000)),
        st.tuples(st.just("tick"), st.integers(0, 2 * SECOND)),
        st.tuples(st.just("drain"), st.booleans()),
    ),
    max_size=80,
)  # fmt: skip


@given(MODES, st.integers(1, 5), st.integers(1, 30), st.integers(1, 400_000), STEPS)
@settings(max_examples=100)
def test_the_counters_always_add_up(
    mode: Mode, n: int, msgs: int, size: int, steps: list[tuple[object, ...]]
) -> None:
    clock, reader = Clock(), Reader()
    tap = Tap(
        spec(mode=mode, n=n, msgs_per_s=msgs, bytes_per_s=size, subjects=(">", "a.>"), exclude=("no",)),
        clock,
    )  # fmt: skip
    published = 0
    for step in steps:
        match step:
            case ("publish", bytes() as subject, int() as length):
                publish(tap, message(subject, bytes(length)))
                published += 1
            case ("tick", int() as passed):
                clock.ns += passed
                tap.tick()
            case ("drain", bool() as arrives):
                reader.drain(tap, lambda seq, arrives=arrives: arrives)  # type: ignore[misc]
    clock.ns += SECOND
    tap.tick()
    reader.drain(tap)
    clock.ns += SECOND
    tap.tick()
    reader.drain(tap)
    assert reader.frames[-1].counters.seen == published
