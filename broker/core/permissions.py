"""What a user may publish and subscribe to.

Allow lists: None allows everything, an empty one nothing; deny wins. Entries for subscribing may be
``"subject queue"``, with wildcards in the queue part. A wildcard subscription that reaches into a denied subject is
allowed, and the denied messages are held back one by one (``hides``).
Source   nats-server ``client.go`` (setPermissions, canSubscribe, pubAllowedFullCheck), ``auth.go``
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from broker.protocol.subject import has_wildcards, is_subset, matches, overlaps

#: Answers kept per Permissions; the whole cache goes when it is full.
_CACHE_MAX = 1024
#: Reply subjects a client may be answering at a time; the oldest go first.
REPLIES_MAX: Final = 4096


@dataclass(frozen=True, slots=True)
class ResponsePermission:
    """Leave to publish to the reply of a received message: ``max`` messages within ``ttl_s``; negative = any."""

    max: int = 1
    ttl_s: float = 120.0


class SubjectSet:
    """Filters that a subject or filter is held against."""

    __slots__ = ("_filters", "_literals")

    def __init__(self, filters: Iterable[bytes]) -> None:
        known = tuple(dict.fromkeys(filters))
        self._literals = frozenset(f for f in known if not has_wildcards(f))
        self._filters = tuple(f for f in known if has_wildcards(f))

    def covers(self, subject: bytes) -> bool:
        """True when one entry covers all of ``subject``, itself a subject or a filter."""
        if subject in self._literals:
            return True
        return any(is_subset(subject, f) for f in self._filters)

    def matches(self, subject: bytes) -> bool:
        """As ``covers`` for a published subject, where wildcard characters are plain text."""
        return subject in self._literals or any(matches(f, subject) for f in self._filters)

    def overlaps(self, filter_: bytes) -> bool:
        """True when some subject of ``filter_`` is one of an entry too."""
        return any(overlaps(own, filter_) for own in (*self._literals, *self._filters))


class _Rules:
    """One list of subscription entries: plain subjects, and subjects for certain queues."""

    __slots__ = ("plain", "queued")

    def __init__(self, entries: Iterable[bytes]) -> None:
        parts = [entry.split() for entry in entries]
        self.plain = SubjectSet(p[0] for p in parts if len(p) == 1)
        self.queued = tuple((p[0], p[1]) for p in parts if len(p) == 2)

    def verdict(self, subject: bytes, queue: bytes) -> bool:
        """For an allow list whether it allows, for a deny list whether it denies."""
        if queue:
            queues = [q for own, q in self.queued if is_subset(subject, own)]
            if queues:
                return any(q == queue or matches(q, queue) for q in queues)
        return self.plain.covers(subject)

    def reaches(self, filter_: bytes, queue: bytes) -> bool:
        """True when an entry is about subjects of ``filter_``; those for a queue only where there is one."""
        if self.plain.overlaps(filter_):
            return True
        return bool(queue) and any(overlaps(own, filter_) for own, _ in self.queued)

    def hides(self, subject: bytes, queue: bytes) -> bool:
        """For a deny list, whether it denies a message published to ``subject`` to members of ``queue``."""
        if self.plain.matches(subject):
            return True
        return bool(queue) and any(
            matches(own, subject) and (q == queue or matches(q, queue)) for own, q in self.queued
        )


class Permissions:
    """Immutable once made, so that clients with the same rights share one.

    Arguments are ``bytes`` filters as claims and configuration carry them. With ``responses`` and no publish allow
    list, nothing may be published but responses.
    """

    __slots__ = ("_cache", "_publish_allow", "_publish_deny", "_subscribe_allow", "_subscribe_deny",
                 "publish_allow", "publish_deny", "responses", "subscribe_allow", "subscribe_deny")  # fmt: skip

    def __init__(
        self,
        publish_allow: Iterable[bytes] | None = None,
        publish_deny: Iterable[bytes] = (),
        subscribe_allow: Iterable[bytes] | None = None,
        subscribe_deny: Iterable[bytes] = (),
        responses: ResponsePermission | None = None,
    ) -> None:
        self.responses = responses
        if responses is not None and publish_allow is None:
            publish_allow = ()
        self.publish_allow = None if publish_allow is None else tuple(publish_allow)
        self.publish_deny = tuple(publish_deny)
        self.subscribe_allow = None if subscribe_allow is None else tuple(subscribe_allow)
        self.subscribe_deny = tuple(subscribe_deny)
        self._publish_allow = None if self.publish_allow is None else SubjectSet(self.publish_allow)
        self._publish_deny = SubjectSet(self.publish_deny)
        self._subscribe_allow = (
            None if self.subscribe_allow is None else _Rules(self.subscribe_allow)
        )
        self._subscribe_deny = _Rules(self.subscribe_deny)
        self._cache: dict[bytes, bool] = {}

    def may_publish(self, subject: bytes) -> bool:
        """By the lists alone; leave to respond is the client's to know."""
        known = self._cache.get(subject)
        if known is not None:
            return known
        allow = self._publish_allow
        allowed = allow is None or (allow.matches(subject) and b"" not in subject.split(b"."))
        allowed = allowed and not self._publish_deny.matches(subject)
        if len(self._cache) >= _CACHE_MAX:
            self._cache.clear()
        self._cache[subject] = allowed
        return allowed

    def may_subscribe(self, subject: bytes, queue: bytes = b"") -> bool:
        allow = self._subscribe_allow
        if allow is not None and not allow.verdict(subject, queue):
            return False
        return not self._subscribe_deny.verdict(subject, queue)

    def reaches_denied(self, filter_: bytes, queue: bytes = b"") -> bool:
        """True when messages for this allowed subscription must be asked about one by one with ``hides``."""
        return (bool(queue) or has_wildcards(filter_)) and self._subscribe_deny.reaches(
            filter_, queue
        )

    def hides(self, subject: bytes, queue: bytes = b"") -> bool:
        """True when a message published to ``subject`` is held back from this user, as a member of ``queue``."""
        return self._subscribe_deny.hides(subject, queue)


class Replies:
    """The reply subjects one client may still answer to. Times are monotonic seconds."""

    __slots__ = ("_granted", "_rule")

    def __init__(self, rule: ResponsePermission) -> None:
        self._rule = rule
        self._granted: dict[bytes, tuple[float, int]] = {}

    def __len__(self) -> int:
        return len(self._granted)

    def grant(self, reply: bytes, now_s: float) -> None:
        """The client received a message with this reply subject."""
        self._granted.pop(reply, None)
        self._granted[reply] = (now_s, 0)
        while len(self._granted) > REPLIES_MAX:
            del self._granted[next(iter(self._granted))]

    def use(self, reply: bytes, now_s: float) -> bool:
        """The client publishes to ``reply``: True while that is within what was granted."""
        entry = self._granted.get(reply)
        if entry is None:
            return False
        granted_s, used = entry
        spent = 0 < self._rule.max <= used
        late = 0 < self._rule.ttl_s < now_s - granted_s
        if spent or late:
            del self._granted[reply]
            return False
        self._granted[reply] = (granted_s, used + 1)
        return True
