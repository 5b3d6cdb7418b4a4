"""Requests under ``$JS.API.``: which handler, what the answer looks like, who may ask at all.

Handlers get a ``Request`` and answer it now or, when the disk is asked first, later; they refuse by raising
``ApiError``. What isn't in the table stays unanswered, as on nats-server. ``CONSUMER.MSG.NEXT`` and ``DIRECT.GET``
aren't in it: consumers and streams have subscriptions of their own for these, so an unknown one has no responders.
Wire     answer   ``{"type":"io.nats.jetstream.api.v1.<type>", "error":{…} | fields}``
Limit    ``request_queue_limit`` requests of a server that wait for the disk; one more is dropped, with an advisory
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any, Final

from broker.core.message import Message
from broker.core.subscription import InternalSubscription
from broker.jetstream import errors, json_form, times
from broker.jetstream.account import API
from broker.jetstream.errors import ApiError
from broker.jetstream.versions import REQUIRED_LEVEL_HEADER, demands_too_much
from broker.protocol import headers

if TYPE_CHECKING:
    from broker.jetstream.account import JetStreamAccount
    from broker.jetstream.stream import Stream

TYPE: Final = "io.nats.jetstream.api.v1."
#: Answered by the consumer's or the stream's own subscription.
#: Under the domain's prefix these stand for the subjects themselves.
_MAPPED: Final = (b"$KV.", b"$OBJ.")
_OWN: Final = (b"CONSUMER.MSG.NEXT.", b"DIRECT.GET.")

Handler = Callable[["Request"], None]


@dataclass(frozen=True, slots=True)
class Operation:
    """``tokens`` follow the name in the subject; -1 = one or more. ``error_fields`` stand beside an error."""

    name: str
    tokens: int
    type: str
    handler: Handler
    error_fields: Mapping[str, Any] | None = None


#: What a paged answer has beside an error.
PAGED: Final = {"total": 0, "offset": 0, "limit": 0}


class Request:
    """One request that expects an answer."""

    __slots__ = ("_answered", "account", "message", "operation", "tokens")

    def __init__(
        self,
        account: "JetStreamAccount",
        operation: Operation,
        message: Message,
        tokens: tuple[str, ...],
    ) -> None:
        self.account = account
        self.operation = operation
        self.message = message
        self.tokens = tokens
        self._answered = False

    @property
    def body(self) -> bytes:
        return self.message.payload

    @property
    def strict(self) -> bool:
        return self.account.engine.options.strict

    @property
    def asks(self) -> bool:
        """Whether the body is an object, which is optional for some operations."""
        return self.body.lstrip()[:1] in (b"{", b"[")

    def stream(self) -> "Stream":
        """The stream that the subject names. Raises ApiError."""
        return self.stream_of(self.tokens[0])

    def stream_of(self, name: str) -> "Stream":
        """One that is being restored is none yet. Raises ApiError."""
        stream = self.account.streams.get(name)
        if stream is None or stream.restoring:
            raise errors.STREAM_NOT_FOUND()
        return stream

    def respond(
        self, fields: Mapping[str, Any], header: bytes = b"", *, counts: bool = True
    ) -> None:
        """Without ``counts`` nobody is told that there was such a request."""
        self._answer(fields, header, counts)

    def fail(self, error: ApiError, *, counts: bool = True) -> None:
        """Without ``counts`` it is no error of the API's for those who count them."""
        self.account.api_errors += counts
        self.account.engine.api_errors += counts
        self._answer({"error": error.to_json(), **(self.operation.error_fields or {})})

    def _answer(self, fields: Mapping[str, Any], header: bytes = b"", counts: bool = True) -> None:
        assert not self._answered, "a request is answered once"
        self._answered = True
        account = self.account
        account.api_pending -= 1
        account.api_total += counts
        account.engine.api_pending -= 1
        account.engine.api_total += counts
        response = json_form.dumps({"type": TYPE + self.operation.type, **fields})
        account.publish(self.message.reply, response, header=header)
        if counts:
            advise_of_request(self, response)


