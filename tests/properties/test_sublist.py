"""The sublist against the plainest thing that could be right: look at every subscription."""

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from broker.core.match import Match
from broker.core.sublist import Sublist
from broker.core.subscription import InternalSubscription

_token = st.sampled_from([b"a", b"b", b"c", b"dd"])
_literals = st.lists(_token, min_size=1, max_size=4).map(b".".join)
_filters = st.tuples(
    st.lists(st.one_of(_token, st.just(b"*")), min_size=1, max_size=4), st.booleans()
).map(lambda parts: b".".join([*parts[0], b">"] if parts[1] else parts[0]))


def naive_match(pattern: bytes, subject: bytes) -> bool:
    wanted, tokens = pattern.split(b"."), subject.split(b".")
    for i, token in enumerate(wanted):
        if token == b">":
            return len(tokens) > i
        if i >= len(tokens) or token not in (b"*", tokens[i]):
            return False
    return len(wanted) == len(tokens)


class Sublists(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.sublist = Sublist(cache_max=4)
        self.model: list[InternalSubscription] = []

    @rule(
        subject=st.one_of(_literals, _filters, st.just(b">")),
        queue=st.sampled_from([b"", b"", b"q1", b"q2"]),
    )
    def insert(self, subject: bytes, queue: bytes) -> None:
        sub = InternalSubscription(subject, lambda message: None, queue)
        assert self.sublist.insert(sub)
        self.model.append(sub)

    @precondition(lambda self: self.model)
    @rule(data=st.data())
    def remove(self, data: st.DataObject) -> None:
        sub = data.draw(st.sampled_from(self.model))
        self.model.remove(sub)
        self.sublist.remove(sub)

    @rule(subject=_literals)
    def match(self, subject: bytes) -> None:
        self.judge(self.sublist.match(subject), subject)

    @rule(subject=_literals)
    def match_inbox(self, subject: bytes) -> None:
        self.judge(self.sublist.match_inbox(subject), subject)

    @rule(
        start=_literals, rest=st.lists(st.sampled_from([b"1", b"22", b"a"]), min_size=1, max_size=3)
    )
    def family(self, start: bytes, rest: list[bytes]) -> None:
        """What it answers for all is right for each that has no subscription of its own."""
        found = self.sublist.family(start + b".", len(rest))
        subject = b".".join([start, *rest])
        if found is not None and all(sub.subject != subject for sub in self.model):
            self.judge(found, subject)

    def judge(self, found: Match, subject: bytes) -> None:
        hit = [sub for sub in self.model if naive_match(sub.subject, subject)]
        assert {id(s) for s in found.plain} == {id(s) for s in hit if not s.queue}
        groups: dict[bytes, set[int]] = {}
        for sub in hit:
            if sub.queue:
                groups.setdefault(sub.queue, set()).add(id(sub))
        expected = sorted(map(sorted, groups.values()))
        assert sorted(sorted(id(s) for s in members) for members in found.queues) == expected

    @invariant()
    def counts(self) -> None:
        assert len(self.sublist) == len(self.model)


Sublists.TestCase.settings = settings(max_examples=60, stateful_step_count=30)
TestSublist = Sublists.TestCase
