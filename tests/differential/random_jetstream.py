"""python -m tests.differential.random_jetstream [--seeds N] [--first SEED] [--steps N]

Random calls of the JetStream API, publishes, pulls and acknowledgements: the same to our broker and to nats-server, and
what is seen of both must be equal. Most calls are valid, some are nearly. A run follows from its seed alone.
"""

from __future__ import annotations

import argparse
import asyncio
import random
import sys
import tempfile
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import nats
from nats.errors import Error as NatsError

from tests.support.servers import NATS_SERVER, OURS, Server, kept_store, running
from tests.support.side_by_side import Side, differences

_SECOND = 1_000_000_000
STREAMS = ("S", "T")
CONSUMERS = ("C", "D", "E")
#: Of a stream or consumer that mostly isn't there.
NO_NAME = "NONE"
SUBJECTS = ("s.a", "s.b", "s.a.x", "t.a", "t.b", "u")
FILTERS = ("s.>", "s.*", "s.a", "t.>", "*.a", "t.b", ">", "x.y")
ODD: tuple[Any, ...] = (-1, 0, -2, 2**31, "1", None, True, [], {}, 1.5)

Step = Callable[[Side], Awaitable[None]]


class Player:
    """Draws one step after the other. What it draws depends on the seed alone, never on an answer."""

    def __init__(self, seed: int) -> None:
        self.rng = random.Random(seed)
        #: Filters of each consumer, the same for life: when those of a consumer are taken off, nats-server overlooks
        #: what is published after that.
        self._filters: dict[str, dict[str, Any]] = {}

    def start(self) -> list[Step]:
        """So that most of what follows has something to work on."""
        return [
            self._api("STREAM.CREATE.S", {"name": "S", "subjects": ["s.>"], **self._limits()}),
            self._api("STREAM.CREATE.T", {"name": "T", "subjects": ["t.>", "u"], **self._limits()}),
            self._consumer(),
            self._consumer(),
        ]

    def step(self) -> Step:
        kinds = (
            (self._publish, 30), (self._pull, 16), (self._ack, 16), (self._consumer, 8), (self._stream, 5),
            (self._look, 12), (self._get, 8), (self._direct, 8), (self._delete_message, 4), (self._purge, 3),
            (self._remove, 3), (self._steer, 4),
        )  # fmt: skip
        functions, weights = zip(*kinds, strict=True)
        chosen: Callable[[], Step] = self.rng.choices(functions, weights)[0]
        return chosen()

    # Parts ------------------------------------------------------------------------------------------

    def _api(self, operation: str, body: Any = b"") -> Step:
        async def step(side: Side) -> None:
            await side.api(operation, body)

        return step

    def _some(self, chance: float) -> bool:
        return self.rng.random() < chance

    def _name(self, names: tuple[str, ...]) -> str:
        return self.rng.choice(names) if self._some(0.97) else NO_NAME

    def _bent(self, body: dict[str, Any]) -> dict[str, Any]:
        """Now and then one of its values is another, or there is a field that nobody knows."""
        if body and self._some(0.08):
            body[self.rng.choice(list(body))] = self.rng.choice(ODD)
        elif self._some(0.02):
            body["unheard_of"] = 1
        return body

    def _limits(self) -> dict[str, Any]:
        rng, found = self.rng, {}
        choices: dict[str, tuple[Any, ...]] = {
            "max_msgs": (3, 5, 20), "max_msgs_per_subject": (1, 2, 5), "max_bytes": (300, 1000), "max_msg_size": (30,),
            "discard": ("old", "new"), "retention": ("limits", "limits", "interest", "workqueue"),
            "storage": ("file", "memory"), "allow_direct": (True,), "allow_rollup_hdrs": (True,),
            "deny_delete": (True,), "deny_purge": (True,), "duplicate_window": (_SECOND * 60,), "description": ("d",),
            "max_consumers": (1, 2), "compression": ("none", "s2"), "discard_new_per_subject": (True,),
            "allow_msg_ttl": (True,), "allow_msg_counter": (True,), "first_seq": (5,), "metadata": ({"k": "v"},),
            "consumer_limits": ({"max_ack_pending": 5}, {"inactive_threshold": 3600 * _SECOND}),
            "subject_transform": ({"src": "s.a", "dest": "s.b"}, {"src": "t.*", "dest": "t.x.{{wildcard(1)}}"}),
            "subject_delete_marker_ttl": (60 * _SECOND,), "allow_msg_schedules": (True,), "allow_atomic": (True,),
        }  # fmt: skip
        for name in rng.sample(list(choices), rng.choice((0, 0, 1, 1, 2, 3))):
            found[name] = rng.choice(choices[name])
        return found

    def _stream(self) -> Step:
        name = self._name(STREAMS)
        subjects = ["s.>"] if name == "S" else ["t.>", "u"]
        if self._some(0.1):
            subjects = [self.rng.choice(FILTERS)]
        body = self._bent({"name": name, "subjects": subjects, **self._limits()})
        return self._api(f"STREAM.{self.rng.choice(('CREATE', 'UPDATE', 'UPDATE'))}.{name}", body)

    def _consumer(self) -> Step:
        rng, stream, name = self.rng, self._name(STREAMS), self._name(CONSUMERS)
        choices: dict[str, tuple[Any, ...]] = {
            "deliver_policy": ("all", "last", "new", "last_per_subject"), "max_deliver": (1, 3),
            "max_ack_pending": (1, 2, 10), "max_waiting": (2, 512), "max_batch": (2, 5), "max_expires": (_SECOND,),
            "headers_only": (True,), "replay_policy": ("instant",), "description": ("c",), "metadata": ({"k": "v"},),
            "ack_wait": (60 * _SECOND,), "inactive_threshold": (3600 * _SECOND,), "mem_storage": (True,),
            "ack_policy": ("none", "all", "explicit"), "backoff": ([60 * _SECOND, 90 * _SECOND],),
            "opt_start_seq": (2,), "rate_limit_bps": (10_000,), "flow_control": (True,),
            "opt_start_time": ("2020-01-01T00:00:00Z", "2090-01-01T00:00:00Z"), "priority_groups": (["g"], ["g", "h"]),
            "priority_policy": ("overflow", "prioritized", "pinned_client"), "pause_until": ("2020-01-01T00:00:00Z",),
        }  # fmt: skip
        config: dict[str, Any] = {"durable_name": name, "ack_policy": "explicit"}
        for key in rng.sample(list(choices), rng.choice((0, 0, 1, 1, 2, 3))):
            config[key] = rng.choice(choices[key])
        filters: tuple[dict[str, Any], ...] = (
            {}, {"filter_subject": rng.choice(FILTERS)},
            {"filter_subjects": rng.choice((["s.a", "s.b"], ["s.>", "s.a"]))},
        )  # fmt: skip
        config |= self._filters.setdefault(f"{stream}.{name}", rng.choice(filters))
        body = {"stream_name": stream, "config": self._bent(config)}
        body["action"] = rng.choice(("", "", "", "create", "update"))
        return self._api(f"CONSUMER.CREATE.{stream}.{name}", body)

    def _publish(self) -> Step:
        rng, subject = self.rng, self.rng.choice(SUBJECTS)
        data = bytes(rng.randrange(97, 123) for _ in range(rng.choice((0, 3, 10, 40))))
        choices = {
            "Msg_Id": ("1", "2", "3"), "Expected_Stream": ("S", "T"), "Expected_Last_Sequence": ("0", "3", "x"),
            "Expected_Last_Subject_Sequence": ("0", "1"), "Rollup": ("sub", "all", "x"), "Expected_Last_Msg_Id": ("1",),
            "TTL": ("1h", "never", "x", "0"), "Incr": ("+1", "-3", "x"), "Required_Api_Level": ("1", "99", "x"),
            "Expected_Last_Subject_Sequence_Subject": ("s.a", "s.*"),
        }  # fmt: skip
        headers = {}
        if self._some(0.25):
            key = rng.choice(list(choices))
            headers[key] = rng.choice(choices[key])

        async def step(side: Side) -> None:
            await side.ask(subject, data, **headers)

        return step

    def _pull(self) -> Step:
        rng, stream, name = self.rng, self.rng.choice(STREAMS), self.rng.choice(CONSUMERS)
        body = self._bent({"batch": rng.choice((1, 2, 5)), "no_wait": True})

        async def step(side: Side) -> None:
            await side.pull(stream, body, count=0, name=name)

        return step

    def _ack(self) -> Step:
        rng = self.rng
        back, word = (
            rng.randrange(1, 6),
            rng.choice((b"", b"", b"+ACK", b"-NAK", b"+TERM", b"+WPI", b"+x")),
        )

        async def step(side: Side) -> None:
            if len(side.messages) >= back:
                await side.ack(-back, word)

        return step

    def _look(self) -> Step:
        rng, stream, name = self.rng, self._name(STREAMS), self._name(CONSUMERS)
        operation, body = rng.choice((
            ("INFO", b""), ("STREAM.NAMES", b""), ("STREAM.LIST", b""), (f"STREAM.INFO.{stream}", b""),
            (f"STREAM.INFO.{stream}", {"subjects_filter": rng.choice(FILTERS), "deleted_details": True}),
            (f"CONSUMER.NAMES.{stream}", b""), (f"CONSUMER.LIST.{stream}", b""),
            (f"CONSUMER.INFO.{stream}.{name}", b""), ("STREAM.NAMES", {"subject": rng.choice(FILTERS)}),
        ))  # fmt: skip
        return self._api(operation, self._bent(body) if isinstance(body, dict) else body)

    def _get(self) -> Step:
        rng, stream = self.rng, self._name(STREAMS)
        body = self._bent(rng.choice((
            {"seq": rng.randrange(12)}, {"last_by_subj": rng.choice(SUBJECTS)}, {},
            {"next_by_subj": rng.choice(FILTERS), "seq": rng.randrange(12)},
        )))  # fmt: skip
        return self._api(f"STREAM.MSG.GET.{stream}", body)

    def _direct(self) -> Step:
        rng, stream = self.rng, self._name(STREAMS)
        body = self._bent(rng.choice((
            {"seq": rng.randrange(12)}, {"last_by_subj": rng.choice(SUBJECTS)}, {},
            {"next_by_subj": rng.choice(FILTERS), "seq": rng.randrange(12)},
            {"next_by_subj": rng.choice(FILTERS), "batch": 3, "seq": rng.randrange(1, 12)},
            {"multi_last": [rng.choice(FILTERS)]}, {"multi_last": ["s.a", "s.b"], "batch": 1},
            {"batch": 5, "max_bytes": 60, "seq": 1},
        )))  # fmt: skip

        async def step(side: Side) -> None:
            await side.direct(stream, body)

        return step

    def _steer(self) -> Step:
        rng, stream, name = self.rng, self._name(STREAMS), self._name(CONSUMERS)
        operation, body = rng.choice((
            ("PAUSE", {"pause_until": rng.choice(("2020-01-01T00:00:00Z", "2090-01-01T00:00:00Z", "x"))}),
            ("PAUSE", {}), ("UNPIN", {"group": rng.choice(("g", "h", ""))}),
        ))  # fmt: skip
        return self._api(f"CONSUMER.{operation}.{stream}.{name}", self._bent(body))

    def _delete_message(self) -> Step:
        body = self._bent({"seq": self.rng.randrange(12), "no_erase": True})
        return self._api(f"STREAM.MSG.DELETE.{self._name(STREAMS)}", body)

    def _purge(self) -> Step:
        rng = self.rng
        body = self._bent(rng.choice((
            {}, {"filter": rng.choice(FILTERS)}, {"seq": rng.randrange(9)}, {"keep": rng.randrange(4)},
            {"filter": rng.choice(FILTERS), "keep": 1}, {"seq": 3, "keep": 3},
            {"filter": rng.choice(FILTERS), "seq": 5},
        )))  # fmt: skip
        return self._api(f"STREAM.PURGE.{self._name(STREAMS)}", body)

    def _remove(self) -> Step:
        stream, name = self._name(STREAMS), self._name(CONSUMERS)
        if self._some(0.7):
            return self._api(f"CONSUMER.DELETE.{stream}.{name}")
        return self._api(f"STREAM.DELETE.{stream}")


