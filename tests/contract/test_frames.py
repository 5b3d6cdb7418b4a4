"""Tap frames and view frames as bytes: golden files that every reader must agree on, and what no reader may take.

The golden files are also read by the page's own decoder (``tests/browser``). ``python -m tests.contract.golden``
writes them anew after a change of version.
"""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from broker.contract import frames
from console.live import frames as view
from tests.contract import golden

_bytes = st.binary(max_size=40)
_records = st.builds(
    lambda at, subject, reply, header, payload, more: frames.Record(
        at, subject, reply, header, payload, len(payload) + more
    ),
    st.integers(0, 2**64 - 1), _bytes, _bytes, _bytes, _bytes, st.integers(0, 1000),
)  # fmt: skip


def test_the_golden_tap_frame_is_what_both_sides_write() -> None:
    raw = golden.TAP.read_bytes()
    assert golden.tap_frame().encode() == raw
    frame = frames.TapFrame.decode(raw)
    assert frame.counters.check()
    assert list(frames.decode_records(frame.records)) == list(golden.RECORDS)


def test_the_golden_view_frame_is_what_the_console_sends() -> None:
    raw = golden.VIEW.read_bytes()
    assert golden.view_frame() == raw
    seq, _, counters, count, records = view.decode(raw)
    assert (seq, count) == (3, len(golden.RECORDS))
    assert counters.check()
    assert records == frames.TapFrame.decode(golden.TAP.read_bytes()).records


def test_the_golden_bytes_are_laid_out_as_documented() -> None:
    raw = golden.TAP.read_bytes()
    assert raw[:4] == b"WT\x02\x00"
    assert int.from_bytes(raw[4:12], "big") == golden.AT_NS - 5_000_000_000
    assert int.from_bytes(raw[12:20], "big") == 7
    assert int.from_bytes(raw[76:80], "big") == len(golden.RECORDS)
    assert raw[80:84] == (24 + len(b"orders.eu.paid") + len(b'{"id": 1}')).to_bytes(4, "big")


@given(st.lists(_records, max_size=5))
def test_records_come_back_as_they_went(records: list[frames.Record]) -> None:
    joined = b"".join(record.encode() for record in records)
    assert list(frames.decode_records(joined)) == records


@pytest.mark.parametrize("cut", range(frames.HEAD.size))
def test_a_frame_cut_in_its_head_is_no_frame(cut: int) -> None:
    with pytest.raises(ValueError, match="tap frame"):
        frames.TapFrame.decode(golden.TAP.read_bytes()[:cut])


def test_a_record_cut_anywhere_is_refused_not_guessed() -> None:
    record = golden.RECORDS[1].encode()
    for cut in range(1, len(record)):
        with pytest.raises(ValueError, match="tap record"):
            list(frames.decode_records(record[:cut]))


@given(st.binary(max_size=120))
def test_no_bytes_raise_anything_but_value_error(raw: bytes) -> None:
    for read in (frames.TapFrame.decode, lambda b: list(frames.decode_records(b)), view.decode):
        try:
            read(raw)
        except ValueError:
            continue
