"""A stream import: what an account lets its clients see of another account's messages, perhaps under other subjects.

Each subscription that reaches into the import has a shadow in the exporting account's sublist. A shadow is an ordinary
subscription there (with lanes, queue groups, a match of its own); it only shows the importing account's subjects.
Source   nats-server ``client.go`` (addShadowSubscriptions, addShadowSub), ``accounts.go`` (addMappedStreamImport…)
"""

from typing import TYPE_CHECKING

from broker.core.message import Message
from broker.core.subscription import (
    ClientSubscription,
    InternalSubscription,
    Kind,
    Subscription,
)
from broker.protocol.subject import has_wildcards, is_subset
from broker.protocol.transform import Transform, tokenize, untokenize

if TYPE_CHECKING:
    from broker.core.account import Account


class StreamImport:
    """``source`` is the exporter's filter, ``local`` the importing account's."""

    def __init__(
        self, exporter: "Account", source: bytes, local: bytes, *, allow_trace: bool = False
    ) -> None:
        """Raises TransformError."""
        self.exporter = exporter
        self.source = source
        self.local = local = local or source
        self.allow_trace = allow_trace
        self.same = has_wildcards(source) and local == source
        self._shown: Transform | None = None
        self._back: Transform | None = None
        if has_wildcards(source) and not self.same:
            self._shown = Transform(source, tokenize(local), strict=True)
            self._back = self._shown.reversed()
            self.local = untokenize(local)
        self._shadows: dict[Subscription, Subscription] = {}

    def show(self, subject: bytes) -> bytes:
        """The importing account's name for a subject of the exporting one."""
        if self._shown is not None:
            return self._shown.apply(subject, _unused)
        return subject if self.same else self.local

    # Subscriptions of the importing account -----------------------------------------------------------

    def take(self, sub: Subscription) -> None:
        """``sub`` is new; does nothing where it doesn't reach into this import."""
        subject = self._source_of(sub.subject)
        if subject is None:
            return
        shadow = self._shadow(sub, subject)
        if self.exporter.sublist.insert(shadow):
            self._shadows[sub] = shadow

    def release(self, sub: Subscription) -> None:
        """``sub`` has ended. Idempotent."""
        shadow = self._shadows.pop(sub, None)
        if shadow is not None:
            shadow.closed = True
            self.exporter.sublist.remove(shadow)

    def refresh(self, sub: Subscription) -> None:
        """How ``sub`` may be delivered to has changed."""
        shadow = self._shadows.get(sub)
        if shadow is not None:
            self.exporter.sublist.invalidate(shadow.subject)

    def close(self) -> None:
        for sub in tuple(self._shadows):
            self.release(sub)

    def _source_of(self, subject: bytes) -> bytes | None:
        """What of the exporter's subjects a subscription to ``subject`` means; None when nothing."""
        if is_subset(self.local, subject):
            return self.source
        common = subject if is_subset(subject, self.local) else _overlap(subject, self.local)
        if common is None or self.same:
            return common
        return self._back.apply(common, _unused) if self._back is not None else self.source

    def _shadow(self, sub: Subscription, subject: bytes) -> Subscription:
        imported = Imported(self, sub)
        if isinstance(sub, ClientSubscription):
            shadow = ClientSubscription(sub.client, subject, sub.queue, sub.sid)
            shadow.imported = imported
            return shadow
        kind: Kind = "tap" if sub.tap else "interest"
        return InternalSubscription(subject, imported.hand_over, sub.queue, kind)


class Imported:
    """What makes a shadow of a subscription: the import, and the subscription itself."""

    __slots__ = ("parent", "source")

    def __init__(self, source: StreamImport, parent: Subscription) -> None:
        self.source = source
        self.parent = parent

    def show(self, subject: bytes) -> bytes:
        return self.source.show(subject)

    def deliver(self, shadow: ClientSubscription, message: Message) -> bool:
        """A request that came through a service import doesn't leave by a stream import."""
        client, parent = shadow.client, self.parent
        assert isinstance(parent, ClientSubscription)  # as the shadow is
        shown = message.subject if message.routed else self.show(message.subject)
        if message.via or shadow.closed or client.refuses(message, shown, parent.queue):
            return False
        shadow.msgs += 1
        if parent.max and shadow.msgs >= parent.max:
            client.unsubscribe(parent)
        client.send_message(parent if message.routed else shadow, message.subject, message)
        return True

    def hand_over(self, message: Message) -> bool:
        """The same for a subscription of the server's own."""
        if message.via:
            return False
        local = self.show(message.routed or message.subject)
        subject = message.subject if message.routed else local
        shown = Message(subject, message.reply, message.header, message.payload, message.publisher)
        shown.routed = local if message.routed else b""
        return self.parent.deliver(shown)


def _overlap(subject: bytes, local: bytes) -> bytes | None:
    """What two filters, neither of which holds the other, have in common, as nats-server finds it."""
    tokens, theirs = subject.split(b"."), local.split(b".")
    if not has_wildcards(subject):
        return None
    for i, token in enumerate(tokens[: len(theirs)]):
        if token == b"*" and theirs[i] != b">":
            tokens[i] = theirs[i]
    if tokens[-1] == b">" and len(theirs) >= len(tokens):
        tokens[-1:] = theirs[len(tokens) - 1 :]
    common = b".".join(tokens)
    return common if is_subset(common, local) else None


def _unused() -> float:
    """Imports know no ``random()``."""
    return 0.0
