"""Who receives one subject: the answer of ``Sublist.match``, prepared so that delivering asks nothing more.

A Match is valid until ``stale``; whoever keeps one checks that. Its subscriptions are sorted once into

    direct        clients that only need bytes appended; ``lanes`` holds, in the same order, what to append to
    queue_lanes   queue groups of nothing but such clients, of which one is picked
    others        plain subscriptions whose ``deliver`` must be called: internal ones, auto-unsubscribe, deny, echo off
    slow_queues   queue groups with a member of that kind
    taps          internal subscriptions that are no interest

A lane is the outbound buffer's ``append``, the preformatted ``MSG <subject> <sid> `` head, and the subscription.
``plain`` is direct and others together, ``queues`` all groups, for publishers that can't take the lanes.
"""

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Final, NamedTuple

from broker import builds
from broker.core.message import Message
from broker.core.subscription import ClientSubscription, Subscription
from broker.protocol.subject import has_space, is_valid_literal

if TYPE_CHECKING:
    from broker.core.account import Account

Lane = tuple[Callable[[bytes], None], bytes, ClientSubscription]

#: How many bytes may be appended to all receivers of a Match together before their limits are looked at again.
SETTLE_BYTES = 256 * 1024
#: Nobody but the server publishes here.
RESERVED_SUBJECTS: Final = (b"$NRG.", b"_GR_.")


class Lanes(NamedTuple):
    """What a publish is appended to: each of ``plain``, and one of each of ``queues``."""

    plain: tuple[Lane, ...]
    queues: tuple[tuple[Lane, ...], ...]


class Match:
    """Compiled twin: ``broker/speedups/match.pxi``"""

    __slots__ = (
        "_header_lanes", "direct", "extra", "headers", "interest", "lanes", "others", "plain", "publishable",
        "queues", "settle_after", "slow_queues", "stale", "subject", "taps",
    )  # fmt: skip

    def __init__(
        self,
        subject: bytes,
        plain: Iterable[Subscription],
        queues: Iterable[Iterable[Subscription]],
    ) -> None:
        self.subject = subject
        #: Clients may publish here, if their permissions allow it: a valid literal, and none of the server's own.
        self.publishable = is_valid_literal(subject) and not (
            has_space(subject) or subject.startswith(RESERVED_SUBJECTS)
        )
        self.queues = tuple(map(tuple, queues))
        subs = tuple(plain)
        self.taps = tuple(sub for sub in subs if sub.tap)
        self.plain = tuple(sub for sub in subs if not sub.tap) if self.taps else subs
        self.direct = _all_direct(self.plain)
        self.others = tuple(s for s in self.plain if not s.direct)
        fast = [members for group in self.queues if (members := _all_direct(group)) == group]
        self.slow_queues = tuple(group for group in self.queues if group not in fast)
        #: False: ``lanes`` are all there is, and no Message is ever needed.
        self.extra = bool(self.others or self.slow_queues or self.taps)
        self.interest = bool(self.plain or self.queues)
        #: True when every direct client takes headers, so that HPUB may use lanes.
        self.headers = all(s.client.headers for group in (self.direct, *fast) for s in group)
        self.stale = False
        self.settle_after = max(1, SETTLE_BYTES // max(1, len(self.direct)))
        self.lanes = Lanes(self._lanes(self.direct), tuple(map(self._lanes, fast)))
        self._header_lanes: Lanes | None = None

    @property
    def weight(self) -> int:
        """What keeping it costs, in receivers."""
        return 1 + len(self.plain) + sum(map(len, self.queues))

    @property
    def header_lanes(self) -> Lanes:
        """The lanes for publishes with headers; only where ``headers``."""
        found = self._header_lanes
        if found is None:
            plain, queues = self.lanes
            found = Lanes(_with_header(plain), tuple(map(_with_header, queues)))
            self._header_lanes = found
        return found

    def _lanes(self, subs: tuple[ClientSubscription, ...]) -> tuple[Lane, ...]:
        return tuple((s.client.outbound.append, s.head(self.subject), s) for s in subs)

    def deliver(self, message: Message, account: "Account") -> bool:
        """To all, whose match in ``account`` this is; True when somebody took it. Its subject may be another than the
        one that was matched. Taps see it in any case and don't count."""
        return self.deliver_to(message, account.random, self.plain, self.queues)

    def deliver_to(
        self,
        message: Message,
        random: Callable[[], float],
        plain: tuple[Subscription, ...],
        queues: tuple[tuple[Subscription, ...], ...],
    ) -> bool:
        for tap in self.taps:
            tap.deliver(message)
        delivered = False
        for sub in plain:
            if sub.deliver(message):
                delivered = True
        for members in queues:
            if deliver_to_queue(members, message, random):
                delivered = True
        return delivered


if builds.speedups is not None and not TYPE_CHECKING:
    Match = builds.speedups.Match


def deliver_to_queue(
    members: tuple[Subscription, ...], message: Message, random: Callable[[], float]
) -> bool:
    """One member gets it: the first that takes it, asked in order from a random one on."""
    count = len(members)
    start = int(random() * count)
    return any(members[i % count].deliver(message) for i in range(start, start + count))


def _all_direct(subs: Iterable[Subscription]) -> tuple[ClientSubscription, ...]:
    return tuple(s for s in subs if isinstance(s, ClientSubscription) and s.direct)


def _with_header(lanes: tuple[Lane, ...]) -> tuple[Lane, ...]:
    return tuple((append, b"H" + head, sub) for append, head, sub in lanes)
