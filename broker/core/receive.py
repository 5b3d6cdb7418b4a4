"""The hot path: a block of bytes from a client to the outbound buffers of those who receive its publishes.

The rules of this file: no object per message on the way through the lanes, no look-up while the control line stays the
same, limits and counters once per run of messages (``settle``). A control line that was understood once is kept as
a Route under its bytes; whoever may not use routes (verbose, echo off, mapped subjects) has an empty table and takes
the careful way in ``core.publish``, which also understands lines seen for the first time and all other operations.

    block → [Route of the line] → lanes: append(head), append(rest of the publish from its size on)
                                → extra: a Message for queue groups, internal subscriptions, …
                                → settle: counters, pending bytes, slow consumers, stall, one mark for the flusher

The part of a publish from its size digits on is byte for byte the end of the MSG that is sent, so it is copied once.
Messages with one control line and one size that follow one another are split and joined as a whole (``_take_run``).
"""

from typing import TYPE_CHECKING, Final

from broker.core import publish
from broker.core.message import Message
from broker.core.route import Route

if TYPE_CHECKING:
    from broker.core.client import Client

_CRLF: Final = b"\r\n"
#: After so many equal lines a whole run is tried, this many messages at first, then ever more; after a run that
#: was none, single messages again for a while, so that trying costs little whatever is sent.
_RUN_AFTER: Final = 8
_RUN_BACKOFF: Final = 64
_RUN_FIRST: Final = 16
_RUN_MAX: Final = 4096


def receive(client: "Client", block: memoryview | bytes) -> None:  # noqa: C901 — one loop, no calls
    """Everything in ``block``, which may begin and end anywhere. The view is not used after the return."""
    data = _assemble(client, block)
    if data is None:
        return
    startswith, find = data.startswith, data.find
    pos, end = 0, len(data)
    route = client.route
    line = route.line if route is not None else b""
    count = 0  # messages appended to the lanes of route and not settled yet
    credit = 0  # equal lines in a row, as far as runs are concerned
    window = _RUN_FIRST
    while pos < end:
        if route is None or not startswith(line, pos):
            if route is not None and count:
                settle(client, route, count)
                if client.closed:
                    break
            count, credit, window = 0, 0, _RUN_FIRST
            route = client.routes.get(data[pos : find(b"\n", pos) + 1])
            if route is None or route.size > client.max_payload:
                route = None
                pos = publish.one_operation(client, data, pos)
                if pos < 0:
                    break
                continue
            line = route.line
        start = pos + len(line)
        stop = start + route.size
        if data[stop : stop + 2] != _CRLF:
            publish.keep_or_refuse(client, data, pos, stop)
            break
        if route.match.stale:
            settle(client, route, count)
            count = 0
            if client.closed:
                break
            route.use(client.account.sublist.match(route.subject))
        if credit >= _RUN_AFTER and route.runs:
            taken = _take_run(route, data, pos, min(window, route.settle_count))
            if taken:
                count += taken
                pos += taken * (stop + 2 - pos)
                window = min(4 * window, _RUN_MAX)
            else:
                credit = -_RUN_BACKOFF
        else:
            body = data[pos + route.skip : stop + 2]
            for append, head in route.lanes:
                append(head)
                append(body)
            count += 1
            credit += 1
            pos = stop + 2
            if route.extra and not _deliver_extra(client, route, data, start, stop, body):
                break
        if count >= route.settle_count:
            settle(client, route, count)
            count = 0
            if client.closed:
                break
    if route is not None:
        settle(client, route, count)
    client.route = route


def settle(client: "Client", route: Route, count: int) -> None:
    """Account for ``count`` publishes of ``client`` that were appended to the route's lanes."""
    if not count:
        return
    size = count * route.size
    fan_out = len(route.lanes)
    for traffic in (client, client.account.stats, client.server.stats):
        traffic.in_msgs += count
        traffic.in_bytes += size
    if not fan_out:
        return
    for traffic in (client.account.stats, client.server.stats):
        traffic.out_msgs += count * fan_out
        traffic.out_bytes += size * fan_out
    wire = count * route.body_size
    mark = client.server.mark
    for sub, (_, head) in zip(route.match.direct, route.lanes, strict=True):
        receiver = sub.client
        sub.msgs += count
        receiver.out_msgs += count
        receiver.out_bytes += size
        outbound = receiver.outbound
        outbound.pending_bytes += wire + count * len(head)
        if not outbound.dirty:
            mark(outbound)
        if outbound.pending_bytes > outbound.stall_limit:
            client.server.over(outbound, client)


def _take_run(route: Route, data: bytes, pos: int, window: int) -> int:
    """Deliver up to ``window`` equal-sized messages under the route's line at once; how many, 0 when that's no run.

    Splitting at ``CRLF line`` into parts that all have the announced size is what parsing one by one would find, by
    induction from the first.
    """
    line, size = route.line, route.size
    stride = len(line) + size + 2
    window = min(window, (len(data) - pos) // stride)
    stop = pos + window * stride
    if window < 2 or not data.endswith(_CRLF, pos, stop):
        return 0
    parts = data[pos + len(line) : stop - 2].split(_CRLF + line)
    if len(parts) != window or max(map(len, parts)) != size:
        return 0
    tail = line[route.skip :]
    for append, head in route.lanes:
        start = head + tail
        append(start)
        append((_CRLF + start).join(parts))
        append(_CRLF)
    return window


def _deliver_extra(
    client: "Client", route: Route, data: bytes, start: int, stop: int, body: bytes
) -> bool:
    """What the lanes can't do, for one message; False when the client was closed by it."""
    middle = start + route.header_size
    message = Message(route.subject, b"", data[start:middle], data[middle:stop], client, body)
    if route.careful:
        route.match.deliver(message, client.account.random)
    else:
        route.match.deliver_extra(message, client.account.random)
    return not client.closed


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