def advise_of_request(request: Request, response: bytes) -> None:
    account, message = request.account, request.message
    if not account.has_interest(b"$JS.EVENT.ADVISORY.API"):
        return
    fields: dict[str, Any] = {
        "server": account.engine.server.info_fields()["server_name"],
        "client": client_info(account, message),
        "subject": message.subject.decode(errors="replace"),
        "request": message.payload.decode(errors="replace"),
        "response": response.decode(),
    }
    if not message.payload:
        del fields["request"]
    account.advise(b"ADVISORY.API", "io.nats.jetstream.advisory.v1.api_audit", fields)


def client_info(account: "JetStreamAccount", message: Message) -> dict[str, Any]:
    """Who asked, as advisories name it."""
    client = message.publisher
    if client is None:
        return {"acc": account.name}
    found: dict[str, Any] = {
        "start": times.time_text(int(client.start_s * 1e9)),
        "host": client.peer.ip,
        "id": client.cid,
        "acc": account.name,
        "user": client.grant.user if client.grant else "",
        "name": client.options.name,
        "lang": client.options.lang,
        "ver": client.options.version,
        "rtt": int(client.rtt_s * 1e9) if client.rtt_s is not None else 0,
        "server": account.engine.server.info_fields()["server_name"],
        "issuer_key": client.grant.issuer if client.grant else "",
        "name_tag": client.grant.name if client.grant else "",
        "tags": list(client.grant.tags) if client.grant else [],
        "kind": "Client",
        "client_type": "websocket" if client.peer.connection_type == "WEBSOCKET" else "nats",
    }
    return {key: value for key, value in found.items() if value}


class Api:
    """The subscriptions of one account under its API prefixes."""

    def __init__(self, account: "JetStreamAccount") -> None:
        self._account = account
        self._operations = operations()
        self._subs: list[InternalSubscription] = []
        self.configure()

    def configure(self) -> None:
        """Where JetStream is off, only INFO is answered: it says so."""
        account = self._account
        account.unsubscribe(self._subs)
        rest = b">" if account.enabled else b"INFO"
        self._subs = [
            account.core.subscribe(prefix + rest, self._receiver(len(prefix)))
            for prefix in account.prefixes
        ]

    def close(self) -> None:
        self._account.unsubscribe(self._subs)

    def _receiver(self, skip: int) -> Callable[[Message], bool | None]:
        def receive(message: Message) -> bool | None:
            subject = message.subject[skip:]
            if subject.startswith(_OWN):
                return False
            if subject.startswith(_MAPPED) and skip > len(API):
                return self._account.core.deliver(
                    Message(
                        subject, message.reply, message.header, message.payload, message.publisher
                    )
                )
            if message.reply:
                self._receive(message, subject)
            return True

        return receive

    def _receive(self, message: Message, subject: bytes) -> None:
        try:
            words = subject.decode().split(".")
        except UnicodeDecodeError:
            return
        found = self._find(words)
        if found is None:
            return
        operation, tokens = found
        account = self._account
        engine = account.engine
        if engine.api_pending >= engine.options.request_queue_limit:
            account.dropped_request()
            return
        account.api_pending += 1
        engine.api_pending += 1
        request = Request(account, operation, message, tokens)
        try:
            self._admit(request)
            operation.handler(request)
        except ApiError as error:
            request.fail(error)

    def _find(self, words: list[str]) -> tuple[Operation, tuple[str, ...]] | None:
        for length in (2, 3, 1):
            operation = self._operations.get(".".join(words[:length]))
            if operation is not None and len(words) >= length:
                tokens = tuple(words[length:])
                if operation.tokens == len(tokens) or (operation.tokens < 0 and tokens):
                    return operation, tokens
        return None

    def _admit(self, request: Request) -> None:
        header = request.message.header
        if header and demands_too_much(headers.get(header, REQUIRED_LEVEL_HEADER)):
            raise errors.REQUIRED_API_LEVEL()
        if not request.account.enabled:
            raise errors.NOT_ENABLED_FOR_ACCOUNT()


@cache
def operations() -> dict[str, Operation]:
    """Every operation by its name."""
    from broker.jetstream import (
        api_account,
        api_cluster,
        api_consumers,
        api_messages,
        api_streams,
        restore,
        snapshot,
    )

    tables = (
        api_account.OPERATIONS,
        api_streams.OPERATIONS,
        api_consumers.OPERATIONS,
        api_messages.OPERATIONS,
        snapshot.OPERATIONS,
        restore.OPERATIONS,
        api_cluster.OPERATIONS,
    )
    return {operation.name: operation for table in tables for operation in table}
