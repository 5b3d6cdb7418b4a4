"""Mirrors, sources and batches through crashes at any write: each message is copied once, each batch is whole.

Each seed is one life of a server that goes on after each crash. ``FEATURE_SEEDS`` sets how many, ``FEATURE_SEED`` runs
a single one.
"""

import os
import random
import re

import pytest

from tests.broker.jetstream.world import World
from tests.support.sim_disk import SimCrash, SimDisk

SEEDS = (
    [int(os.environ["FEATURE_SEED"])]
    if "FEATURE_SEED" in os.environ
    else range(int(os.environ.get("FEATURE_SEEDS", "30")))
)
STREAMS = {
    "ORIGIN": {"subjects": ["o.>"]},
    "MIRROR": {"mirror": {"name": "ORIGIN"}},
    "EMPTIED": {"mirror": {"name": "ORIGIN"}},
    "FILTERED": {"mirror": {"name": "ORIGIN", "filter_subject": "o.y"}},
    "COPIES": {"sources": [{"name": "ORIGIN"}]},
    "MIXED": {"subjects": ["m"], "sources": [{"name": "ORIGIN"}]},
    "FEW": {"sources": [{"name": "ORIGIN"}], "max_msgs": 3},
    "PURGED": {"sources": [{"name": "ORIGIN"}]},
    "BATCHES": {"subjects": ["b.>"], "allow_atomic": True},
}


class Life:
    def __init__(self, seed: int) -> None:
        self.rng = random.Random(seed)
        self.world = World(self.rng, SimDisk(self.rng))
        for name, config in STREAMS.items():
            answer = self.world.create(name, **config)
            assert "error" not in answer, answer
        self.numbers = 0
        #: Reply → the batch that it would confirm.
        self.asked: dict[bytes, str] = {}
        self.stored: set[str] = set()
        self.crashes = 0

    def step(self) -> None:
        moves = [self.publish] * 5 + [self.work] * 12 + [self.batch, self.purge, self.wait]
        self.rng.choice(moves)()
        for reply in [reply for reply in self.asked if reply in self.world.answers]:
            answer = self.world.answer(reply)
            batch = self.asked.pop(reply)
            if "error" not in answer:
                self.stored.add(batch)

    def publish(self) -> None:
        self.numbers += 1
        self.world.send(self.rng.choice(("o.x", "o.y")), b"%d" % self.numbers)
        if self.rng.random() < 0.3:
            self.world.send("m", b"own")

    def batch(self) -> None:
        self.numbers += 1
        name, size = f"batch{self.numbers}", self.rng.randint(1, 6)
        for at in range(1, size + 1):
            fields = {"Nats-Batch-Id": name, "Nats-Batch-Sequence": str(at)}
            if at == size:
                fields["Nats-Batch-Commit"] = "1"
            body = f"{name} {size}".encode() + bytes(self.rng.choice((0, 600)))
            reply = self.world.send("b.x", body, fields)
        self.asked[reply] = name

    def purge(self) -> None:
        self.world.send(f"$JS.API.STREAM.PURGE.{self.rng.choice(('PURGED', 'EMPTIED'))}")

    def work(self) -> None:
        self.world.turn()
        if self.rng.random() < 0.7:
            self.world.work()

    def wait(self) -> None:
        self.world.advance(self.rng.choice((0.1, 1.0)))

    def crash(self) -> None:
        self.crashes += 1
        self.world = self.world.crash()
        self.asked.clear()

    # What must hold when all has settled ------------------------------------------------------------

    def judge(self) -> None:
        self.world.advance(60)
        origin = self.world.messages("ORIGIN")
        assert self.world.messages("MIRROR") == origin
        emptied, state = self.world.messages("EMPTIED"), self.world.state("EMPTIED")
        first_seq = max(state["first_seq"], 1)
        assert emptied == {seq: found for seq, found in origin.items() if seq >= first_seq}
        assert state["last_seq"] == max(origin, default=0), "a purge forgets no sequence"
        filtered = {seq: found for seq, found in origin.items() if found[0] == b"o.y"}
        assert self.world.messages("FILTERED") == filtered
        wanted = [payload for _, payload in origin.values()]
        mixed = [
            payload for subject, payload in self.world.messages("MIXED").values() if subject != b"m"
        ]
        assert mixed == wanted
        assert [payload for _, payload in self.world.messages("COPIES").values()] == wanted
        for name in ("FEW", "PURGED"):
            copies = [payload for _, payload in self.world.messages(name).values()]
            assert copies == wanted[len(wanted) - len(copies) :], name
            assert self.world.state(name)["last_seq"] == len(wanted), f"{name}: one each"
        assert len(self.world.messages("FEW")) == min(3, len(wanted))
        self._judge_batches()

    def _judge_batches(self) -> None:
        found: dict[str, list[int]] = {}
        for seq, (_subject, payload) in self.world.messages("BATCHES").items():
            match = re.match(rb"(batch\d+) (\d+)", payload)
            assert match is not None
            found.setdefault(f"{match[1].decode()} {match[2].decode()}", []).append(seq)
        for name, seqs in found.items():
            assert seqs == list(range(seqs[0], seqs[0] + int(name.split()[1]))), "a part of a batch"
        assert self.stored <= {name.split()[0] for name in found}, "a confirmed batch is lost"


@pytest.mark.parametrize("seed", SEEDS)
def test_nothing_is_copied_twice_or_lost_and_no_batch_is_torn(seed: int) -> None:
    life = Life(seed)
    for _ in range(life.rng.randint(1, 5)):
        life.world.disk.crash_after = life.rng.randint(1, 200)
        try:
            for _ in range(250):
                life.step()
        except SimCrash:
            life.crash()
        life.world.disk.crash_after = None
        life.judge()
