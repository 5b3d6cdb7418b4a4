"""Whoever receives messages: a client's subscription, or an internal one with a callback.

``deliver`` is the only verb; the data path takes a shortcut past it for client subscriptions that are ``direct``
(see ``core.match``), with the same effect.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING, Literal

from broker import builds
from broker.core.message import Message

if TYPE_CHECKING:
    from broker.core.client import Client
    from broker.core.stream_import import Imported

#: Told the message; the answer says whether it counts as delivered (False: a queue group asks its next member).
Deliver = Callable[[Message], bool | None]

#: ``interest``: an ordinary receiver, ``service``: an import that answers for another account,
#: ``tap``: sees each message, but nobody is told that somebody listens.
Kind = Literal["interest", "service", "tap"]


class SubscriptionFields:
    """What the data path reads and counts. Compiled twin: ``broker/speedups/subscription.pxi``

    ``max`` 0 = no auto-unsubscribe, else the number of messages after which a client's subscription ends.
    """

    __slots__ = ("client", "closed", "imported", "max", "msgs", "queue", "sid", "subject", "tap")

    client: "Client | None"
    imported: "Imported | None"

    def __init__(self) -> None:
        self.subject = self.queue = self.sid = b""
        self.client = self.imported = None
        self.msgs = self.max = 0
        self.closed = False
        #: Seen by every message but no interest: never keeps a requester from hearing "no responders".
        self.tap = False


if builds.speedups is not None and not TYPE_CHECKING:
    SubscriptionFields = builds.speedups.SubscriptionFields


class Subscription(SubscriptionFields):
    """What a sublist holds. ``queue`` is empty for a plain subscription."""

    __slots__ = ()

    def __init__(self, subject: bytes, queue: bytes, sid: bytes) -> None:
        super().__init__()
        self.subject = subject
        self.queue = queue
        self.sid = sid

    def deliver(self, message: Message) -> bool:
        """Hand the message over; False when this subscription doesn't take it."""
        raise NotImplementedError

    @property
    def direct(self) -> bool:
        """True when delivering is nothing but appending bytes to a client."""
        return False


class InternalSubscription(Subscription):
    """The server's own receiver: tap, stream, request subject. ``callback`` may publish, subscribe and close."""

    __slots__ = ("callback", "kind", "stream")

    def __init__(
        self, subject: bytes, callback: Deliver, queue: bytes = b"", kind: Kind = "interest"
    ) -> None:
        super().__init__(subject, queue, b"")
        self.callback = callback
        self.kind = kind
        #: The JetStream stream that takes its messages here, as traces name it.
        self.stream = ""
        self.tap = kind == "tap"

    def deliver(self, message: Message) -> bool:
        if self.closed:
            return False
        self.msgs += 1
        return self.callback(message) is not False


class ClientSubscription(Subscription):
    """A SUB of a connection.

    With ``imported`` it is the shadow of one, in the sublist of an account that its own account imports from.
    """

    __slots__ = ()

    client: "Client"

    def __init__(self, client: "Client", subject: bytes, queue: bytes, sid: bytes) -> None:
        super().__init__(subject, queue, sid)
        self.client = client

    @property
    def direct(self) -> bool:
        if self.imported is not None and not self.imported.parent.direct:
            return False
        return self.max == 0 and self.client.takes_direct

    def head(self, subject: bytes) -> bytes:
        """Wire   ``MSG <subject> <sid> ``"""
        if self.imported is not None:
            subject = self.imported.show(subject)
        return b"MSG %b %b " % (subject, self.sid)

    def deliver(self, message: Message) -> bool:
        if self.imported is not None:
            return self.imported.deliver(self, message)
        client = self.client
        if self.closed or client.refuses(message, message.subject, self.queue):
            return False
        self.msgs += 1
        if self.max and self.msgs >= self.max:
            client.unsubscribe(self)
        client.send_message(self, message.subject, message)
        return True
