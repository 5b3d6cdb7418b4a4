"""The hot path: a block of bytes from a client to the outbound buffers of those who receive its publishes.

The rules of this file: no object per message on the way through the lanes, no look-up while the control line stays the
same, limits and counters once per run of messages (``_settle``). A publish written in the usual way, to a subject that
its client may publish to, is delivered here; ``core.publish`` has the careful way for all other operations.

    block → line → _Usual: its Match and sizes → lanes: append(head), append(rest of the publish)
                                               → extra: a Message for internal subscriptions and the like
                                               → settle: counters, pending bytes, slow consumers, stall, flusher

What stands behind the subject in ``PUB foo [reply] 16`` is byte for byte the end of the MSG that is sent, so it is
copied once. Messages with one control line that follow one another are split and joined as a whole (``_take_run``).
Compiled twin: ``broker/speedups/receive.pxi``
"""

from typing import TYPE_CHECKING, Final, NamedTuple

from broker import builds
from broker.core import publish
from broker.core.match import Lane, Lanes, Match
from broker.core.message import Message
from broker.core.message_trace import DESTINATION

if TYPE_CHECKING:
    from broker.core.client import Client
    from broker.core.subscription import ClientSubscription

_CRLF: Final = b"\r\n"
#: A publish with this header field takes the careful way.
_TRACED: Final = DESTINATION
_ZERO: Final = ord("0")
_NO_LANES: Final = Lanes((), ())
#: After so many equal lines a whole run is tried, this many messages at first, then ever more; after a run that
#: was none, single messages again for a while, so that trying costs little whatever is sent.
_RUN_AFTER: Final = 8
_RUN_BACKOFF: Final = 64
_RUN_FIRST: Final = 16
_RUN_MAX: Final = 4096
#: Above this size copying, not counting messages, is what costs, and runs gain nothing.
_RUN_SIZE_MAX: Final = 2048


class _Usual(NamedTuple):
    """A publish's control line, understood. ``skip`` bytes stand before its reply or size digits, ``size`` is header
    and payload, ``careful`` says that not every receiver can take the lanes (a header for who reads none)."""

    match: Match
    lanes: Lanes
    skip: int
    reply: bytes
    header_size: int
    size: int
    careful: bool


