"""Fast batches on our broker and on nats-server: answered and stored alike; what only a disk can show, on ours."""

import errno
import json
from typing import Any

import pytest
from nats.aio.subscription import Subscription

from broker.core.exports import Export
from broker.core.imports import ImportTerms
from broker.jetstream.fast_batch import IDLE_S, OPEN_OF_SERVER_MAX, Step, step_of
from tests.broker.jetstream.conftest import Same
from tests.broker.jetstream.world import World
from tests.support.twins import Party

FIRST, FURTHER, LAST, END, PING = range(5)


class Publisher:
    """One batch of a party; everything that comes to its inbox goes to the transcript."""

    def __init__(self, party: Party, name: str, gap: str = "fail", flow: object = 10) -> None:
        self._party = party
        self._name = name
        self._shape = f"{name}.{flow}.{gap}"
        self._inbox = party.client.new_inbox()
        self._sub: Subscription | None = None

    async def send(
        self, number: object, operation: object, subject: str = "s.a", **headers: str
    ) -> None:
        client = self._party.client
        if self._sub is None:
            self._sub = await client.subscribe(f"{self._inbox}.>")
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        reply = f"{self._inbox}.{self._shape}.{number}.{operation}.$FI"
        data = b"" if "Nats_Incr" in headers else b"%b" % str(number).encode()
        await client.publish(subject, data, reply=reply, headers=named or None)

    async def tell(self) -> None:
        """Write down what came since, once both servers have done what they were sent."""
        client = self._party.client
        await client.request("sync", b"", timeout=5)
        await client.request("$JS.API.STREAM.INFO.S", b"", timeout=5)
        assert self._sub is not None
        came = []
        while self._sub.pending_msgs:
            message = await self._sub.next_msg()
            tail = message.subject.removeprefix(self._inbox)
            came.append((tail, json.loads(message.data)))
        self._party.transcript.append((self._name, came))

    async def step(
        self, number: object, operation: object, subject: str = "s.a", **headers: str
    ) -> None:
        await self.send(number, operation, subject, **headers)
        await self.tell()


async def stream(party: Party, **config: object) -> None:
    own = {"name": "S", "subjects": ["s.>", "sync"], "allow_batched": True}
    await party.api("STREAM.CREATE.S", own | config)


async def dump(party: Party) -> None:
    info = await party.api("STREAM.INFO.S", {"subjects_filter": ">", "deleted_details": True})
    for seq in range(1, info["state"]["last_seq"] + 1):
        await party.api("STREAM.MSG.GET.S", {"seq": seq})


@pytest.mark.parametrize("gap", ["ok", "fail"])
async def test_a_batch_is_acknowledged_every_so_many(same: Same, gap: str) -> None:
    async def steps(party: Party) -> None:
        await stream(party)
        one = Publisher(party, "one", gap, 3)
        await one.step(1, FIRST)
        for number in range(2, 9):
            await one.step(number, FURTHER, Own="h")
        await one.step(9, LAST)
        await one.step(10, FURTHER)
        two = Publisher(party, "two", gap)
        await two.step(1, FIRST)
        await two.step(2, END)
        await Publisher(party, "three", gap).step(1, LAST)
        many = Publisher(party, "many", gap, 10_000)
        await many.send(1, FIRST)
        for number in range(2, 1200):
            await many.send(number, FURTHER)
        await many.send(1200, LAST)
        await many.tell()
        await party.api("STREAM.INFO.S", {"subjects_filter": ">"})

    await same(steps)


async def test_what_follows_no_pattern_is_refused_alike(same: Same) -> None:
    async def steps(party: Party) -> None:
        await stream(party)
        await party.api("STREAM.CREATE.T", {"name": "T", "subjects": ["t"]})
        await Publisher(party, "off").step(1, FIRST, "t")
        for number, operation in (
            (0, 0), (1, 1), (1, 3), (2, 0), (2, 1), (1, 5), (1, "x"), ("x", 0), ("", 0), (1, ""), (-1, 1), (1, 4),
            (2**64 - 1, 1), (2**64, 1), ("01", "00"),
        ):  # fmt: skip
            await Publisher(party, "p").step(number, operation)
        for name, gap, flow in (
            ("a", "maybe", 10), ("b", "", 10), ("c", "OK", 10), ("d", "ok", 0), ("e", "ok", "x"), ("f", "ok", 70_000),
            ("x" * 64, "ok", 1), ("x" * 65, "ok", 1), ("", "ok", 1),
        ):  # fmt: skip
            await Publisher(party, name, gap, flow).step(1, FIRST)
        level = Publisher(party, "level")
        await level.step(1, FIRST, Nats_Required_Api_Level="99")
        await level.step(2, LAST)
        await level.step(1, FIRST, Nats_Required_Api_Level="4")
        await level.step(2, LAST, Nats_Required_Api_Level="4", Own="h")
        await dump(party)

    await same(steps)


