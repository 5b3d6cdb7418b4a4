"""One message on its way to subscriptions that need more than its bytes in the outbound buffer."""

from typing import TYPE_CHECKING

from broker import builds
from broker.protocol import encoder

if TYPE_CHECKING:
    from broker.core.client import Client
    from broker.core.message_trace import MessageTrace
    from broker.core.service_import import Passage


class Message:
    """``header`` is the raw NATS/1.0 block or empty; ``payload`` never includes it. All fields are ``bytes`` slices
    that may be kept. ``publisher`` is None for what the server publishes itself; ``via`` are the services, of imports
    and their replies, that brought it from another account. Compiled twin: ``broker/speedups/message.pxi``"""

    __slots__ = (
        "_body",
        "_plain_body",
        "header",
        "payload",
        "publisher",
        "reply",
        "routed",
        "subject",
        "trace",
        "via",
    )

    def __init__(
        self,
        subject: bytes,
        reply: bytes,
        header: bytes,
        payload: bytes,
        publisher: "Client | None" = None,
        body: bytes | None = None,
        via: "tuple[Passage, ...]" = (),
    ) -> None:
        self.subject = subject
        self.reply = reply
        self.header = header
        self.payload = payload
        self.publisher = publisher
        self.via = via
        #: The subject that it is delivered by, where it shows another one, as messages of a stream do.
        self.routed = b""
        #: What becomes of it is told afterwards; None for nearly all.
        self.trace: MessageTrace | None = None
        self._body = body
        self._plain_body = None if header else body

    @property
    def size(self) -> int:
        """Header and payload, the unit of all byte counters."""
        return len(self.header) + len(self.payload)

    def body(self) -> bytes:
        """What follows the head for a client that takes headers; see ``encoder.body``."""
        if self._body is None:
            self._body = encoder.body(self.reply, self.header, self.payload)
        return self._body

    def plain_body(self) -> bytes:
        """What follows the head for a client without headers: the header is taken out."""
        if self._plain_body is None:
            self._plain_body = encoder.body(self.reply, b"", self.payload)
        return self._plain_body


if builds.speedups is not None and not TYPE_CHECKING:
    Message = builds.speedups.Message
