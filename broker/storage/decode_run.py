"""Many messages out of one piece of a segment."""

from typing import TYPE_CHECKING

from broker import builds
from broker.storage.entry_table import EntryTable
from broker.storage.segment import decode_message
from broker.storage.store import Message


def decode_run(
    table: EntryTable, data: bytes, start: int, salt: int, seqs: list[int], found: list[Message]
) -> None:
    """Go on with ``found``, which has the first of ``seqs``, as long as they are live in ``table`` and lie intact in
    ``data``, which begins at offset ``start`` of the segment. Compiled twin: ``broker/speedups/appending.pxi``"""
    for seq in seqs[len(found) :]:
        row = table.row_of(seq)
        if row < 0 or not table.live[row]:
            return
        parts = decode_message(data, table.offsets[row] - start, salt, seq)
        if parts is None:
            return
        found.append(Message(seq, *parts))


if builds.speedups is not None and not TYPE_CHECKING:
    decode_run = builds.speedups.decode_run
