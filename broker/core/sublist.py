"""All subscriptions of one account, and which of them match a subject.

Subscriptions to literal subjects are found with one dictionary look-up; those with wildcards stand in a trie of
tokens. Answers are kept per published subject until a subscription that touches them comes or goes: a literal one takes
out its own subject's answer, a wildcard one all of them (each answer is thrown away at most once, so a storm of
subscriptions pays for the publishes between, not for itself).
Limit    ``cache_max`` answers, and WEIGHT_MAX receivers in them; the oldest go first
Source   nats-server ``sublist.go`` for the semantics
"""

from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from typing import TYPE_CHECKING

from broker import builds
from broker.core.match import Match
from broker.core.subscription import Subscription
from broker.protocol.subject import has_wildcards, is_valid_filter, overlaps

#: Receivers in all kept answers together; a head takes some hundred bytes.
WEIGHT_MAX = 262_144
#: This part of the answers goes when there are too many.
_SWEEP = 32
#: Up to here a wildcard subscription looks for the answers it touches instead of dropping all.
_SELECTIVE_MAX = 128


#: Stands for a last token that no subscription names.
_ANY_TOKEN = b"\0"
_WILDCARDS = (b"*", b">")


class Leaf:
    """Subscriptions with the same subject; dictionaries for their order and cheap removal."""

    __slots__ = ("plain", "queues")

    def __init__(self) -> None:
        self.plain: dict[Subscription, None] = {}
        self.queues: dict[bytes, dict[Subscription, None]] = {}

    def add(self, sub: Subscription) -> None:
        if sub.queue:
            self.queues.setdefault(sub.queue, {})[sub] = None
        else:
            self.plain[sub] = None

    def discard(self, sub: Subscription) -> None:
        members = self.queues.get(sub.queue) if sub.queue else self.plain
        if members is None:
            return
        members.pop(sub, None)
        if sub.queue and not members:
            del self.queues[sub.queue]

    def __bool__(self) -> bool:
        return bool(self.plain or self.queues)

    def __iter__(self) -> Iterator[Subscription]:
        yield from self.plain
        for members in self.queues.values():
            yield from members


class Node:
    """One token of wildcard subjects. ``leaf`` ends here, ``rest`` is what ``>`` after this token holds."""

    __slots__ = ("children", "leaf", "rest")

    def __init__(self) -> None:
        self.children: dict[bytes, Node] = {}
        self.leaf: Leaf | None = None
        self.rest: Leaf | None = None

    def __bool__(self) -> bool:
        return bool(self.children or self.leaf or self.rest)


def search(literals: dict[bytes, Subscription | Leaf], root: Node, subject: bytes) -> Match:
    """Who receives ``subject``: those with just this subject, and those below ``root`` whose wildcards match it."""
    plain: list[Subscription] = []
    queues: dict[bytes, list[Subscription]] = {}
    held = literals.get(subject)
    if held is not None:
        _collect(held, plain, queues)
    if root:
        tokens = subject.split(b".")
        if b"" not in tokens:
            _search_wildcards(root, tokens, plain, queues)
    return Match(subject, plain, queues.values())


def _search_wildcards(
    root: Node,
    tokens: list[bytes],
    plain: list[Subscription],
    queues: dict[bytes, list[Subscription]],
) -> None:
    """Level by level, as subjects may have thousands of tokens."""
    nodes = [root]
    for token in tokens:
        deeper = []
        for node in nodes:
            if node.rest is not None:
                _collect(node.rest, plain, queues)
            child = node.children.get(token)
            if child is not None and token != b"*":
                deeper.append(child)
            child = node.children.get(b"*")
            if child is not None:
                deeper.append(child)
        if not deeper:
            return
        nodes = deeper
    for node in nodes:
        if node.leaf is not None:
            _collect(node.leaf, plain, queues)


def _collect(
    held: Subscription | Leaf, plain: list[Subscription], queues: dict[bytes, list[Subscription]]
) -> None:
    if not isinstance(held, Leaf):
        plain.append(held)
        return
    plain.extend(held.plain)
    for name, members in held.queues.items():
        queues.setdefault(name, []).extend(members)


if builds.speedups is not None and not TYPE_CHECKING:
    Leaf, Node, search = builds.speedups.Leaf, builds.speedups.Node, builds.speedups.search


