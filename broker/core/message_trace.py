"""Message tracing: what became of one publish, told on a subject that its header names.

Wire     Nats-Trace-Dest: subject for the event; Nats-Trace-Only: 1, true or on = nobody gets the message itself;
         traceparent (sampled): traced where the account has a destination of its own
Event    {"server", "request": {"header", "msgsize"}, "events": [in, sm, se, si, js, eg …]}
Source   nats-server ``msgtrace.go``

A traced publish takes the careful way, receiver by receiver.
"""

import logging
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final

from broker.core.clock import timestamp
from broker.core.subscription import InternalSubscription, Subscription
from broker.protocol import errors
from broker.protocol.headers import PREFIX
from broker.protocol.subject import has_wildcards, is_valid_subject

if TYPE_CHECKING:
    from broker.core.account import Account
    from broker.core.client import Client
    from broker.core.match import Match
    from broker.core.message import Message
    from broker.core.subscription import ClientSubscription

log = logging.getLogger(__name__)

DESTINATION: Final = b"Nats-Trace-Dest"
#: What stands there when an account further on may not trace.
DISABLED: Final = b"trace disabled"
_ONLY: Final = "Nats-Trace-Only"
_NO_ECHO: Final = "Not delivered because of no echo"
_DENIED: Final = "Not delivered because subscription denies this subject"
_SUB_CLOSED: Final = "Not delivered because subscription is closed"
_CLIENT_CLOSED: Final = "Not delivered because client is closed"


class MessageTrace:
    """One traced publish. ``only``: it is delivered to nobody."""

    def __init__(
        self, client: "Client", destination: bytes, subject: bytes, header: dict[str, list[str]], size: int
    ) -> None:  # fmt: skip
        self.account: Account = client.account
        self.destination = destination
        self.only = _first(header, _ONLY).lower() in ("1", "true", "on")
        #: As the event shall be compressed.
        self.encoding = _first(header, "Accept-Encoding").lower()
        self.request = {"header": header, "msgsize": size}
        self.events: list[dict[str, Any]] = []
        self._server = client.server
        name = {"name": client.options.name} if client.options.name else {}
        self._add("in", kind=0, cid=client.cid, **name, acc=self.account.name, subj=_text(subject))

    def _add(self, event: str, **fields: Any) -> None:
        time = timestamp(self._server.clock.wall_s())
        self.events.append({"type": event, "ts": time, **fields})

    def refused(self, problem: str) -> None:
        self.events[0]["error"] = problem

    def mapped(self, subject: bytes) -> None:
        self._add("sm", to=_text(subject))

    def stream_export(self, account: str, to: bytes) -> None:
        self._add("se", acc=account, to=_text(to))

    def service_import(self, account: str, source: bytes, to: bytes) -> None:
        self._add("si", acc=account, **{"from": _text(source)}, to=_text(to))

    def jetstream(self, stream: str, subject: bytes) -> None:
        self._add("js", stream=stream, subject=_text(subject))

    def egress(self, sub: "ClientSubscription", problem: str = "") -> None:
        client = sub.client
        fields: dict[str, Any] = {"kind": 0, "cid": client.cid}
        fields["name"] = client.options.name
        fields["acc"] = client.account.name if client.account is not self.account else ""
        fields |= {"sub": _text(sub.subject), "queue": _text(sub.queue), "error": problem}
        always = ("kind", "cid")
        self._add("eg", **{k: v for k, v in fields.items() if v or k in always})

    def send(self) -> None:
        for hook in self._server.on_trace:
            hook(self)


def begin(
    client: "Client", subject: bytes, header: bytes, size: int
) -> "tuple[bool, MessageTrace | None]":
    """Whether the publish must be dropped here, and its trace if it is traced."""
    fields = _fields(header)
    destination = _first(fields, DESTINATION.decode()).encode()
    account = client.account
    if destination == DISABLED:
        return False, None
    if not destination:
        destination = account.trace_destination
        if not (destination and _sampled(fields) and _drawn(account)):
            return False, None
        fields.pop(_ONLY, None)
    trace = MessageTrace(client, destination, subject, fields, size)
    if not is_valid_subject(destination) or has_wildcards(destination):
        log.warning("%r: %r is no subject to trace to", client, destination)
        return trace.only, None
    permissions = client.permissions
    if permissions is not None and not permissions.may_publish(destination):
        client.refuse(errors.publish_violation(destination))
        return True, None
    return False, trace


def deliver(match: "Match", message: "Message", random: Callable[[], float]) -> bool:
    """As ``Match.deliver`` for a traced message."""
    trace = message.trace
    assert trace is not None  # the caller looked
    if not trace.only:
        for tap in match.taps:
            tap.deliver(message)
    delivered = False
    for sub in match.plain:
        if _deliver(trace, sub, message):
            delivered = True
    for members in match.queues:
        start = int(random() * len(members))
        for sub in (*members[start:], *members[:start]):
            if _deliver(trace, sub, message):
                delivered = True
                break
    return delivered


def _deliver(trace: MessageTrace, sub: Subscription, message: "Message") -> bool:
    if isinstance(sub, InternalSubscription):
        return _deliver_inside(trace, sub, message)
    client_sub: ClientSubscription = sub  # type: ignore[assignment]  # there is no third kind
    shown, imported = message.subject, client_sub.imported
    if imported is not None:
        if message.via:
            return False
        shown = imported.show(message.subject)
        trace.stream_export(client_sub.client.account.name, shown)
        if not imported.source.allow_trace:
            return trace.only or sub.deliver(message)
    problem = _problem(client_sub, message, shown)
    if not problem and not trace.only and not sub.deliver(message):
        problem = _CLIENT_CLOSED
    trace.egress(client_sub, problem)
    return not problem


def _problem(sub: "ClientSubscription", message: "Message", shown: bytes) -> str:
    client = sub.client
    if message.publisher is client and not client.options.echo:
        return _NO_ECHO
    if client.refuses(message, shown, sub.queue):
        return _DENIED
    if sub.closed:
        return _SUB_CLOSED
    return _CLIENT_CLOSED if client.closed else ""


def _deliver_inside(trace: MessageTrace, sub: InternalSubscription, message: "Message") -> bool:
    """Services go on with the trace themselves; streams and others do nothing with what is only traced."""
    if sub.kind == "service":
        return sub.deliver(message)
    if sub.stream:
        trace.jetstream(sub.stream, message.subject)
    return trace.only or sub.deliver(message)


def _fields(header: bytes) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    if header.startswith(PREFIX):
        for line in header[len(PREFIX) :].split(b"\r\n"):
            name, colon, value = line.partition(b":")
            value = value.strip(b" \t")
            if colon and name and value:
                found.setdefault(_text(name), []).append(_text(value))
    return found


def _first(fields: dict[str, list[str]], name: str) -> str:
    return fields[name][0] if name in fields else ""


def _sampled(fields: dict[str, list[str]]) -> bool:
    """A ``traceparent`` whose flags say that the trace is recorded; its name may be written in any case."""
    for name, values in fields.items():
        if name.lower() == "traceparent":
            for value in values:
                parts = value.split("-")
                try:
                    flags = int(parts[3], 16) if len(parts) == 4 and len(parts[3]) == 2 else 0
                except ValueError:
                    continue
                if flags & 1:
                    return True
    return False


def _drawn(account: "Account") -> bool:
    return account.trace_sampling >= 100 or account.random() * 100 <= account.trace_sampling


def _text(raw: bytes) -> str:
    return raw.decode("utf-8", "replace")