def receive(client: "Client", block: memoryview | bytes) -> None:  # noqa: C901 — one loop, no calls
    """Everything in ``block``, which may begin and end anywhere. The view is not used after the return."""
    data = _assemble(client, block)
    if data is None:
        return
    startswith, find = data.startswith, data.find
    pos, end = 0, len(data)
    line = b""
    usual: _Usual | None = None
    count = credit = 0  # messages that aren't settled yet; equal lines in a row
    window = _RUN_FIRST
    while pos < end:
        if (
            usual is None
            or usual.match.stale
            or not startswith(line, pos)
            or (usual.header_size and _is_traced(usual, data, pos + len(line)))
        ):
            if usual is not None:
                _settle(client, usual, line, count)
                if client.closed:
                    return
            count, credit, window = 0, 0, _RUN_FIRST
            line = data[pos : find(b"\n", pos) + 1]
            usual = _understand(client, line)
            if usual is None or _is_traced(usual, data, pos + len(line)):
                usual = None
                pos = publish.one_operation(client, data, pos)
                if pos < 0:
                    return
                continue
            match, lanes, skip, _, _, size, careful = usual
            settle_count = max(1, match.settle_after // (len(line) + size))
            runs = size <= _RUN_SIZE_MAX and not (match.extra or careful or lanes.queues)
        start = pos + len(line)
        stop = start + size
        if data[stop : stop + 2] != _CRLF:
            publish.keep_or_refuse(client, data, pos, stop)
            break
        if credit >= _RUN_AFTER and runs:
            taken = _take_run(usual, line, data, pos, min(window, settle_count))
            if taken:
                count += taken
                pos += taken * (stop + 2 - pos)
                window = min(4 * window, _RUN_MAX)
            else:
                credit = -_RUN_BACKOFF
        else:
            body = data[pos + skip : stop + 2]
            for append, head, _ in lanes.plain:
                append(head)
                append(body)
            for group in lanes.queues:
                _to_member(client, group, body, size)
            count += 1
            credit += 1
            pos = stop + 2
            if match.extra or careful:
                _deliver_extra(client, usual, data, start, body)
                if client.closed:
                    break
        if count >= settle_count:
            _settle(client, usual, line, count)
            count = 0
            if client.closed:
                return
    if usual is not None:
        _settle(client, usual, line, count)


def _is_traced(usual: _Usual, data: bytes, start: int) -> bool:
    """Whether the header that begins at ``start`` names where to trace to; see ``core.message_trace``."""
    return usual.header_size > 0 and data.find(_TRACED, start, start + usual.header_size) >= 0


def _understand(client: "Client", line: bytes) -> _Usual | None:
    """None for whatever isn't a publish in its usual form, or needs another look by the careful way."""
    if not client.takes_shortcut or not line.endswith(_CRLF):
        return None
    if b"\t" in line or line.find(b"\r") != len(line) - 2:
        return None
    words = line[:-2].split(b" ")
    verb, digits = words[0], words[-1]
    numbers = 1 if verb == b"PUB" else 2 if verb == b"HPUB" and client.headers else 0
    with_reply = len(words) == numbers + 3
    if not numbers or not (with_reply or len(words) == numbers + 2) or not _is_canonical(digits):
        return None
    size, header_size = int(digits), 0
    if numbers == 2:
        if not _is_canonical(words[-2]) or not 0 < int(words[-2]) <= size:
            return None
        header_size = int(words[-2])
    if size > client.max_payload or len(line) > client.server.options.max_control_line:
        return None
    reply = words[2] if with_reply else b""
    skip = len(verb) + len(words[1]) + 2
    if with_reply and not reply:  # nats.py leaves the place of a reply empty
        skip += 1
    return _find(client, words[1], reply, skip, header_size, size)


def _is_canonical(digits: bytes) -> bool:
    """A size as MSG repeats it."""
    return len(digits) <= 9 and digits.isdigit() and (digits[0] != _ZERO or len(digits) == 1)


def _find(
    client: "Client", subject: bytes, reply: bytes, skip: int, header_size: int, size: int
) -> _Usual | None:
    """Where this goes; None where a rule of the careful way says no, or something about it."""
    permissions = client.permissions
    if permissions is not None and not permissions.may_publish(subject):
        return None
    match = client.account.sublist.match(subject)
    if not match.publishable:
        return None
    if reply and (
        reply.startswith(publish.RESERVED_REPLIES)
        or (not match.interest and client.options.no_responders)
    ):
        return None
    if not header_size:
        return _Usual(match, match.lanes, skip, reply, 0, size, False)
    careful = not match.headers
    lanes = _NO_LANES if careful else match.header_lanes
    return _Usual(match, lanes, skip, reply, header_size, size, careful)


def _settle(client: "Client", usual: _Usual, line: bytes, count: int) -> None:
    """Account for ``count`` publishes of ``client`` that were appended to the plain lanes."""
    if not count:
        return
    lanes = usual.lanes.plain
    size = count * usual.size
    for traffic in (client, client.account.stats, client.server.stats):
        traffic.in_msgs += count
        traffic.in_bytes += size
    if not lanes:
        return
    for traffic in (client.account.stats, client.server.stats):
        traffic.out_msgs += count * len(lanes)
        traffic.out_bytes += size * len(lanes)
    wire = count * (len(line) - usual.skip + usual.size + 2)
    for _, head, sub in lanes:
        _settle_lane(client, head, sub, count, size, wire)


def _settle_lane(
    client: "Client", head: bytes, sub: "ClientSubscription", count: int, size: int, wire: int
) -> None:
    outbound = sub.client.outbound
    sub.msgs += count
    outbound.out_msgs += count
    outbound.out_bytes += size
    outbound.pending_bytes += wire + count * len(head)
    if not outbound.dirty:
        client.server.mark(outbound)
    if outbound.pending_bytes > outbound.stall_limit:
        client.server.over(outbound, client)


def _to_member(client: "Client", group: tuple[Lane, ...], body: bytes, size: int) -> None:
    """Deliver one message to one of a queue group."""
    append, head, sub = group[int(client.account.random() * len(group))]
    append(head)
    append(body)
    for traffic in (client.account.stats, client.server.stats):
        traffic.out_msgs += 1
        traffic.out_bytes += size
    _settle_lane(client, head, sub, 1, size, len(body))


def _take_run(usual: _Usual, line: bytes, data: bytes, pos: int, window: int) -> int:
    """Deliver up to ``window`` equal-sized messages under one line at once; how many, 0 when that's no run.

    Splitting at ``CRLF line`` into parts that all have the announced size is what parsing one by one would find, by
    induction from the first.
    """
    size = usual.size
    stride = len(line) + size + 2
    window = min(window, (len(data) - pos) // stride)
    stop = pos + window * stride
    if window < 2 or not data.endswith(_CRLF, pos, stop):
        return 0
    if usual.header_size and data.find(_TRACED, pos, stop) >= 0:
        return 0
    parts = data[pos + len(line) : stop - 2].split(_CRLF + line)
    if len(parts) != window or max(map(len, parts)) != size:
        return 0
    tail = line[usual.skip :]
    for append, head, _ in usual.lanes.plain:
        start = head + tail
        append(start)
        append((_CRLF + start).join(parts))
        append(_CRLF)
    return window


def _deliver_extra(client: "Client", usual: _Usual, data: bytes, start: int, body: bytes) -> None:
    """What the lanes can't do, for the one message that begins at ``start``."""
    middle, stop = start + usual.header_size, start + usual.size
    message = Message(
        usual.match.subject, usual.reply, data[start:middle], data[middle:stop], client, body
    )
    match, random = usual.match, client.account.random
    if usual.careful:
        delivered = match.deliver_to(message, random, match.plain, match.queues)
    else:
        delivered = match.deliver_to(message, random, match.others, match.slow_queues)
        delivered = delivered or bool(usual.lanes.plain or usual.lanes.queues)
    if not delivered:
        client.nobody_took(message)


def _assemble(client: "Client", block: memoryview | bytes) -> bytes | None:
    """The block with what was left of the last one before it; None while a known number of bytes is still missing."""
    tail = client.tail
    if not tail:
        return bytes(block)
    if len(tail) + len(block) < client.tail_needs:
        if not isinstance(tail, bytearray):
            client.tail = tail = bytearray(tail)
        tail += block
        return None
    client.tail = b""
    client.tail_needs = 0
    return b"".join((tail, block))


if builds.speedups is not None and not TYPE_CHECKING:
    receive = builds.speedups.receive
