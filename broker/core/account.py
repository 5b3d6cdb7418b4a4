"""An account: subscriptions and clients wholly apart from every other account's.

``Account.publish`` and ``subscribe`` are for the server's own parts (taps, streams, requests of the system account);
clients go through ``core.receive``.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from broker.core import message_trace
from broker.core.exchange import Exchange
from broker.core.exports import Exports
from broker.core.imports import Imports
from broker.core.message import Message
from broker.core.options import NO_LIMIT
from broker.core.responses import Responses
from broker.core.stats import Traffic
from broker.core.sublist import Sublist
from broker.core.subscription import (
    Deliver,
    InternalSubscription,
    Kind,
    Subscription,
)

if TYPE_CHECKING:
    from broker.core.client import Client
    from broker.protocol.mapping import Destination, Mappings

GLOBAL_ACCOUNT = "$G"
SYSTEM_ACCOUNT = "$SYS"


@dataclass(slots=True)
class AccountLimits:
    """As an account's claims state them; -1 = without limit. ``subs`` and ``payload`` hold per connection."""

    subs: int = NO_LIMIT
    payload: int = NO_LIMIT
    conn: int = NO_LIMIT
    leaf: int = NO_LIMIT


@dataclass(frozen=True, slots=True)
class JetStreamTerms:
    """What one tier of an account may use: bytes and counts, -1 = without limit; the two stream sizes 0 = none."""

    memory: int = NO_LIMIT
    store: int = NO_LIMIT
    streams: int = NO_LIMIT
    consumers: int = NO_LIMIT
    max_ack_pending: int = NO_LIMIT
    memory_max_stream_bytes: int = 0
    store_max_stream_bytes: int = 0
    max_bytes_required: bool = False
    #: Seconds that what was acknowledged may not be on disk yet; 0 = it's there first, None = as the server says.
    sync_interval_s: float | None = None


class Account:
    """``name`` is the account's id: the public key in operator mode, else the configured name."""

    def __init__(
        self, name: str, random: Callable[[], float], exchange: Exchange, cache_max: int = 1024,
        is_system: bool = False,
    ) -> None:  # fmt: skip
        self.name = name
        #: For people; "" when the claims have none.
        self.display_name = ""
        self.is_system = is_system
        self.limits = AccountLimits()
        #: JetStream's terms by tier (``R1``, ``R3``; ``""`` = one for all); None = JetStream is off here.
        self.jetstream: dict[str, JetStreamTerms] | None = None
        self.sublist = Sublist(cache_max)
        self.clients: dict[int, Client] = {}
        self.stats = Traffic()
        self.total_connections = 0
        self.random = random
        #: Rewrites the subject of a client's publish; None when the account has no mappings.
        self.mapping: Mappings | None = None
        #: Where publishes with a sampled ``traceparent`` are traced to, and how many of them, in per cent.
        self.trace_destination = b""
        self.trace_sampling = 100
        self.exports = Exports(name)
        self.imports = Imports(self, exchange)
        self.responses = Responses(self, exchange)
        #: As requests from other accounts say it.
        self.server_name = ""

    def __repr__(self) -> str:
        return f"Account({self.name!r}, clients={len(self.clients)}, subscriptions={len(self.sublist)})"

    @property
    def label(self) -> str:
        """For people, and what nats-server calls its name tag."""
        return self.display_name or self.name

    # Clients ----------------------------------------------------------------------------------------

    @property
    def connections(self) -> int:
        return len(self.clients)

    @property
    def full(self) -> bool:
        """True when one more connection would be over ``conn``."""
        return self.limits.conn != NO_LIMIT and len(self.clients) >= self.limits.conn

    def over_limit(self) -> list["Client"]:
        """The clients that must go for ``conn`` to hold, newest first."""
        if self.limits.conn == NO_LIMIT:
            return []
        newest_first = sorted(self.clients.values(), key=lambda client: client.cid, reverse=True)
        return newest_first[: max(0, len(newest_first) - self.limits.conn)]

    def set_mappings(self, entries: Mapping[bytes, Sequence["Destination"]]) -> None:
        """What its clients publish from now on goes where these say. Raises TransformError."""
        before = self.mapping
        if entries:
            from broker.protocol.mapping import Mappings

            self.mapping = Mappings(entries, self.random)
        else:
            self.mapping = None
        if (before is None) != (self.mapping is None):
            for client in self.clients.values():
                client.refresh_shortcuts()

    def set_trace(self, destination: bytes, sampling: int = 100) -> None:
        """See ``trace_destination``; empty = nowhere."""
        had, self.trace_destination = self.trace_destination, destination
        self.trace_sampling = sampling or 100
        if bool(had) != bool(destination):
            for client in self.clients.values():
                client.refresh_shortcuts()

    # Messages ---------------------------------------------------------------------------------------

    def subscribe(
        self, subject: bytes, callback: Deliver, queue: bytes = b"", kind: Kind = "interest"
    ) -> InternalSubscription:
        """Raises ValueError for a subject that can't be subscribed to."""
        sub = InternalSubscription(subject, callback, queue, kind)
        if not self.insert(sub):
            raise ValueError(f"subject {subject.decode(errors='replace')!r}: not a valid filter")
        return sub

    def insert(self, sub: Subscription) -> bool:
        """False when the subject is no valid filter; then nothing changed."""
        if not self.sublist.insert(sub):
            return False
        if self.imports.streams:
            self.imports.take(sub)
        return True

    def unsubscribe(self, sub: Subscription) -> None:
        """Idempotent; messages already on their way to it are dropped."""
        if not sub.closed:
            sub.closed = True
            self.sublist.remove(sub)
            if self.imports.streams:
                self.imports.release(sub)
            self.responses.unsubscribed(sub.subject)

    def refresh(self, sub: Subscription) -> None:
        """How ``sub`` may be delivered to has changed."""
        self.sublist.invalidate(sub.subject)
        if self.imports.streams:
            self.imports.refresh(sub)

    def publish(
        self, subject: bytes, payload: bytes, reply: bytes = b"", header: bytes = b"",
        publisher: "Client | None" = None,
    ) -> bool:  # fmt: skip
        """True when somebody took it. Unlike a client's publish nothing is checked, counted in or answered."""
        message = Message(subject, reply, header, payload, publisher)
        return self.sublist.match_inbox(subject).deliver(message, self)

    def deliver(self, message: Message) -> bool:
        match = self.sublist.match(message.subject)
        if message.trace is not None:
            return message_trace.deliver(match, message, self.random)
        return match.deliver(message, self)

    def has_interest(self, subject: bytes) -> bool:
        return self.sublist.match(subject).interest

    def client_list(self) -> Iterator["Client"]:
        """In the order of their registration; the caller may close them on the way."""
        return iter(tuple(self.clients.values()))
