"""The index of a sealed segment beside it, so that opening a stream needn't read every message.

It may be absent, stale or damaged at any time: then the segment itself is scanned. It fits a segment only when
salt, generation and length agree.

Wire    "WRIDX\\0\\0\\3" · u32 crc of the rest · u32 salt · u32 generation · u64 segment bytes · u32 max epoch
        · u32 json bytes · u32 rows · u32 deletes · u32 names bytes · u32 order mark · json · columns of ``EntryTable``
        (sequences u64, offsets u32, sizes u32, local subject ids u32, times i64) · live u8 · deletes u64 ·
        names (u16 length and name each, in order of local id)
"""

import json
import struct
import zlib
from array import array
from dataclasses import dataclass, field

_MAGIC = b"WRIDX\0\0\3"
_HEAD = struct.Struct("<8sI")
_COUNTS = struct.Struct("<IIQIIIIII")
_U16 = struct.Struct("<H")
#: Written natively: a file from a machine of the other byte order doesn't fit and is ignored.
_ORDER = int.from_bytes(array("I", [1]).tobytes(), "little")
_COLUMN_TYPES = "QIIIq"


@dataclass(slots=True)
class Sidecar:
    """``subject_ids`` in ``columns`` count through ``names``."""

    salt: int
    generation: int
    segment_bytes: int
    epoch_max: int
    columns: "list[array[int]]"
    live: bytes
    #: Of rows that aren't live, the name means nothing.
    names: list[bytes]
    deletes: "array[int]"
    floor: int
    last_seq: int
    expires: dict[int, int] = field(default_factory=dict)
    marks: dict[int, int] = field(default_factory=dict)


def encode(sidecar: Sidecar) -> bytes:
    extra = json.dumps(
        {
            "floor": sidecar.floor,
            "last_seq": sidecar.last_seq,
            "expires": list(sidecar.expires.items()),
            "marks": list(sidecar.marks.items()),
        }
    ).encode()
    names = b"".join(_U16.pack(len(name)) + name for name in sidecar.names)
    counts = _COUNTS.pack(
        sidecar.salt, sidecar.generation, sidecar.segment_bytes, sidecar.epoch_max, len(extra),
        len(sidecar.columns[0]), len(sidecar.deletes), len(names), _ORDER,
    )  # fmt: skip
    columns = [column.tobytes() for column in sidecar.columns]
    body = b"".join((counts, extra, *columns, sidecar.live, sidecar.deletes.tobytes(), names))
    return _HEAD.pack(_MAGIC, zlib.crc32(body)) + body


def decode(data: bytes) -> Sidecar | None:
    """None for anything that isn't exactly what ``encode`` wrote."""
    if len(data) < _HEAD.size + _COUNTS.size:
        return None
    magic, crc = _HEAD.unpack_from(data)
    if magic != _MAGIC or crc != zlib.crc32(memoryview(data)[_HEAD.size :]):
        return None
    salt, generation, segment_bytes, epoch_max, n_extra, rows, n_deletes, n_names, order = (
        _COUNTS.unpack_from(data, _HEAD.size)
    )
    if order != _ORDER:
        return None
    at = _HEAD.size + _COUNTS.size
    extra = json.loads(data[at : at + n_extra])
    at += n_extra
    columns = []
    for typecode in _COLUMN_TYPES:
        column: array[int] = array(typecode)
        end = at + rows * column.itemsize
        column.frombytes(data[at:end])
        columns.append(column)
        at = end
    live = data[at : at + rows]
    at += rows
    deletes: array[int] = array("Q")
    deletes.frombytes(data[at : at + 8 * n_deletes])
    names = _names(data, at + 8 * n_deletes, n_names)
    return Sidecar(
        salt, generation, segment_bytes, epoch_max, columns, live, names, deletes,
        extra["floor"], extra["last_seq"], dict(extra["expires"]), dict(extra["marks"]),
    )  # fmt: skip


def _names(data: bytes, at: int, n_bytes: int) -> list[bytes]:
    names, end = [], at + n_bytes
    while at < end:
        (length,) = _U16.unpack_from(data, at)
        names.append(data[at + 2 : at + 2 + length])
        at += 2 + length
    return names
