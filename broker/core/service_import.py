"""A service import: requests that leave an account for a service of another one, and the answers that come back.

    request of A on ``local`` → forward → B's own subscriptions on ``subject``, reply ``_R_.…`` of B
    answer of B on ``_R_.…``  → Responses of B → A's subscriptions on the reply that was asked with

A reply subject is B's own, made for one request. It ends with its answer (the last one of a stream), when the asker is
gone, or after the threshold of the export without an answer.
Source   nats-server ``client.go`` (processServiceImport), ``accounts.go`` (addServiceImport, addRespServiceImport …)
"""

from typing import TYPE_CHECKING, Final, Protocol

from broker.core import message_trace
from broker.core.message import Message
from broker.core.request_info import with_request_info
from broker.protocol import headers
from broker.protocol.subject import has_wildcards
from broker.protocol.transform import Transform, tokenize, untokenize

if TYPE_CHECKING:
    from broker.core.account import Account
    from broker.core.exports import Export
    from broker.core.message_trace import MessageTrace
    from broker.core.subscription import InternalSubscription

#: Replies to these go through unchanged: whoever acknowledges does it in the stream's account.
_ACK: Final = b"$JS.ACK."


class Passage(Protocol):
    """A way from one account into another that a message came along."""

    export: "Export | None"
    share: bool

    @property
    def is_response(self) -> bool: ...


class ServiceImport:
    """``subject`` is the exporter's, ``local`` the importing account's."""

    is_response: Final = False

    def __init__(
        self, importer: "Account", exporter: "Account", subject: bytes, local: bytes, *, share: bool = False
    ) -> None:  # fmt: skip
        """Raises TransformError."""
        self.importer = importer
        self.exporter = exporter
        self.export = exporter.exports.find("service", subject)
        self.share = share
        self.subject = subject
        self.local = local = local or subject
        self._same = has_wildcards(subject) and subject == local
        self._there: Transform | None = None
        if has_wildcards(subject) and not self._same:
            self.subject = untokenize(subject)
            back = Transform(self.subject, tokenize(local), strict=True)
            self._there, self.local = back.reversed(), untokenize(local)
        self._sub: InternalSubscription | None = None

    def open(self) -> None:
        self._sub = self.importer.subscribe(self.local, self.forward, kind="service")

    def close(self) -> None:
        if self._sub is not None:
            self.importer.unsubscribe(self._sub)
            self._sub = None

    def forward(self, message: Message) -> bool:
        """True when somebody of the exporting account took the request."""
        if any(passage.export is self.export for passage in message.via):
            return False  # round in circles
        exporter = self.exporter
        subject = self._subject_of(message.routed or message.subject)
        if exporter.mapping is not None:
            subject = exporter.mapping(subject)
        trace, header = self._traced(message, subject)
        if trace is None and message.trace is not None and message.trace.only:
            return False
        response = None
        reply = message.reply
        if reply and not reply.startswith(_ACK):
            response = exporter.responses.expect(self, self.importer, reply)
            reply = response.subject
        forwarded = Message(
            subject, reply, header, message.payload, message.publisher, via=(*message.via, self)
        )
        forwarded.trace = trace
        delivered = exporter.deliver(forwarded)
        if response is not None and (not delivered or (trace is not None and trace.only)):
            exporter.responses.drop(response)
        return delivered

    def _traced(self, message: Message, subject: bytes) -> "tuple[MessageTrace | None, bytes]":
        """The trace that goes on in the exporter, where its export allows that, and the header of the request there."""
        header, trace = self._header(message), message.trace
        if trace is None:
            return None, header
        trace.service_import(self.exporter.name, message.subject, subject)
        if self.export is not None and self.export.allow_trace:
            return trace, header
        plain = headers.without(header, message_trace.DESTINATION)
        return None, headers.with_field(plain, message_trace.DESTINATION, message_trace.DISABLED)

    def _subject_of(self, local: bytes) -> bytes:
        if self._there is not None:
            return self._there.apply(local, self.exporter.random)
        return local if self._same else self.subject

    def _header(self, message: Message) -> bytes:
        share = message.via[-1].share if message.via else self.share
        shown = self.exporter.server_name if self.share or self.exporter.is_system else ""
        return with_request_info(message, self.importer.name, share=share, server=shown)
