"""The careful way: one operation at a time, each rule in the order in which nats-server applies it.

Here are all operations but publishes in their usual form (``core.receive``). What a client may not publish is answered
here.
Source   nats-server ``parser.go``, ``client.go`` (processPub, processHeaderPub, processInboundClientMsg)
"""

from typing import TYPE_CHECKING, Final

from broker.core import message_trace
from broker.core.match import RESERVED_SUBJECTS
from broker.core.message import Message
from broker.protocol import errors, ops, parser
from broker.protocol.errors import Reason
from broker.protocol.subject import is_valid_literal

if TYPE_CHECKING:
    from broker.core.client import Client

_CRLF: Final = b"\r\n"
#: Replies to these belong to the server: mapped service replies, gateways, JetStream acknowledgements.
RESERVED_REPLIES: Final = (b"_R_.", b"_GR_.", b"$JS.ACK.")

#: Of what can't be understood, for the log.
_SHOWN_BYTES: Final = 32

#: Subject, reply, size of the header, size of header and payload.
Publish = tuple[bytes, bytes, int, int]


def one_operation(client: "Client", data: bytes, pos: int) -> int:
    """Where the next operation begins; -1 when this block is done."""
    if client.awaits_connect and data[pos] not in b"cC" and not client.become_no_auth_user():
        return -1
    kind, start, end = parser.read(data, pos)
    if kind == parser.BAD:
        _unknown(client, data[pos:])
        return -1
    limit = client.server.options.max_control_line
    if kind == parser.NEED:
        client.tail = parser.shorten(data, pos, end, start)
        if start >= 0 and len(data) - start > limit and end not in parser.UNBOUNDED:
            _too_long(client)
        return -1
    arguments = parser.arguments(data, start, end)
    if len(arguments) > limit and kind not in parser.UNBOUNDED:
        _too_long(client)
        return -1
    if kind in (ops.PUB, ops.HPUB):
        return _publish(client, data, pos, end + 1, kind, arguments)
    client.operate(kind, arguments)
    if client.suspended:
        client.tail = data[end + 1 :]
        return -1
    return -1 if client.closed else end + 1


def keep_or_refuse(client: "Client", data: bytes, pos: int, stop: int) -> None:
    """The publish at ``pos``, whose payload ends at ``stop``, isn't complete, or doesn't end as it must."""
    if _CRLF.startswith(data[stop : stop + 2]):
        client.tail = data[pos:]
        client.tail_needs = stop + 2 - pos
    else:
        _unknown(client, data[stop:])


def _unknown(client: "Client", rest: bytes) -> None:
    shown = errors.quote(rest[:_SHOWN_BYTES])
    client.complain(f"Client parser ERROR: proto='{shown}...'")
    client.violate(errors.UNKNOWN_OPERATION)


def _too_long(client: "Client") -> None:
    client.complain(errors.MAX_CONTROL_LINE)
    client.close(Reason.MAX_CONTROL_LINE, errors.MAX_CONTROL_LINE)


def _publish(
    client: "Client", data: bytes, pos: int, start: int, kind: int, arguments: bytes
) -> int:
    read = _read(client, kind, arguments)
    if read is None:
        return -1
    subject, reply, header_size, size = read
    stop = start + size
    if data[stop : stop + 2] != _CRLF:
        keep_or_refuse(client, data, pos, stop)
        return -1
    valid = is_valid_literal(subject)
    if client.options.pedantic and not valid:
        client.send_error(errors.INVALID_PUBLISH_SUBJECT)
    middle = start + header_size
    header, trace = data[start:middle], None
    if header_size and (message_trace.DESTINATION in header or client.account.trace_destination):
        skip, trace = message_trace.begin(client, subject, header, size)
        if skip:
            return -1 if client.closed else stop + 2
    if client.account.mapping is not None:
        written, subject = subject, client.account.mapping(subject)
        if trace is not None and written != subject:
            trace.mapped(subject)
    problem = _problem(client, subject, reply)
    if problem:
        client.refuse_publish(problem)
        client.count_in(size)
    else:
        message = Message(subject, reply, header, data[middle:stop], client)
        message.trace = trace
        client.publish(message)
    if trace is not None:
        if problem:
            trace.refused(problem.error)
        trace.send()
    return -1 if client.closed else stop + 2


def _read(client: "Client", kind: int, arguments: bytes) -> Publish | None:
    """None after the connection was closed over it."""
    if kind == ops.HPUB and not client.headers:
        client.complain("message headers not supported")
        client.close(Reason.PROTOCOL_VIOLATION)
        return None
    parsed = _parse(kind, parser.split(arguments))
    if isinstance(parsed, str):
        client.misread(parsed, arguments)
        return None
    size = parsed[-1]
    if size > client.max_payload:
        client.complain(f"maximum payload exceeded: {size} vs {client.max_payload}")
        client.close(Reason.MAX_PAYLOAD, errors.MAX_PAYLOAD)
        return None
    return parsed


def _parse(kind: int, words: list[bytes]) -> Publish | str:
    """What it says, or what is wrong with it in nats-server's words: it closes the connection."""
    with_header = kind == ops.HPUB
    name = "processHeaderPub" if with_header else "processPub"
    numbers = 2 if with_header else 1
    if len(words) not in (numbers + 1, numbers + 2):
        return f"{name} Parse Error"
    header_size = parser.size(words[-2]) if with_header else 0
    size = parser.size(words[-1])
    if header_size < 0:
        return f"{name} Bad or Missing Header Size"
    if size < 0:
        return f"{name} Bad or Missing {'Total ' * with_header}Size"
    if header_size > size:
        return f"{name} Header Size larger then TotalSize"
    reply = words[1] if len(words) == numbers + 2 else b""
    return words[0], reply, header_size, size


def _problem(client: "Client", subject: bytes, reply: bytes) -> errors.Refused | None:
    """Why the client may not publish this, or None."""
    if subject.startswith(RESERVED_SUBJECTS) or not client.may_publish(subject):
        return errors.refused_publish(subject)
    if reply and reply.startswith(RESERVED_REPLIES):
        return errors.refused_reply(reply)
    return None
