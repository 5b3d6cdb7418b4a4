"""Counters: a subject's last message holds a total, a publish with ``Nats-Incr`` stores the next one.

Wire     body ``{"val":"7"}``; Nats-Counter-Sources ``{"<stream>":{"<subject>":"5"}}`` says what of it came from where;
         the acknowledgement has ``"val":"7"``
Source   ADR-49; nats-server ``stream.go``
Limit    ``DIGITS_MAX`` digits of an increment and of a total
"""

import json
import re
from typing import TYPE_CHECKING, Any, Final

from broker.jetstream import errors, json_text
from broker.protocol import headers

if TYPE_CHECKING:
    from broker.jetstream.publish import Draft
    from broker.jetstream.stream import Stream

INCR: Final = b"Nats-Incr"
SOURCES: Final = b"Nats-Counter-Sources"
STREAM_SOURCE: Final = b"Nats-Stream-Source"
#: Python turns so many digits into a number at most.
DIGITS_MAX: Final = 4000
#: Subject → total and where it is from.
Totals = dict[bytes, tuple[int, dict[str, dict[str, str]]]]
_NUMBER: Final = re.compile(rb"[+-]?[0-9]+")
_NOT_WITH_A_COUNTER: Final = (
    b"Nats-Rollup",
    b"Nats-Expected-Stream",
    b"Nats-Expected-Last-Msg-Id",
    b"Nats-Expected-Last-Sequence",
    b"Nats-Expected-Last-Subject-Sequence",
    b"Nats-Expected-Last-Subject-Sequence-Subject",
)


def check(stream: "Stream", draft: "Draft") -> None:
    """The increment and what may not stand beside it; the first of all checks."""
    value = draft.fields.get(INCR)
    if value is None:
        return
    _number(value)
    if draft.sourced:
        return
    if not stream.config.allow_msg_counter:
        raise errors.MESSAGE_INCR_DISABLED()
    if draft.payload:
        raise errors.MESSAGE_INCR_PAYLOAD()
    if any(name in draft.fields for name in _NOT_WITH_A_COUNTER):
        raise errors.MESSAGE_INCR_INVALID()


def _number(value: bytes) -> int:
    if not _NUMBER.fullmatch(value) or len(value) > DIGITS_MAX:
        raise errors.MESSAGE_INCR_INVALID()
    return int(value)


def count(stream: "Stream", draft: "Draft", totals: Totals | None = None) -> None:
    """Turns the increment into the new total. The last step before sizes and limits are looked at. ``totals`` are those
    of a batch that isn't stored yet."""
    value = draft.fields.get(INCR)
    if value is None:
        raise errors.MESSAGE_INCR_MISSING()
    increment = _number(value)
    known = totals.get(draft.subject) if totals is not None else None
    total, sources = known or _last(stream, draft.subject)
    origin = draft.fields.get(STREAM_SOURCE)
    if origin is not None:
        increment = _difference(draft, origin, sources)
        draft.header = _replaced(draft.header, INCR, b"%d" % increment)
    total += increment
    if abs(total) >= 10**DIGITS_MAX:
        raise errors.MESSAGE_INCR_INVALID()
    if totals is not None:
        totals[draft.subject] = (total, sources)
    draft.payload = b'{"val":"%d"}' % total
    draft.ack_extra = b',"val":"%d"' % total
    if sources:
        draft.header = _replaced(draft.header, SOURCES, json_text.dumps(sources))


def _last(stream: "Stream", subject: bytes) -> tuple[int, dict[str, dict[str, str]]]:
    """The total so far, and what came from where."""
    seq = stream.store.index.subjects.last(subject)
    message = stream.store.read(seq) if seq is not None else None
    if message is None:
        return 0, {}
    total = _total(message.payload)
    value = headers.get(message.header, SOURCES)
    sources = _object(value) if value else {}
    return total, {str(k): dict(v) for k, v in sources.items() if isinstance(v, dict)}


def _total(payload: bytes) -> int:
    value = str(_object(payload).get("val", "")).encode()
    return int(value) if _NUMBER.fullmatch(value) and len(value) <= DIGITS_MAX + 1 else 0


def _object(text: bytes) -> dict[str, Any]:
    try:
        found = json.loads(text)
    except ValueError as error:
        raise errors.MESSAGE_COUNTER_BROKEN() from error
    if not isinstance(found, dict):
        raise errors.MESSAGE_COUNTER_BROKEN()
    return found


def _difference(draft: "Draft", origin: bytes, sources: dict[str, dict[str, str]]) -> int:
    """What a message from another counter adds: its total less what it said before."""
    parts = origin.decode(errors="replace").split(" ")
    subject = parts[4] if len(parts) >= 5 else draft.subject.decode(errors="replace")
    total = _total(draft.payload)
    known = sources.setdefault(parts[0], {})
    before = known.get(subject, "0")
    known[subject] = str(total)
    return total - int(before)


def _replaced(header: bytes, name: bytes, value: bytes) -> bytes:
    """In its place; at the end when it isn't there."""
    lines = header.split(b"\r\n")
    if headers.get(header, name) is None:
        return headers.with_field(header, name, value)
    at = next(i for i, line in enumerate(lines) if line.startswith(name + b":"))
    lines[at] = name + b": " + value
    return b"\r\n".join(lines)