async def run(seed: int, steps: int, ours: Server, theirs: Server) -> list[str]:
    """What differed, at the first step where anything did; empty = nothing."""
    player = Player(seed)
    clients = [await nats.connect(server.url) for server in (ours, theirs)]
    sides = [Side(client) for client in clients]
    try:
        for number, step in enumerate([*player.start(), *(player.step() for _ in range(steps))]):
            seen = [len(side.seen) for side in sides]
            await asyncio.gather(*(step(side) for side in sides))
            new = [side.seen[before:] for side, before in zip(sides, seen, strict=True)]
            lines = _compared(*new)
            if lines:
                return [f"seed {seed}, step {number}: {line}" for line in lines]
        return []
    finally:
        for client in clients:
            for name in (*STREAMS, NO_NAME):
                await client.request(f"$JS.API.STREAM.DELETE.{name}", b"")
            await client.close()


def _compared(ours: list[Any], theirs: list[Any]) -> list[str]:
    for _, answer in (*ours, *theirs):
        error = answer.get("error") if isinstance(answer, dict) else None
        text, found, names = (error or {}).get("description", "").partition("violates consumers: ")
        if found:  # in any order
            error["description"] = text + found + ", ".join(sorted(names.split(", ")))
    for _, answer in theirs:
        state = answer.get("state") if isinstance(answer, dict) else None
        if isinstance(state, dict) and state.get("deleted") == [0]:
            # Of a stream that never had a message nats-server says that its message 0 was deleted; ours doesn't.
            del state["deleted"], state["num_deleted"]
    if len(ours) != len(theirs):
        return [f"nats-server {theirs!r}, ours {ours!r}"]
    return [
        line
        for (what, expected), (_, found) in zip(theirs, ours, strict=True)
        for line in differences(what, expected, found)
    ]


def config(directory: Path) -> str:
    return f'jetstream: {{store_dir: "{directory}", max_memory_store: 1GB, max_file_store: 1GB}}'


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(
        prog="random_jetstream", description="Ours beside nats-server."
    )
    parser.add_argument("--seeds", type=int, default=100)
    parser.add_argument("--first", type=int, default=1)
    parser.add_argument("--steps", type=int, default=80)
    options = parser.parse_args(arguments)
    failed = 0
    with (
        tempfile.TemporaryDirectory() as directory,
        running(OURS, config(Path(directory, "ours"))) as ours,
        running(NATS_SERVER, config(kept_store(Path(directory, "theirs")))) as theirs,
    ):
        for seed in range(options.first, options.first + options.seeds):
            try:
                lines = asyncio.run(run(seed, options.steps, ours, theirs))
            except (NatsError, OSError):
                lost = [server.name for server in (ours, theirs) if not server.is_running()]
                print(f"seed {seed}: lost {lost}")
                raise
            failed += bool(lines)
            print("\n".join(lines), end="\n" if lines else "", flush=True)
    print(f"{options.seeds} seeds of {options.steps} steps, {failed} differ")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
