"""Streams through crashes at any write: what the API and publishes were answered holds after every recovery.

Each seed is one life of a server that goes on after each crash. ``STREAM_SEEDS`` sets how many, ``STREAM_SEED`` runs
a single one.
"""

import json
import os
import random
from dataclasses import dataclass, field
from typing import Any

import pytest

from tests.broker.jetstream.world import World
from tests.support.sim_disk import SimCrash, SimDisk

SEEDS = (
    [int(os.environ["STREAM_SEED"])]
    if "STREAM_SEED" in os.environ
    else range(int(os.environ.get("STREAM_SEEDS", "60")))
)
NAMES = ("A", "B", "C")


@dataclass
class Known:
    """What a stream must hold. The rest of it may or may not have happened."""

    exists: bool = False
    #: A creation or deletion was asked for and not answered: both are possible.
    unsure: bool = False
    description: str = ""
    descriptions: set[str] = field(default_factory=set)
    #: Sequence → payload, acknowledged and not touched by anything that was asked for later.
    safe: dict[int, bytes] = field(default_factory=dict)
    #: Payloads whose purge was answered.
    gone: set[bytes] = field(default_factory=set)


def _id_of(payload: bytes) -> str:
    return payload.partition(b":")[0].decode()


class Life:
    def __init__(self, seed: int) -> None:
        self.rng = random.Random(seed)
        self.world = World(self.rng, SimDisk(self.rng))
        self.known = {name: Known() for name in NAMES}
        #: Reply → what it would confirm.
        self.asked: dict[bytes, tuple[str, str, Any]] = {}
        self.counter = 0
        self.crashes = 0

    # What is done -----------------------------------------------------------------------------------

    def step(self) -> None:
        name = self.rng.choice(NAMES)
        moves = [self.publish] * 8 + [self.progress] * 8
        moves += [self.create, self.purge, self.update, self.wait] + [self.delete] * (
            self.rng.random() < 0.3
        )
        self.rng.choice(moves)(name)
        self.read_answers()

    def _ask(
        self, kind: str, name: str, subject: str, body: bytes, detail: Any = None,
        fields: dict[str, str] | None = None,
    ) -> None:  # fmt: skip
        self.asked[self.world.send(subject, body, fields)] = (kind, name, detail)

    def publish(self, name: str) -> None:
        self.counter += 1
        payload = b"%d:" % self.counter + self.rng.randbytes(self.rng.choice((0, 40, 900)))
        self._ask("publish", name, name, payload, payload, {"Nats-Msg-Id": _id_of(payload)})

    def create(self, name: str) -> None:
        known = self.known[name]
        if not known.exists and not known.unsure:
            known.unsure, known.safe, known.gone = True, {}, set()
            known.description = f"made {self.counter}"
            known.descriptions = {known.description}
            body = {"name": name, "description": known.description}
            self._ask("create", name, f"$JS.API.STREAM.CREATE.{name}", json.dumps(body).encode())

    def update(self, name: str) -> None:
        known = self.known[name]
        if known.exists and not known.unsure:
            self.counter += 1
            text = f"changed {self.counter}"
            known.descriptions.add(text)
            body = json.dumps({"name": name, "description": text}).encode()
            self._ask("update", name, f"$JS.API.STREAM.UPDATE.{name}", body, text)

    def delete(self, name: str) -> None:
        known = self.known[name]
        if known.exists and not known.unsure:
            known.unsure, known.safe = True, {}
            self._ask("delete", name, f"$JS.API.STREAM.DELETE.{name}", b"")

    def purge(self, name: str) -> None:
        known = self.known[name]
        if known.exists and not known.unsure:
            payloads = set(known.safe.values())
            known.safe = {}
            self._ask("purge", name, f"$JS.API.STREAM.PURGE.{name}", b"", payloads)

    def progress(self, _name: str) -> None:
        self.world.turn()
        if self.rng.random() < 0.7:
            self.world.work()

    def wait(self, _name: str) -> None:
        self.world.advance(0.2)

    # What was answered ------------------------------------------------------------------------------

    def read_answers(self) -> None:
        for reply in [reply for reply in self.asked if reply in self.world.answers]:
            kind, name, detail = self.asked.pop(reply)
            answer = self.world.answer(reply)
            if "error" not in answer:
                getattr(self, f"_did_{kind}")(self.known[name], answer, detail)

    def _did_publish(self, known: Known, answer: Any, payload: bytes) -> None:
        later = any(kind in ("purge", "delete") for kind, _, _ in self.asked.values())
        if known.exists and not known.unsure and not later:
            assert answer["seq"] not in known.safe, "a sequence was given twice"
            known.safe[answer["seq"]] = payload

    def _did_create(self, known: Known, _answer: Any, _detail: Any) -> None:
        known.exists, known.unsure = True, False

    def _did_update(self, known: Known, _answer: Any, text: str) -> None:
        known.description = text

    def _did_delete(self, known: Known, _answer: Any, _detail: Any) -> None:
        known.exists = known.unsure = False

    def _did_purge(self, known: Known, _answer: Any, payloads: set[bytes]) -> None:
        known.gone |= payloads

    # Crashes ----------------------------------------------------------------------------------------

    def crash(self) -> None:
        self.crashes += 1
        self.world = self.world.crash()
        self.asked.clear()
        streams = self.world.engine.accounts["A"].streams
        assert not self.world.engine.accounts["A"].unreadable
        for name, known in self.known.items():
            if not known.unsure:
                assert (name in streams) == known.exists, name
            known.exists, known.unsure = name in streams, False
            if known.exists:
                self._judge(name, known)

    def _judge(self, name: str, known: Known) -> None:
        stream = self.world.engine.accounts["A"].streams[name]
        assert stream.config.description in known.descriptions
        known.description = stream.config.description
        known.descriptions = {known.description}
        found = {seq: payload for seq, (_, payload) in self.world.messages(name).items()}
        for seq, payload in known.safe.items():
            assert found.get(seq) == payload, f"{name} {seq} is lost"
        assert not known.gone & set(found.values()), "a purge was taken back"
        if known.safe:
            seq, payload = self.rng.choice(sorted(known.safe.items()))
            answer = self.world.publish(name, payload, Msg_Id=_id_of(payload))
            assert answer == {"stream": name, "seq": seq, "duplicate": True}
        known.safe = found

    def live(self, steps: int) -> None:
        for _ in range(steps):
            if self.world.disk.crash_after is None and self.rng.random() < 0.05:
                self.world.disk.crash_after = self.rng.randint(0, 30)
            try:
                self.step()
            except SimCrash:
                self.crash()
        self.crash()


@pytest.mark.parametrize("seed", SEEDS)
def test_answers_hold_after_crashes(seed: int) -> None:
    life = Life(seed)
    life.live(400)
    assert life.crashes > 1
