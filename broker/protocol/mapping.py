"""Subject mappings of an account: what its clients publish goes to other subjects, by weight where there are several.

The first mapping that covers a subject decides; literal ones go before those with wildcards. Weights are per cent; what
is left to 100 keeps the subject, unless the source stands among the destinations itself: then the rest is lost
on purpose. Destinations for a cluster don't count in a server that stands alone.
Source   nats-server ``accounts.go`` (AddWeightedMappings, selectMappedSubject)
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from broker.protocol.subject import has_wildcards, is_subset, is_valid_subject
from broker.protocol.transform import BAD_SUBJECT, Random, Transform, TransformError, tokenize
from broker.protocol.transform import validate_mapping as _validate

#: Published subjects whose mapping is remembered, per account.
_CACHE_MAX: Final = 4096


@dataclass(frozen=True, slots=True)
class Destination:
    subject: bytes
    weight: int = 100
    cluster: str = ""


class SubjectMapping:
    """One source and its weighted destinations."""

    __slots__ = ("_choices", "_only", "destinations", "source")

    def __init__(self, source: bytes, destinations: Sequence[Destination]) -> None:
        """Raises TransformError."""
        if not is_valid_subject(source):
            raise TransformError(BAD_SUBJECT)
        self.source = source
        self.destinations = tuple(destinations)
        _check(source, destinations)
        own = [d for d in destinations if not d.cluster]
        weights = [(d.weight, Transform(source, d.subject)) for d in own]
        rest = 100 - sum(weight for weight, _ in weights)
        if rest and all(d.subject != source for d in destinations):
            weights.append((rest, Transform(source, tokenize(source))))
        weights.sort(key=lambda choice: choice[0])
        self._only = weights[0][1] if len(weights) == 1 and weights[0][0] == 100 else None
        bound, self._choices = 0, list[tuple[int, Transform]]()
        for weight, transform in weights:
            bound += weight
            self._choices.append((bound, transform))

    def apply(self, subject: bytes, random: Random) -> bytes:
        """For a subject that the source covers; empty when the message is to be lost."""
        if self._only is not None:
            return self._only.apply(subject, random)
        drawn = random() * 100
        for bound, transform in self._choices:
            if drawn < bound:
                return transform.apply(subject, random)
        return b""


class Mappings:
    """All mappings of an account. Immutable, so that an account changes them all at once."""

    __slots__ = ("_covering", "_known", "_literal", "_random")

    def __init__(
        self, entries: Mapping[bytes, Sequence[Destination]], random: Random = lambda: 0.0
    ) -> None:
        """Raises TransformError; see ``problem_of`` for which entry is to blame."""
        made = [SubjectMapping(source, found) for source, found in entries.items()]
        self._literal = {m.source: m for m in made if not has_wildcards(m.source)}
        self._covering = [m for m in made if has_wildcards(m.source)]
        self._known: dict[bytes, SubjectMapping | None] = {}
        self._random = random

    def __iter__(self) -> Iterator[SubjectMapping]:
        yield from self._literal.values()
        yield from self._covering

    def __call__(self, subject: bytes) -> bytes:
        """The subject that a publish to ``subject`` goes to."""
        try:
            found = self._known[subject]
        except KeyError:
            found = self._find(subject)
        return found.apply(subject, self._random) if found is not None else subject

    def _find(self, subject: bytes) -> SubjectMapping | None:
        found = self._literal.get(subject)
        if found is None:
            found = next((m for m in self._covering if is_subset(subject, m.source)), None)
        if len(self._known) >= _CACHE_MAX:
            self._known.clear()
        self._known[subject] = found
        return found


def problem_of(source: bytes, destinations: Sequence[Destination]) -> str:
    """Why these can't be a mapping, in nats-server's words; "" when they can."""
    try:
        SubjectMapping(source, destinations)
    except TransformError as error:
        return str(error)
    return ""


def _check(source: bytes, destinations: Iterable[Destination]) -> None:
    seen: set[bytes] = set()
    totals: dict[str, int] = {}
    for destination in destinations:
        if destination.subject in seen:
            raise TransformError(f'duplicate entry for "{destination.subject.decode()}"')
        seen.add(destination.subject)
        if not 0 <= destination.weight <= 100:
            raise TransformError("individual weights need to be <= 100")
        totals[destination.cluster] = totals.get(destination.cluster, 0) + destination.weight
        if totals[destination.cluster] > 100:
            raise TransformError("total weight needs to be <= 100")
        _validate(source, destination.subject)
        Transform(source, destination.subject)
