"""A stream, asked as clients ask, against a naive model: a list of messages that is searched from its start each time.

Time moves in whole seconds; restarts and power cuts come at any time, after what was answered.
"""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from typing import Any

import hypothesis.strategies as st
from hypothesis import settings
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from broker.protocol import headers
from tests.broker.jetstream.world import World

SUBJECTS = ("s.a", "s.b", "s.a.x", "s.c.d.e")
FILTERS = ("s.a", "s.*", "s.a.>", ">", "s.zzz")
S = 1_000_000_000
WINDOW_S = 30


@dataclass
class Stored:
    """A message as the model keeps it."""

    seq: int
    subject: str
    payload: bytes
    header: bytes
    time_ns: int

    def size(self, in_memory: bool) -> int:
        """What nats-server counts: ``fileStoreMsgSize`` and ``memStoreMsgSize``."""
        parts = len(self.subject) + len(self.payload) + len(self.header)
        return parts + (16 if in_memory else 34 if self.header else 30)


def takes(subject_filter: str, subject: str) -> bool:
    wanted, tokens = subject_filter.split("."), subject.split(".")
    for place, token in enumerate(wanted):
        if token == ">":
            return len(tokens) > place
        if place >= len(tokens) or token not in ("*", tokens[place]):
            return False
    return len(tokens) == len(wanted)


@dataclass
class Model:
    """What a stream is, in the fewest words."""

    config: dict[str, Any]
    messages: list[Stored] = field(default_factory=list)
    last_seq: int = 0
    #: All of it was purged since the start; then also an unused stream shows its first sequence.
    was_emptied: bool = False
    ids: dict[str, tuple[int, int]] = field(default_factory=dict)

    @property
    def in_memory(self) -> bool:
        return bool(self.config["storage"] == "memory")

    def seqs(self) -> list[int]:
        return [each.seq for each in self.messages]

    def size(self) -> int:
        return sum(each.size(self.in_memory) for each in self.messages)

    def of(self, subject_filter: str) -> list[Stored]:
        return [each for each in self.messages if takes(subject_filter, each.subject)]

    def last(self, subject: str) -> int:
        return max((each.seq for each in self.messages if each.subject == subject), default=0)

    def refusal(self, new: Stored, fields: dict[str, str]) -> int:
        """The error code of what may not be stored; 0 for the rest."""
        expected = fields.get("Nats-Expected-Last-Subject-Sequence")
        if expected is not None and int(expected) != self.last(new.subject):
            return 10071
        expected = fields.get("Nats-Expected-Last-Sequence")
        if expected is not None and int(expected) != self.last_seq:
            return 10071
        return 0

    def is_full(self, new: Stored, fields: dict[str, str]) -> bool:
        """Whether ``discard: new`` keeps it out."""
        config = self.config
        if config["discard"] == "old":
            return False
        most = config["max_msgs_per_subject"]
        same = [each for each in self.messages if each.subject == new.subject]
        full = 0 < most <= len(same)
        if full and config["discard_new_per_subject"] and "Nats-Rollup" not in fields:
            return True
        if 0 < config["max_msgs"] <= len(self.messages) and not full:
            return True
        size = new.size(self.in_memory)
        goes = same[0].size(self.in_memory) if full else 0
        return 0 < config["max_bytes"] < self.size() + size and goes < size

    def store(self, new: Stored, fields: dict[str, str]) -> None:
        self.messages.append(new)
        self.last_seq = new.seq
        if "Nats-Msg-Id" in fields:
            self.ids[fields["Nats-Msg-Id"]] = (new.seq, new.time_ns)
        self.enforce()
        rollup = fields.get("Nats-Rollup")
        if rollup is not None:
            self.messages = [
                each
                for each in self.messages
                if each.seq == new.seq or (rollup == "sub" and each.subject != new.subject)
            ]

    def enforce(self) -> None:
        most = self.config["max_msgs_per_subject"]
        for subject in SUBJECTS if most > 0 else ():
            same = [each for each in self.messages if each.subject == subject]
            for each in same[: max(0, len(same) - most)]:
                self.messages.remove(each)
        if self.config["discard"] == "new":
            return
        while 0 < self.config["max_msgs"] < len(self.messages):
            del self.messages[0]
        while self.messages and 0 < self.config["max_bytes"] < self.size():
            del self.messages[0]

    def age(self, now_ns: int) -> None:
        oldest_ns = now_ns - self.config["max_age"]
        if self.config["max_age"]:
            self.messages = [each for each in self.messages if each.time_ns > oldest_ns]

    def known(self, msg_id: str, now_ns: int) -> int:
        seq, time_ns = self.ids.get(msg_id, (0, 0))
        return seq if seq and now_ns - time_ns < WINDOW_S * S else 0