@pytest.mark.parametrize("gap", ["ok", "fail"])
async def test_gaps_are_told_and_end_a_batch_that_wants_none(same: Same, gap: str) -> None:
    async def steps(party: Party) -> None:
        await stream(party)
        for name, numbers in (
            ("ahead", (2, 3, 7, 8, 9)),
            ("back", (2, 3, 2, 4)),
            ("twice", (2, 2, 3)),
        ):
            batch = Publisher(party, name, gap, 4)
            await batch.step(1, FIRST)
            for number in numbers:
                await batch.step(number, FURTHER)
            await batch.step(numbers[-1] + 1, LAST)
        for name, operation in (("last", LAST), ("end", END)):
            batch = Publisher(party, name, gap)
            await batch.step(1, FIRST)
            await batch.step(5, operation)
        pinged = Publisher(party, "pinged", gap, 2)
        await pinged.step(1, FIRST)
        await pinged.step(1, PING)
        await pinged.step(2, FURTHER)
        await pinged.step(2, PING)
        await pinged.step(1, PING)
        await pinged.step(6, PING)
        await pinged.step(7, FURTHER)
        await pinged.step(8, END)
        await party.api("STREAM.INFO.S", {"subjects_filter": ">"})

    await same(steps)


#: Further settings of the stream, and headers of a message that it takes before any batch.
CASES = [
    {"Nats_Expected_Last_Sequence": "99"}, {"Nats_Expected_Last_Subject_Sequence": "99"},
    {"Nats_Expected_Last_Subject_Sequence_Subject": "s.x"}, {"Nats_Expected_Stream": "T"},
    {"Nats_Msg_Id": "known"}, {"Nats_Rollup": "x"}, {"Nats_Rollup": "sub"}, {"Nats_TTL": "x"},
    {"Nats_TTL": "1h"}, {"Nats_Incr": "1"}, {"Nats_Stream_Source": "x"}, {"Nats_Schedule": "@at x"},
]  # fmt: skip


@pytest.mark.parametrize("gap", ["ok", "fail"])
async def test_messages_that_are_refused_are_told_in_place(same: Same, gap: str) -> None:
    async def steps(party: Party) -> None:
        await stream(party, allow_rollup_hdrs=True, allow_msg_ttl=True)
        await party.publish("s.known", b"0", Nats_Msg_Id="known")
        for at, headers in enumerate(CASES):
            party.transcript.append(headers)
            for place in ("first", "middle", "last", "alone"):
                batch = Publisher(party, f"{place}{at}", gap, 2)
                if place == "alone":
                    await batch.step(1, LAST, f"s.{at}", **headers)
                    continue
                await batch.step(1, FIRST, f"s.{at}", **(headers if place == "first" else {}))
                await batch.step(2, FURTHER, f"s.{at}", **(headers if place == "middle" else {}))
                await batch.step(3, LAST, f"s.{at}", **(headers if place == "last" else {}))
        await party.api("STREAM.INFO.S", {"subjects_filter": ">"})

    await same(steps)


async def test_ids_subjects_and_counters_are_as_of_plain_publishes(same: Same) -> None:
    async def steps(party: Party) -> None:
        await stream(party, subject_transform={"src": "s.old.*", "dest": "s.new.{{wildcard(1)}}"})
        ids = Publisher(party, "ids", "ok", 2)
        await ids.step(1, FIRST, Nats_Msg_Id="a")
        for number, name in enumerate("abcb", 2):
            await ids.step(number, FURTHER, "s.old.x", Nats_Msg_Id=name)
        await ids.step(6, END)
        await dump(party)
        await party.api("STREAM.DELETE.S")
        await stream(party, allow_msg_counter=True)
        counter = Publisher(party, "counter", "ok", 2)
        await counter.step(1, FIRST, Nats_Incr="1")
        await counter.step(2, FURTHER)
        await counter.step(3, LAST, Nats_Incr="5")
        await dump(party)

    await same(steps)


@pytest.mark.parametrize("gap", ["ok", "fail"])
async def test_a_stream_that_is_full_refuses_in_place(same: Same, gap: str) -> None:
    async def steps(party: Party) -> None:
        await stream(party, discard="new", max_msgs_per_subject=1, discard_new_per_subject=True)
        batch = Publisher(party, "b", gap, 2)
        await batch.step(1, FIRST, "s.1")
        await batch.step(2, FURTHER, "s.2")
        await batch.step(3, FURTHER, "s.1")
        await batch.step(4, LAST, "s.4")
        await party.api("STREAM.INFO.S", {"subjects_filter": ">"})

    await same(steps)


async def test_batches_of_one_stream_share_its_pace(same: Same) -> None:
    async def steps(party: Party) -> None:
        await stream(party)
        batches = [Publisher(party, f"b{at}", "ok", 400) for at in range(3)]
        for batch in batches:
            await batch.step(1, FIRST)
        for number in range(2, 420):
            for batch in batches:
                await batch.send(number, FURTHER)
        for batch in batches:
            await batch.tell()
        for batch in batches:
            await batch.step(420, END)

    await same(steps)


