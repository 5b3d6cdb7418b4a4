"""Who receives one subject: the answer of ``Sublist.match``, prepared so that delivering asks nothing more.

A Match is valid until ``stale``; whoever keeps one checks that. Its subscriptions are sorted once into

    direct   clients that only need bytes appended: ``lanes`` holds for each the outbound buffer's ``append`` and the
             preformatted ``MSG <subject> <sid> `` head, in the same order
    others   plain subscriptions whose ``deliver`` must be called: internal ones, auto-unsubscribe, deny, echo off
    queues   one tuple of members for each queue group
    taps     internal subscriptions that are no interest

``plain`` is direct and others together, for publishers that can't take the lanes.
"""

from collections.abc import Callable, Iterable

from broker.core.message import Message
from broker.core.subscription import ClientSubscription, Subscription

Lane = tuple[Callable[[bytes], None], bytes]

#: How many bytes may be appended to all receivers of a Match together before their limits are looked at again.
SETTLE_BYTES = 256 * 1024


class Match:
    __slots__ = (
        "direct", "extra", "header_lanes", "headers", "interest", "lanes", "others", "plain", "queues",
        "settle_after", "stale", "subject", "taps",
    )  # fmt: skip

    def __init__(
        self,
        subject: bytes,
        plain: Iterable[Subscription],
        queues: Iterable[tuple[Subscription, ...]],
    ) -> None:
        self.subject = subject
        self.queues = tuple(queues)
        subs = tuple(plain)
        self.taps = tuple(sub for sub in subs if sub.tap)
        self.plain = tuple(sub for sub in subs if not sub.tap) if self.taps else subs
        self.direct = tuple(s for s in self.plain if isinstance(s, ClientSubscription) and s.direct)
        self.others = tuple(s for s in self.plain if not s.direct)
        #: False: ``lanes`` are all there is, and no Message is ever needed.
        self.extra = bool(self.others or self.queues or self.taps)
        self.interest = bool(self.plain or self.queues)
        #: True when every direct client takes headers, so that HPUB may use ``header_lanes``.
        self.headers = all(sub.client.headers for sub in self.direct)
        self.stale = False
        self.settle_after = max(1, SETTLE_BYTES // max(1, len(self.direct)))
        self.lanes: tuple[Lane, ...] = tuple(
            (sub.client.outbound.append, sub.head(subject)) for sub in self.direct
        )
        self.header_lanes: tuple[Lane, ...] | None = None

    @property
    def weight(self) -> int:
        """What keeping it costs, in receivers."""
        return 1 + len(self.plain) + sum(map(len, self.queues))

    def lanes_for(self, with_header: bool) -> tuple[Lane, ...]:
        if not with_header:
            return self.lanes
        if self.header_lanes is None:
            self.header_lanes = tuple((append, b"H" + head) for append, head in self.lanes)
        return self.header_lanes

    def deliver_extra(self, message: Message, random: Callable[[], float]) -> bool:
        """Everything but the lanes; True when somebody took it. Taps see it in any case and don't count."""
        for tap in self.taps:
            tap.deliver(message)
        delivered = False
        for sub in self.others:
            if sub.deliver(message):
                delivered = True
        for members in self.queues:
            if deliver_to_queue(members, message, random):
                delivered = True
        return delivered

    def deliver(self, message: Message, random: Callable[[], float]) -> bool:
        """The whole delivery without lanes, for publishers that are checked receiver by receiver."""
        delivered = False
        for sub in self.direct:
            if sub.deliver(message):
                delivered = True
        return self.deliver_extra(message, random) or delivered


def deliver_to_queue(
    members: tuple[Subscription, ...], message: Message, random: Callable[[], float]
) -> bool:
    """One member gets it: the first that takes it, asked in order from a random one on."""
    count = len(members)
    start = int(random() * count)
    return any(members[i % count].deliver(message) for i in range(start, start + count))
