"""Power cuts at any write while consumers work: whatever was confirmed is never delivered again, nothing is skipped."""

import os
import random

import pytest

from broker.core.message import Message
from tests.broker.jetstream.world import World
from tests.support.sim_disk import SimCrash

SEEDS = int(os.environ.get("CONSUMER_SEEDS", "40"))
_CONSUMERS = ("C", "D")


class Run:
    """One life after another of a stream with two consumers."""

    def __init__(self, seed: int) -> None:
        self.rng = random.Random(seed)
        self.retention = self.rng.choice(["limits", "interest", "workqueue"])
        self.world = World(self.rng)
        self.names = _CONSUMERS[:1] if self.retention == "workqueue" else _CONSUMERS
        #: Acknowledged publishes; per consumer what was delivered, and which acknowledgements were confirmed.
        self.stored: set[int] = set()
        self.confirmed: dict[str, set[int]] = {name: set() for name in self.names}
        self.delivered: dict[str, set[int]] = {name: set() for name in self.names}
        self._publishes: list[bytes] = []
        self._acks: dict[bytes, tuple[str, int]] = {}
        self._waiting: list[tuple[str, int, bytes]] = []
        self.world.create("S", retention=self.retention)
        for name in self.names:
            config = {"durable_name": name, "ack_policy": "explicit", "ack_wait": 10**9}
            body = {"stream_name": "S", "config": config}
            assert "error" not in self.world.api(f"CONSUMER.CREATE.S.{name}", body)
        self._listen()

    def _listen(self) -> None:
        for name in self.names:
            self.world.account.subscribe(f"inbox.{name}".encode(), self._receive)

    def _receive(self, message: Message) -> None:
        tokens = message.reply.decode().split(".")
        if tokens[:2] != ["$JS", "ACK"]:
            return
        name, seq = tokens[3], int(tokens[5])
        assert seq not in self.confirmed[name], "what was settled for good came again"
        self.delivered[name].add(seq)
        self._waiting.append((name, seq, message.reply))

    def step(self) -> None:
        choice, world = self.rng.random(), self.world
        if choice < 0.25:
            self._publishes.append(world.send("S", b"x"))
        elif choice < 0.45:
            self._pull(self.rng.choice(self.names), self.rng.randrange(1, 9))
        elif choice < 0.65 and self._waiting:
            self._acknowledge()
        elif choice < 0.8:
            world.turn()
        elif choice < 0.97:
            world.work()
        else:
            world.advance(self.rng.random())
        self._collect()

    def _pull(self, name: str, batch: int) -> None:
        subject = f"$JS.API.CONSUMER.MSG.NEXT.S.{name}".encode()
        body = b'{"batch":%d,"no_wait":true}' % batch
        self.world.account.publish(subject, body, f"inbox.{name}".encode())

    def _acknowledge(self) -> None:
        name, seq, subject = self._waiting.pop(self.rng.randrange(len(self._waiting)))
        word = self.rng.choice([b"+ACK", b"+ACK", b"+TERM", b"-NAK"])
        reply = self.world.send(subject.decode(), word)
        if word != b"-NAK":
            self._acks[reply] = name, seq

    def _collect(self) -> None:
        answers = self.world.answers
        for reply in self._publishes:
            if reply in answers:
                self.stored.add(self.world.answer(reply)["seq"])
        for reply, (name, seq) in self._acks.items():
            if reply in answers:
                self.confirmed[name].add(seq)
        answers.clear()

    def crash(self) -> None:
        self._publishes.clear()
        self._acks.clear()
        self._waiting.clear()
        self.world = self.world.crash()
        self._listen()

    def finish(self) -> None:
        """Everything that is left is delivered and acknowledged."""
        self.world.settle()
        self._collect()
        for _ in range(5):
            for name in self.names:
                self._pull(name, 500)
            self.world.settle()
            while self._waiting:
                name, seq, subject = self._waiting.pop()
                self._acks[self.world.send(subject.decode(), b"+ACK")] = name, seq
            self.world.advance(1.1)
            self._collect()
        for name in self.names:
            missing = self.stored - self.confirmed[name] - self.delivered[name]
            assert not missing, f"{name} never got {sorted(missing)[:5]}"
            info = self.world.api(f"CONSUMER.INFO.S.{name}")
            assert info["num_pending"] == info["num_ack_pending"] == 0
        held = self.world.state("S")["messages"]
        assert held == 0 if self.retention != "limits" else held >= len(self.stored)


@pytest.mark.parametrize("seed", range(SEEDS))
def test_what_was_confirmed_stays_settled(seed: int) -> None:
    run = Run(seed)
    for _ in range(run.rng.randrange(2, 6)):
        run.world.disk.crash_after = run.rng.randrange(1, 120)
        try:
            for _ in range(300):
                run.step()
        except SimCrash:
            pass
        run.world.disk.crash_after = None
        run.crash()
    run.finish()