class StreamMachine(RuleBasedStateMachine):
    @initialize(
        storage=st.sampled_from(["file", "file", "memory"]), discard=st.sampled_from(["old", "new"]),
        max_msgs=st.sampled_from([-1, -1, 3, 6]), max_bytes=st.sampled_from([-1, -1, 99, 132, 400]),
        per_subject=st.sampled_from([-1, -1, 1, 2]), each=st.booleans(), max_age_s=st.sampled_from([0, 0, 40]),
        seed=st.integers(0, 9),
    )  # fmt: skip
    def begin(
        self, storage: str, discard: str, max_msgs: int, max_bytes: int, per_subject: int, each: bool,
        max_age_s: int, seed: int,
    ) -> None:  # fmt: skip
        config = {
            "storage": storage, "discard": discard, "max_msgs": max_msgs, "max_bytes": max_bytes,
            "max_msgs_per_subject": per_subject, "max_age": max_age_s * S, "duplicate_window": WINDOW_S * S,
            "discard_new_per_subject": each and discard == "new" and per_subject > 0,
            "allow_rollup_hdrs": True, "allow_direct": True,
        }  # fmt: skip
        self.world = World(random.Random(seed))
        made = self.world.create("S", subjects=["s.>"], **config)
        assert "error" not in made, made
        self.model = Model(config)

    # What clients do ---------------------------------------------------------------------------

    @rule(
        subject=st.sampled_from(SUBJECTS), payload=st.sampled_from([b"", b"", b"x", b"payload", b"y" * 33]),
        msg_id=st.sampled_from(["", "", "1", "1", "2"]), rollup=st.sampled_from(["", "", "", "", "sub", "all"]),
        expected=st.sampled_from([None, None, None, "stream", "subject", "wrong"]), own=st.booleans(),
    )  # fmt: skip
    def publish(
        self, subject: str, payload: bytes, msg_id: str, rollup: str, expected: str | None, own: bool
    ) -> None:  # fmt: skip
        model, world = self.model, self.world
        fields = {"Own": "field"} if own else {}
        if msg_id:
            fields["Nats-Msg-Id"] = msg_id
        if rollup:
            fields["Nats-Rollup"] = rollup
        if expected == "subject":
            fields["Nats-Expected-Last-Subject-Sequence"] = str(model.last(subject))
        elif expected is not None:
            fields["Nats-Expected-Last-Sequence"] = str(model.last_seq + (expected == "wrong"))
        header = headers.build({k.encode(): v.encode() for k, v in fields.items()})
        new = Stored(model.last_seq + 1, subject, payload, header if fields else b"", world.now_ns)
        reply = world.send(subject, payload, fields)
        world.settle()
        answer = world.answer(reply)
        refusal = model.refusal(new, fields)
        if refusal:
            assert answer["error"]["err_code"] == refusal
        elif msg_id and (seq := model.known(msg_id, world.now_ns)):
            assert (answer["seq"], answer["duplicate"]) == (seq, True)
        elif model.is_full(new, fields):
            assert answer["error"]["err_code"] == 10077
        else:
            assert answer == {"stream": "S", "seq": new.seq}
            model.store(new, fields)

    @rule(subjects=st.lists(st.sampled_from(SUBJECTS[:3]), min_size=2, max_size=6))
    def fill(self, subjects: list[str]) -> None:
        """Messages alike, so that limits are met exactly."""
        for subject in subjects:
            self.publish(subject, b"", "", "", None, own=False)

    @rule(which=st.integers(0, 30))
    def delete(self, which: int) -> None:
        messages = self.model.messages
        seq = messages[which % len(messages)].seq if messages and which < 20 else which
        answer = self.world.api("STREAM.MSG.DELETE.S", {"seq": seq} if seq else {"seq": 10**6})
        found = [each for each in messages if each.seq == seq]
        assert answer.get("success", False) == bool(found)
        for each in found:
            messages.remove(each)

    @rule(
        subject_filter=st.sampled_from(["", *FILTERS]), below=st.integers(0, 12), keep=st.integers(0, 3)
    )  # fmt: skip
    def purge(self, subject_filter: str, below: int, keep: int) -> None:
        model = self.model
        below = 0 if keep else below
        request = {"filter": subject_filter, "seq": below, "keep": keep}
        answer = self.world.api("STREAM.PURGE.S", {k: v for k, v in request.items() if v})
        matching = model.of(subject_filter or ">")
        gone = [each for each in matching if not below or each.seq < below]
        gone = gone[: max(0, len(gone) - keep)] if keep else gone
        assert answer["success"] and answer["purged"] == len(gone)
        model.messages = [each for each in model.messages if each not in gone]
        if subject_filter in ("", ">"):
            model.was_emptied = model.was_emptied or not (below or keep)
            model.last_seq = max(model.last_seq, below - 1)

    @rule(
        max_msgs=st.sampled_from([-1, 2, 5]), per_subject=st.sampled_from([-1, 1, 3]),
        max_bytes=st.sampled_from([-1, 66, 132]),
    )  # fmt: skip
    def update(self, max_msgs: int, per_subject: int, max_bytes: int) -> None:
        config = self.model.config
        if config["discard_new_per_subject"] and per_subject < 0:
            per_subject = 1
        config |= {
            "max_msgs": max_msgs,
            "max_msgs_per_subject": per_subject,
            "max_bytes": max_bytes,
        }
        body = {"name": "S", "subjects": ["s.>"], **config}
        answer = self.world.api("STREAM.UPDATE.S", body)
        assert "error" not in answer, answer
        self.model.enforce()

    # What the world does -----------------------------------------------------------------------

    @rule(seconds=st.sampled_from([1, 10, 29, 30, 30, 40]))
    def time_passes(self, seconds: int) -> None:
        self.world.advance(seconds)
        self.model.age(self.world.now_ns)

    @precondition(lambda self: not self.model.in_memory)
    @rule(power_cut=st.booleans())
    def begin_anew(self, power_cut: bool) -> None:
        """What was answered is there again, ids with the messages that had them; a second has passed."""
        self.world = self.world.crash() if power_cut else self.world.restart()
        self.world.advance(0)
        model = self.model
        model.ids = {i: (s, t) for i, (s, t) in model.ids.items() if s in model.seqs()}
        model.age(self.world.now_ns)
        model.was_emptied = False

    # What must hold ----------------------------------------------------------------------------

    @invariant()
    def it_is_as_the_model(self) -> None:
        model, world = self.model, self.world
        messages = model.messages
        state = world.api("STREAM.INFO.S", {"subjects_filter": ">", "deleted_details": True})[
            "state"
        ]
        seqs = model.seqs()
        after = model.last_seq + 1 if model.last_seq or model.was_emptied else 0
        first = seqs[0] if seqs else after
        gaps = sorted(set(range(first, (seqs or [0])[-1])) - set(seqs))
        subjects: dict[str, int] = {}
        for each in messages:
            subjects[each.subject] = subjects.get(each.subject, 0) + 1
        assert (state["messages"], state["bytes"]) == (len(messages), model.size())
        assert (state["first_seq"], state["last_seq"]) == (first, model.last_seq)
        assert (state.get("subjects") or {}) == subjects
        if seqs:
            assert [gap for gap in state.get("deleted") or [] if gap < seqs[-1]] == gaps
        assert world.messages("S") == {
            each.seq: (each.subject.encode(), each.payload) for each in messages
        }

    @rule(subject_filter=st.sampled_from(FILTERS), start=st.integers(0, 12))
    def get(self, subject_filter: str, start: int) -> None:
        matching = self.model.of(subject_filter)
        self._found({"last_by_subj": subject_filter}, matching[-1:])
        later = [each for each in matching if each.seq >= start]
        self._found({"next_by_subj": subject_filter, "seq": start}, later[:1])

    def _found(self, asked: dict[str, Any], expected: list[Stored]) -> None:
        answer = self.world.api("STREAM.MSG.GET.S", asked)
        if expected:
            found = answer["message"]
            assert (found["seq"], found["subject"]) == (expected[0].seq, expected[0].subject)
        else:
            assert answer["error"]["err_code"] == 10037


StreamMachine.TestCase.settings = settings(max_examples=150, stateful_step_count=30)
test_stream = StreamMachine.TestCase