async def test_open_batches_of_a_stream_are_limited(same: Same) -> None:
    async def steps(party: Party) -> None:
        await stream(party)
        inbox = party.client.new_inbox()
        sub = await party.client.subscribe(f"{inbox}.*.10.ok.1.0.$FI")
        for at in range(1000):
            await party.client.publish("s.a", b"x", reply=f"{inbox}.{at}.10.ok.1.0.$FI")
        for _ in range(1000):
            await sub.next_msg(10)
        await Publisher(party, "further").step(1, FIRST)
        await party.api("STREAM.UPDATE.S", {"name": "S", "subjects": ["s.>", "sync"]})
        await Publisher(party, "off").step(1, FIRST)
        own = {"name": "S", "subjects": ["s.>", "sync"], "allow_batched": True}
        await party.api("STREAM.UPDATE.S", own)
        await Publisher(party, "on").step(1, FIRST)
        await Publisher(party, "7").step(2, FURTHER)

    await same(steps)


# What only a disk can show -----------------------------------------------------------------------------


class Inbox:
    """What came to ``batch.>`` of a world's account."""

    def __init__(self, world: World) -> None:
        self._world = world
        self.answers: list[dict[str, Any]] = []
        world.create("S", subjects=["s"], allow_batched=True)
        world.account.subscribe(
            b"batch.>", lambda message: self.answers.append(json.loads(message.payload))
        )

    def send(self, number: int, operation: int, name: str = "b") -> None:
        reply = f"batch.{name}.2.fail.{number}.{operation}.$FI"
        self._world.account.publish(b"s", b"%d" % number, reply.encode())

    def new(self) -> list[dict[str, Any]]:
        found, self.answers[:] = list(self.answers), []
        return found


def test_nothing_is_acknowledged_before_it_is_on_disk() -> None:
    world = World()
    inbox = Inbox(world)
    inbox.send(1, FIRST)
    inbox.send(2, FURTHER)
    assert inbox.new() == [{"type": "ack", "seq": 0, "msgs": 2}]
    inbox.send(2, PING)
    inbox.send(3, LAST)
    inbox.send(4, FURTHER)
    assert inbox.new() == [], "the publisher of a batch that ends is told of its end alone"
    world.settle()
    assert inbox.new() == [
        {"type": "ack", "seq": 2, "msgs": 2},
        {"type": "ack", "seq": 2, "msgs": 2},
        {"stream": "S", "seq": 3, "batch": "b", "count": 3},
    ]
    assert world.crash().messages("S") == {at: (b"s", b"%d" % at) for at in (1, 2, 3)}


def test_a_write_error_ends_a_batch_with_an_error() -> None:
    world = World()
    inbox = Inbox(world)
    inbox.send(1, FIRST)
    world.settle()
    inbox.new()
    world.disk.fail_with(errno.ENOSPC)
    inbox.send(2, FURTHER)
    inbox.send(3, LAST)
    world.settle()
    inbox.send(1, FIRST, "next")
    answers = inbox.new()
    assert answers.pop(2) == {"type": "ack", "seq": 0, "msgs": 2}
    assert [answer["error"]["err_code"] for answer in answers] == [10077, 10077, 10077]


def test_a_batch_of_which_nothing_is_heard_is_forgotten() -> None:
    world = World()
    inbox = Inbox(world)
    inbox.send(1, FIRST)
    world.advance(IDLE_S - 1)
    inbox.send(1, PING)
    world.advance(IDLE_S - 1)
    inbox.send(2, FURTHER)
    world.settle()
    assert inbox.new()[-1] == {"type": "ack", "seq": 2, "msgs": 2}
    world.advance(IDLE_S + 1)
    inbox.send(3, FURTHER)
    assert inbox.new()[0]["error"]["err_code"] == 10208
    assert world.engine.open_fast_batches == 0


def test_open_batches_of_a_server_are_limited() -> None:
    world = World()
    inbox = Inbox(world)
    world.engine.open_fast_batches = OPEN_OF_SERVER_MAX
    inbox.send(1, FIRST)
    assert inbox.new()[0]["error"]["err_code"] == 10211
    world.engine.open_fast_batches -= 1
    inbox.send(1, FIRST)
    assert inbox.new()[0]["type"] == "ack"
    world.api("STREAM.DELETE.S")
    assert world.engine.open_fast_batches == OPEN_OF_SERVER_MAX - 1


def test_a_batch_reaches_a_stream_of_another_account() -> None:
    world = World()
    inbox = Inbox(world)
    other = world.server.add_account("B")
    exchange = world.server.exchange
    exchange.set(world.account, [Export("service", b"s")], (), ["signer"])
    exchange.set(other, (), [ImportTerms("service", "A", b"s", b"to.s")], ["signer"])
    answers: list[bytes] = []
    other.subscribe(b"batch.>", lambda message: answers.append(message.payload))
    other.publish(b"to.s", b"1", b"batch.b.2.fail.1.2.$FI")
    world.settle()
    assert [json.loads(answer)["count"] for answer in answers] == [1]
    assert world.state("S")["messages"] == 1 and inbox.new() == []


def test_the_pattern() -> None:
    assert step_of(b"_INBOX.x.id.50.ok.3.1.$FI") == Step(b"id", 50, True, 3, FURTHER)
    assert step_of(b"id.50.ok.3.1.$FI") is None