def _touched(subjects: Iterable[bytes], filter_: bytes) -> list[bytes]:
    """Those that overlap the filter; most begin differently, which is quickly seen."""
    start = filter_.partition(b"*")[0].partition(b">")[0]
    return [s for s in subjects if s.startswith(start) and overlaps(s, filter_)]


class Sublist:
    """``len`` is the number of subscriptions. ``generation`` grows with every change of them."""

    __slots__ = (
        "_cache_max", "_count", "_literals", "_root", "_tails", "_watched", "_weight", "cache", "cache_hits",
        "generation", "inserts", "matches", "removes",
    )  # fmt: skip

    def __init__(self, cache_max: int = 1024) -> None:
        self._literals: dict[bytes, Subscription | Leaf] = {}
        self._root = Node()
        #: Literal last tokens of filters with wildcards, and how many filters end in them.
        self._tails: dict[bytes, int] = {}
        #: Answers by their subject; the dictionary is the same for life.
        self.cache: dict[bytes, Match] = {}
        self._cache_max = cache_max
        self._weight = 0
        self._count = 0
        #: Literal subject → whom to tell when its subscriptions change.
        self._watched: dict[bytes, list[Callable[[], None]]] = {}
        self.generation = 0
        self.inserts = self.removes = self.matches = self.cache_hits = 0

    def __len__(self) -> int:
        return self._count

    @property
    def cache_len(self) -> int:
        return len(self.cache)

    def match(self, subject: bytes) -> Match:
        """Who receives a message published to ``subject``; wildcard characters in it are plain text."""
        self.matches += 1
        found = self.cache.get(subject)
        if found is not None:
            self.cache_hits += 1
            return found
        found = search(self._literals, self._root, subject)
        self._remember(found)
        return found

    def match_inbox(self, subject: bytes) -> Match:
        """As ``match``, for subjects that come once each: one answer for all that differ in their last token alone.

        Its ``lanes`` are another subject's.
        """
        if not self.is_of_family(subject):
            return self.match(subject)
        return self.match(subject[: subject.rfind(b".") + 1] + _ANY_TOKEN)

    def is_of_family(self, subject: bytes) -> bool:
        """True when no subscription tells it from subjects that differ in the last token alone."""
        tail = subject[subject.rfind(b".") + 1 :]
        return subject not in self._literals and tail not in self._tails

    def family(self, start: bytes, more: int) -> Match | None:
        """One answer for all subjects that begin with ``start`` (whole tokens, its dot included) and have ``more``
        tokens after that; None where some subscription tells them apart. Subscriptions to literals aren't looked at.
        It holds until ``generation`` changes; its ``lanes`` are another subject's.
        """
        nodes = [self._root]
        for token in start[:-1].split(b"."):
            names = (token, b"*") if token != b"*" else (b"*",)
            nodes = [
                child for node in nodes for name in names if (child := node.children.get(name))
            ]
        for _ in range(more):
            if any(node.children.keys() - {b"*"} for node in nodes):
                return None
            nodes = [node.children[b"*"] for node in nodes if node.children]
        return self.match(start + b".".join([_ANY_TOKEN] * more))

    def insert(self, sub: Subscription) -> bool:
        """False when the subject is no valid filter; then nothing changed."""
        if not is_valid_filter(sub.subject):
            return False
        wild = has_wildcards(sub.subject)
        if wild:
            self._wildcard_leaf(sub.subject).add(sub)
            self._count_tail(sub.subject, 1)
        else:
            self._insert_literal(sub)
        self._count += 1
        self.inserts += 1
        self._invalidate(sub.subject, wild)
        return True

    def remove(self, sub: Subscription) -> None:
        """The subscription must have been inserted."""
        wild = has_wildcards(sub.subject)
        if wild:
            self._remove_wildcard(sub)
            self._count_tail(sub.subject, -1)
        else:
            self._remove_literal(sub)
        self._count -= 1
        self.removes += 1
        self._invalidate(sub.subject, wild)

    def _count_tail(self, filter_: bytes, change: int) -> None:
        tail = filter_[filter_.rfind(b".") + 1 :]
        if tail in _WILDCARDS:
            return
        count = self._tails.get(tail, 0) + change
        if count:
            self._tails[tail] = count
        else:
            del self._tails[tail]

    def invalidate(self, subject: bytes) -> None:
        """Forget answers that a subscription to ``subject`` is or may be part of."""
        self._invalidate(subject, has_wildcards(subject))

    def _invalidate(self, subject: bytes, wild: bool) -> None:
        self.generation += 1
        if self._watched:
            self._tell(subject, wild)
        cache = self.cache
        if not cache:
            return
        if not wild:
            self._forget(subject)
        elif len(cache) <= _SELECTIVE_MAX:
            for cached in _touched(cache, subject):
                self._forget(cached)
        else:
            self.invalidate_all()

    def watch(self, subject: bytes, callback: Callable[[], None]) -> None:
        """``callback`` whenever a subscription that receives the literal ``subject`` may have come or gone. It is
        called in the middle of that and must only make a note."""
        self._watched.setdefault(subject, []).append(callback)

    def unwatch(self, subject: bytes, callback: Callable[[], None]) -> None:
        callbacks = self._watched[subject]
        callbacks.remove(callback)
        if not callbacks:
            del self._watched[subject]

    def _tell(self, subject: bytes, wild: bool) -> None:
        watched = self._watched
        for each in _touched(watched, subject) if wild else (subject,):
            for callback in watched.get(each, ()):
                callback()

    def invalidate_all(self) -> None:
        self.generation += 1
        for match in self.cache.values():
            match.stale = True
        self.cache.clear()
        self._weight = 0

    def cached(self) -> Iterable[Match]:
        """The answers that are kept now."""
        return self.cache.values()

    def all(self) -> Iterator[Subscription]:
        """Every subscription, literal ones first."""
        for held in self._literals.values():
            if isinstance(held, Leaf):
                yield from held
            else:
                yield held
        nodes = [self._root]
        while nodes:
            node = nodes.pop()
            nodes.extend(node.children.values())
            for leaf in (node.leaf, node.rest):
                yield from leaf or ()

    def overlapping(self, filter_: bytes) -> Iterator[Subscription]:
        """Subscriptions that some subject of ``filter_`` would reach; looks at each one, so not for the hot path."""
        return (sub for sub in self.all() if overlaps(sub.subject, filter_))

    # Keeping answers --------------------------------------------------------------------------------

    def _remember(self, match: Match) -> None:
        if len(self.cache) >= self._cache_max or self._weight + match.weight > WEIGHT_MAX:
            self._forget_oldest()
        if self._weight + match.weight > WEIGHT_MAX:
            self.invalidate_all()
        self._weight += match.weight
        self.cache[match.subject] = match

    def _forget_oldest(self) -> None:
        """Make room by parts: whoever publishes to ever new subjects shall not pay for thousands at a time."""
        oldest = islice(self.cache, max(1, len(self.cache) // _SWEEP))
        for subject in tuple(oldest):
            self._forget(subject)

    def _forget(self, subject: bytes) -> None:
        match = self.cache.pop(subject, None)
        if match is not None:
            match.stale = True
            self._weight -= match.weight

    # Changing ---------------------------------------------------------------------------------------

    def _insert_literal(self, sub: Subscription) -> None:
        held = self._literals.get(sub.subject)
        if held is None and not sub.queue:
            self._literals[sub.subject] = sub
            return
        if not isinstance(held, Leaf):
            leaf = Leaf()
            if held is not None:
                leaf.add(held)
            self._literals[sub.subject] = held = leaf
        held.add(sub)

    def _remove_literal(self, sub: Subscription) -> None:
        held = self._literals[sub.subject]
        if isinstance(held, Leaf):
            held.discard(sub)
            if held:
                return
        del self._literals[sub.subject]

    def _wildcard_leaf(self, subject: bytes) -> Leaf:
        node = self._root
        *tokens, last = subject.split(b".")
        for token in tokens if last == b">" else (*tokens, last):
            child = node.children.get(token)
            if child is None:
                child = node.children[token] = Node()
            node = child
        if last == b">":
            node.rest = leaf = node.rest or Leaf()
        else:
            node.leaf = leaf = node.leaf or Leaf()
        return leaf

    def _remove_wildcard(self, sub: Subscription) -> None:
        path: list[tuple[Node, bytes]] = []
        node = self._root
        *tokens, last = sub.subject.split(b".")
        for token in tokens if last == b">" else (*tokens, last):
            path.append((node, token))
            node = node.children[token]
        leaf = node.rest if last == b">" else node.leaf
        assert leaf is not None  # it was inserted
        leaf.discard(sub)
        if leaf:
            return
        if last == b">":
            node.rest = None
        else:
            node.leaf = None
        for parent, token in reversed(path):
            if parent.children[token]:
                return
            del parent.children[token]
