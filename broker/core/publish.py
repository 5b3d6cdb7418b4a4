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
from broker.protocol.errors import Reason, Violation
from broker.protocol.subject import is_valid_literal

if TYPE_CHECKING:
    from broker.core.client import Client

_CRLF: Final = b"\r\n"
#: Replies to these belong to the server: mapped service replies, gateways, JetStream acknowledgements.
RESERVED_REPLIES: Final = (b"_R_.", b"_GR_.", b"$JS.ACK.")

#: Bytes of what wasn't understood that the log shows.
_SNIPPET: Final = 32
#: Subject, reply, size of the header, size of header and payload.
Publish = tuple[bytes, bytes, int, int]


def one_operation(client: "Client", data: bytes, pos: int) -> int:
    """Where the next operation begins; -1 when this block is done."""
    if client.awaits_connect and data[pos] not in b"cC" and not client.become_no_auth_user():
        return -1
    kind, start, end = parser.read(data, pos)
    if kind == parser.BAD:
        _unknown(client, data, *parser.wrong_at(data, pos))
        return -1
    limit = client.server.options.max_control_line
    if kind == parser.NEED:
        client.tail = parser.shorten(data, pos, end, start)
        if start >= 0 and len(data) - start > limit and end not in parser.UNBOUNDED:
            client.close(Reason.MAX_CONTROL_LINE, errors.MAX_CONTROL_LINE)
        return -1
    arguments = parser.arguments(data, start, end)
    if len(arguments) > limit and kind not in parser.UNBOUNDED:
        client.close(Reason.MAX_CONTROL_LINE, errors.MAX_CONTROL_LINE)
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
    elif data[stop : stop + 1] == b"\r":
        _unknown(client, data, parser.AFTER_CR, stop + 1)
    else:
        _unknown(client, data, parser.AFTER_PAYLOAD, stop)


def _unknown(client: "Client", data: bytes, state: int, at: int) -> None:
    """The byte at ``at`` is none that may come in this state of nats-server's parser."""
    end = at + _SNIPPET if at + _SNIPPET <= len(data) else len(data) - 1
    snippet = errors.quote(bytes(data[at:end]))
    client.violate(
        f"Client parser ERROR, state={state}, i={at}: proto='{snippet}...'",
        errors.UNKNOWN_OPERATION,
    )


def _publish(
    client: "Client", data: bytes, pos: int, start: int, kind: int, arguments: bytes
) -> int:
    parsed = _parse(client, kind, arguments)
    if parsed is None:
        return -1
    subject, reply, header_size, size = parsed
    if size > client.max_payload:
        client.fault(f"maximum payload exceeded: {size} vs {client.max_payload}")
        client.close(Reason.MAX_PAYLOAD, errors.MAX_PAYLOAD)
        return -1
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
    violation = _violation(client, subject, reply)
    if violation is not None:
        client.refuse(violation)
        client.count_in(size)
    else:
        message = Message(subject, reply, header, data[middle:stop], client)
        message.trace = trace
        client.publish(message)
    if trace is not None:
        if violation is not None:
            trace.refused(violation.error)
        trace.send()
    return -1 if client.closed else stop + 2


def _parse(client: "Client", kind: int, arguments: bytes) -> Publish | None:
    """None when the client was closed over it."""
    if kind == ops.HPUB and not client.headers:
        client.violate("message headers not supported")
        return None
    parsed = _parse_header_pub(arguments) if kind == ops.HPUB else _parse_pub(arguments)
    if isinstance(parsed, str):
        client.violate(f"{parsed}: {errors.quote(arguments)}")
        return None
    return parsed


def _parse_pub(arguments: bytes) -> Publish | str:
    """A text is what nats-server logs when it closes the connection over it without a word."""
    words = parser.split(arguments)
    if len(words) not in (2, 3):
        return "processPub Parse Error"
    size = parser.size(words[-1])
    if size < 0:
        return "processPub Bad or Missing Size"
    return words[0], words[1] if len(words) == 3 else b"", 0, size


def _parse_header_pub(arguments: bytes) -> Publish | str:
    words = parser.split(arguments)
    if len(words) not in (3, 4):
        return "processHeaderPub Parse Error"
    header_size, size = parser.size(words[-2]), parser.size(words[-1])
    if header_size < 0:
        return "processHeaderPub Bad or Missing Header Size"
    if size < 0:
        return "processHeaderPub Bad or Missing Total Size"
    if header_size > size:
        return "processHeaderPub Header Size larger then TotalSize"
    return words[0], words[1] if len(words) == 4 else b"", header_size, size


def _violation(client: "Client", subject: bytes, reply: bytes) -> Violation | None:
    """Why the client may not publish this."""
    if subject.startswith(RESERVED_SUBJECTS) or not client.may_publish(subject):
        return errors.publish_violation(subject)
    if reply and reply.startswith(RESERVED_REPLIES):
        return errors.reply_violation(reply)
    return None
