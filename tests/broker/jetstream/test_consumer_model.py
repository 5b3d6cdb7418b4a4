"""A pull consumer, asked as clients ask, against the naive model of its ledger: what comes, in which order, how often.

Time moves in whole seconds; restarts come at any time.
"""

from __future__ import annotations

import json
import random
from typing import Any

import hypothesis.strategies as st
from hypothesis import settings
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from broker.core.message import Message
from broker.jetstream.consumer_ledger import Terms
from tests.broker.jetstream.test_consumer_ledger import Model
from tests.broker.jetstream.test_consumers import Inbox, consumer, info
from tests.broker.jetstream.world import World

SUBJECTS = ("s.a", "s.b", "s.b.x", "s.c")
FILTERS: tuple[tuple[str, ...], ...] = ((), ("s.a",), ("s.*",), ("s.a", "s.b.>"), ("s.zzz",))
STARTS = ("all", "all", "new", "last", "last_per_subject", "by_start_sequence")
S = 1_000_000_000
WAIT_S = 10


class ConsumerMachine(RuleBasedStateMachine):
    @initialize(
        filters=st.sampled_from(FILTERS), policy=st.sampled_from(["explicit", "explicit", "none"]),
        max_deliver=st.sampled_from([-1, 1, 2, 3]), max_ack_pending=st.sampled_from([-1, -1, 2, 5]),
        start=st.sampled_from(STARTS), there=st.lists(st.sampled_from(SUBJECTS), max_size=8),
        in_memory=st.booleans(), seed=st.integers(0, 9),
    )  # fmt: skip
    def begin(
        self, filters: tuple[str, ...], policy: str, max_deliver: int, max_ack_pending: int, start: str,
        there: list[str], in_memory: bool, seed: int,
    ) -> None:  # fmt: skip
        self.world = World(random.Random(seed))
        self.in_memory = in_memory
        storage = "memory" if in_memory else "file"
        assert "error" not in self.world.create("S", subjects=["s.>"], storage=storage)
        limit = max(max_ack_pending, 0) if policy == "explicit" else 0
        terms = Terms(policy, WAIT_S * S, (), max(max_deliver, 0), limit)  # type: ignore[arg-type]
        self.model = Model(tuple(each.encode() for each in filters), terms)
        self.end = 1
        for subject in there:
            self.publish(subject)
        config: dict[str, Any] = {
            "ack_policy": policy,
            "deliver_policy": start,
            "ack_wait": WAIT_S * S,
        }
        if max_deliver > 0 and policy == "explicit":
            config["max_deliver"] = max_deliver
        if policy == "explicit":
            config["max_ack_pending"] = max_ack_pending
        if filters:
            config |= (
                {"filter_subjects": filters} if len(filters) > 1 else {"filter_subject": filters[0]}
            )
        elif start == "last_per_subject":
            config["filter_subject"] = ">"
        if start == "by_start_sequence":
            config["opt_start_seq"] = 3
        consumer(self.world, **config)
        self._start(start)
        #: The last delivery of each message, and the reply that its words go to.
        self.replies: dict[int, str] = {}
        self.inbox = Inbox(self.world, "inbox")

    def _start(self, start: str) -> None:
        model = self.model
        taken = [seq for seq in model.live if model.takes(seq)]
        if start == "new":
            model.looked_from = self.end
        elif start == "last":
            model.looked_from = max(taken, default=1)
        elif start == "by_start_sequence":
            model.looked_from = 3
        elif start == "last_per_subject":
            model.lasts = sorted({model.live[seq]: seq for seq in taken}.values())
            model.looked_from = self.end

    # What the stream does ----------------------------------------------------------------------

    @rule(subject=st.sampled_from(SUBJECTS))
    def publish(self, subject: str) -> None:
        assert self.world.publish(subject) == {"stream": "S", "seq": self.end}
        self.model.live[self.end] = subject.encode()
        self.end += 1

    @precondition(lambda self: self.model.live)
    @rule(which=st.integers(0, 30))
    def delete(self, which: int) -> None:
        seq = list(self.model.live)[which % len(self.model.live)]
        assert self.world.api("STREAM.MSG.DELETE.S", {"seq": seq})["success"]
        del self.model.live[seq]
        self.model.settle(seq)

    # What clients do ---------------------------------------------------------------------------

    @rule(batch=st.integers(1, 6))
    def fetch(self, batch: int) -> None:
        """What was refused as often as it may go out leaves when somebody asks for the next one."""
        model, limit = self.model, self.model.terms.max_ack_pending
        before_it = dict(model.pending), set(model.exhausted), list(model.again)
        self._exhaust()
        expected = self._expected(batch)
        if limit and len(model.pending) >= limit:  # else the rest would wait for room
            batch = len(expected)
        if not batch:
            model.pending, model.exhausted, model.again = before_it
            return
        before = len(self.inbox.messages)
        body = json.dumps({"batch": batch, "no_wait": True}).encode()
        self.world.account.publish(b"$JS.API.CONSUMER.MSG.NEXT.S.C", body, b"inbox")
        self.world.settle()
        came = [m for m in self.inbox.messages[before:] if m.reply.startswith(b"$JS.ACK.")]
        assert [_told(message) for message in came] == expected
        for message in came:
            self.replies[_told(message)[1]] = message.reply.decode()

    def _expected(self, batch: int) -> list[tuple[int, int, int, int]]:
        """Deliveries, sequence, sequence of the consumer and what is pending, of each message that comes."""
        model, found = self.model, []
        while len(found) < batch and (seq := model.peek(self.end)):
            model.consumer_seq += 1
            deliveries = model.pending[seq][1] + 1 if seq in model.pending else 1
            if model.again:
                model.again.pop(0)
            elif seq in model.lasts:
                model.lasts.remove(seq)
            else:
                model.looked_from = seq + 1
            model.delivered = max(model.delivered, seq)
            if model.terms.ack_policy != "none":
                model.pending[seq] = [self.world.now_ns, deliveries]
            found.append((deliveries, seq, model.consumer_seq, len(model.new(self.end))))
        return found

    @precondition(lambda self: self.replies)
    @rule(
        which=st.integers(0, 30),
        word=st.sampled_from(["+ACK", "", "+TERM", "-NAK", "+WPI", "later"]),
    )
    def say(self, which: int, word: str) -> None:
        """Also of what is settled already: that changes nothing."""
        model = self.model
        seq = list(self.replies)[which % len(self.replies)]
        said = f'-NAK {{"delay": {3 * S}}}' if word == "later" else word
        self.world.account.publish(self.replies[seq].encode(), said.encode())
        self.world.settle()
        if word in ("+ACK", "", "+TERM"):
            model.settle(seq)
        elif seq not in model.pending:
            return
        elif word == "+WPI":
            model.pending[seq][0] = self.world.now_ns
        elif word == "later":
            model.pending[seq][0] = self.world.now_ns + (3 - WAIT_S) * S
            model.again = [each for each in model.again if each != seq]
        elif seq not in model.again:
            model.again.append(seq)

    # What the world does -----------------------------------------------------------------------

    @rule(seconds=st.sampled_from([1, 3, 9, 10, 11]))
    def time_passes(self, seconds: int) -> None:
        self.world.advance(seconds)
        self._expire()

    @precondition(lambda self: not self.in_memory and not self.model.lasts)
    @rule()
    def begin_anew(self) -> None:
        """Deliveries and acknowledgements are known again; what was to go out again waits for its time anew."""
        self.world = self.world.restart()
        self.world.advance(0)
        self.inbox = Inbox(self.world, "inbox")
        self.model.again = []
        self._expire(at_once=True)

    def _expire(self, *, at_once: bool = False) -> None:
        """In the order in which their waits ended, unless all are found ``at_once``."""
        model = self.model
        ends = {seq: begun + WAIT_S * S for seq, (begun, _) in model.pending.items()}
        over = [seq for seq in ends if seq not in model.again and ends[seq] <= self.world.now_ns]
        model.again += sorted(over, key=lambda seq: (0 if at_once else ends[seq], seq))
        self._exhaust()

    def _exhaust(self) -> None:
        model, most = self.model, self.model.terms.max_deliver
        for seq in [seq for seq in model.again if 0 < most <= model.pending[seq][1]]:
            model.settle(seq)
            model.exhausted.add(seq)

    # What must hold ----------------------------------------------------------------------------

    @invariant()
    def it_says_what_the_model_says(self) -> None:
        model, said = self.model, info(self.world)
        assert said["num_pending"] == len(model.new(self.end))
        assert said["num_ack_pending"] == len(model.pending)
        assert said["delivered"]["consumer_seq"] == model.consumer_seq
        if model.consumer_seq:
            # A restart may go on behind what has been deleted since.
            assert model.delivered <= said["delivered"]["stream_seq"] < self.end
        floor = said["ack_floor"]
        assert all(seq > floor["stream_seq"] for seq in model.pending)
        if not model.pending and model.consumer_seq and not model.terms.max_deliver:
            assert floor["consumer_seq"] == model.consumer_seq


def _told(message: Message) -> tuple[int, int, int, int]:
    tokens = message.reply.decode().split(".")
    deliveries, seq, consumer_seq, _time, pending = map(int, tokens[4:9])
    return deliveries, seq, consumer_seq, pending


ConsumerMachine.TestCase.settings = settings(max_examples=120, stateful_step_count=30)
test_consumer = ConsumerMachine.TestCase
