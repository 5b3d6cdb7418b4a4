"""Coordination on a real Valkey that is killed and started again under a running server."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager

import pytest

from broker.contract import channels
from broker.contract.commands import Command, Reply
from broker.contract.frames import Record, TapFrame, decode_records
from broker.contract.reports import Event, Presence, Usage
from broker.contract.taps import TapSpec
from broker.coordination import runner
from broker.coordination.bus import BusError, Connected, Published
from broker.coordination.redis_bus import RedisBus
from broker.core.client import Client
from tests.broker.operator_mode import FakeWire, World
from tests.contract.valkey import Valkey

pytestmark = pytest.mark.timeout(60)


@pytest.fixture
def valkey() -> Iterator[Valkey]:
    with Valkey() as running:
        yield running


async def until(condition: Callable[[], Awaitable[bool]], deadline_s: float = 15) -> None:
    async with asyncio.timeout(deadline_s):
        while True:
            try:
                if await condition():
                    return
            except BusError:
                pass
            await asyncio.sleep(0.01)


class Web:
    """The other side of the contract."""

    def __init__(self, valkey: Valkey, world: World) -> None:
        self.bus = RedisBus(valkey.url)
        self.world = world
        self._commands = 0

    async def ask(self, verb: str, **args: object) -> Reply:
        self._commands += 1
        command = Command(f"c{self._commands}", verb, args)
        await until(lambda: self._heard(command))
        found = await self.bus._redis.blpop([channels.reply(command.id)], timeout=10)  # type: ignore[misc]
        return Reply.from_json(found[1])

    async def _heard(self, command: Command) -> bool:
        return await self.bus.publish(channels.COMMANDS, command.to_json()) > 0

    async def write_claims(self) -> None:
        self.world.claims.issued_at += 1
        await self.put_entry(self.world.token())

    async def put_entry(self, token: str) -> None:
        await self.bus.hash_update(
            channels.CLAIMS, {self.world.account.public: token.encode()}, ttl_s=600
        )

    async def want(self, spec: TapSpec) -> None:
        await self.bus.set(channels.tap(spec.id), spec.to_json(), ttl_s=channels.TAP_LEASE_S)
        await self.bus.set_add(channels.TAPS, spec.id)
        await self.bus.publish(channels.TAPS_CHANGED, spec.id.encode())

    async def events(self) -> list[Event]:
        entries = await self.bus._redis.xrange(channels.EVENTS)
        return [Event.from_json(fields[b"e"]) for _, fields in entries]


@asynccontextmanager
async def coordinated(valkey: Valkey) -> AsyncIterator[tuple[World, Web]]:
    world = World()
    web = Web(valkey, world)
    task = asyncio.create_task(
        runner.run(world.server, RedisBus(valkey.url), accounts=world.accounts, store=world.store)
    )
    try:
        yield world, web
        assert not task.done(), task
    finally:
        task.cancel()
        await asyncio.wait([task])
        await web.bus.close()


def say(client: Client, wire: FakeWire, data: bytes) -> bytes:
    """What the client is answered."""
    before = len(wire.sent)
    client.receive(data)
    client.server.flush()
    return wire.sent[before:]


async def read_frames(
    listening: AsyncIterator[object], enough: Callable[[list[Record], TapFrame], bool]
) -> tuple[list[Record], TapFrame]:
    records: list[Record] = []
    async with asyncio.timeout(15):
        async for heard in listening:
            if isinstance(heard, Published):
                frame = TapFrame.decode(heard.data)
                assert frame.counters.check()
                records += decode_records(frame.records)
                if enough(records, frame):
                    return records, frame
    raise AssertionError("the listener ended")


async def test_commands(valkey: Valkey) -> None:
    async with coordinated(valkey) as (world, web):
        assert (await web.ask("ping")).ok
        client, wire = world.bob()
        reply = await web.ask("connections", account=world.account.public, limit=10)
        assert reply.data["total"] == 1
        assert reply.data["connections"][0]["cid"] == client.cid
        assert (await web.ask("kick", account=world.account.public, cid=999)).data == {"closed": 0}
        assert (await web.ask("kick", account=world.account.public, cid=client.cid)).data == {
            "closed": 1
        }
        assert wire.ended and client.reason == "Kicked"
        for verb, args in (
            ("fly", {}),
            ("kick", {"account": 5}),
            ("connections", {"account": "A"}),
        ):
            refused = await web.ask(verb, **args)
            assert not refused.ok and refused.error
        await web.bus.publish(channels.COMMANDS, b"{")
        await web.bus.publish(channels.COMMANDS, b'{"id":1,"verb":[],"args":5,"v":1}')
        assert (await web.ask("ping")).server_id == world.server.server_id


async def test_a_revocation_closes_within_a_second(
    valkey: Valkey, caplog: pytest.LogCaptureFixture
) -> None:
    async with coordinated(valkey) as (world, web):
        await web.ask("ping")

        async def in_step() -> bool:
            return "claims are in step" in caplog.text

        await until(in_step)
        _, wire = world.bob()
        world.claims.body.revocations = {"*": int(world.clock.now)}
        await web.write_claims()
        async with asyncio.timeout(1):
            reply = await web.ask("apply_claims", accounts=[world.account.public])
        outcome = {"status": "applied", "closed": 1, "error": ""}
        assert reply.data == {"outcomes": {world.account.public: outcome}}
        assert wire.ended


async def test_a_tap_sees_each_message_once_and_is_no_interest(valkey: Valkey) -> None:
    async with coordinated(valkey) as (world, web):
        await web.ask("ping")
        client, wire = world.bob()
        other = World(world.clock, world.operator)
        world.store.put({other.account.public: other.token()})
        async with asyncio.timeout(15):
            listening = RedisBus(valkey.url).listen([channels.tap_frames("t")])
            assert await anext(listening) == Connected()
            await web.want(TapSpec("t", world.account.public))
            await until(lambda: _subscribed(world))
            say(client, wire, b'CONNECT {"echo":false,"verbose":false}\r\n')
            client2, wire2 = world.bob()
            answer = say(client2, wire2, b"SUB _INBOX.1 1\r\nPUB ask _INBOX.1 2\r\nhi\r\n")
            assert b"NATS/1.0 503" in answer
            say(client2, wire2, b"SUB svc 2\r\nPUB svc _INBOX.1 1\r\nx\r\nPUB _INBOX.1 2\r\nok\r\n")
            say(client2, wire2, b"HPUB h 12 14\r\nNATS/1.0\r\n\r\nhi\r\n")
            records, frame = await read_frames(listening, lambda got, _: len(got) >= 4)
        assert [r.subject for r in records] == [b"ask", b"svc", b"_INBOX.1", b"h"]
        assert (records[0].reply, records[3].header) == (b"_INBOX.1", b"NATS/1.0\r\n\r\n")
        assert frame.counters.seen == frame.counters.sent == 4


async def _subscribed(world: World) -> bool:
    account = world.server.accounts.get(world.account.public)
    return account is not None and bool(account.sublist.match(b"any").taps)


async def test_a_tap_ends_when_it_is_no_longer_wanted(valkey: Valkey) -> None:
    async with coordinated(valkey) as (world, web):
        await web.ask("ping")
        await web.want(TapSpec("t", world.account.public))
        await until(lambda: _subscribed(world))
        await web.bus.delete(channels.tap("t"))
        await web.bus.publish(channels.TAPS_CHANGED, b"t")
        await until(lambda: _unsubscribed(world))
        await until(lambda: _unlisted(web))


async def _unsubscribed(world: World) -> bool:
    return not await _subscribed(world)


async def _unlisted(web: Web) -> bool:
    return await web.bus.set_members(channels.TAPS) == frozenset()


async def test_events_and_reports(valkey: Valkey) -> None:
    async with coordinated(valkey) as (world, web):
        await web.ask("ping")
        client, wire = world.bob()
        say(client, wire, b"SUB a 1\r\nPUB a 2\r\nhi\r\n")
        world.come("not a token", world.signing)
        client.close("Kicked")
        await until(lambda: _has_events(web, 3))
        kinds = [(event.kind, event.account, event.reason) for event in await web.events()]
        assert kinds[0] == ("connect", world.account.public, "")
        assert kinds[1][0:2] == ("auth_refused", "")
        assert kinds[2] == ("disconnect", world.account.public, "Kicked")
        server_id = world.server.server_id
        assert server_id in await web.bus.set_members(channels.SERVERS)
        presence = Presence.from_json(await web.bus.get(channels.presence(server_id)) or b"")
        assert presence.mem > 0
        await until(lambda: _usage_tells(web, server_id))


async def _has_events(web: Web, count: int) -> bool:
    return len(await web.events()) >= count


async def _usage_tells(web: Web, server_id: str) -> bool:
    [raw] = await web.bus.hash_get(channels.usage(server_id), [web.world.account.public])
    if raw is None:
        return False
    usage = Usage.from_json(raw)
    return (usage.in_msgs, usage.out_msgs, usage.connections) == (1, 1, 0)


async def test_redis_killed_and_back_empty(valkey: Valkey) -> None:
    async with coordinated(valkey) as (world, web):
        await web.ask("ping")
        client, wire = world.bob()
        await web.want(TapSpec("t", world.account.public))
        await until(lambda: _subscribed(world))
        valkey.kill()
        assert b"MSG a 1 2" in say(client, wire, b"SUB a 1\r\nPUB a 2\r\nhi\r\n")
        newcomer, _ = world.bob()
        valkey.start()
        world.claims.body.limits.conn = 1
        await until(lambda: _written(web))
        assert (await web.ask("ping")).ok
        await web.ask("apply_claims", accounts=[world.account.public])
        assert newcomer.closed and not client.closed
        await until(lambda: _unsubscribed(world))


async def _written(web: Web) -> bool:
    await web.write_claims()
    return True


async def test_claims_written_while_the_broker_was_cut_off_are_found(valkey: Valkey) -> None:
    world = World()
    web = Web(valkey, world)
    world.claims.body.limits.conn = 3
    await web.write_claims()
    await web.bus.close()
    async with coordinated(valkey) as (fresh, other_web):
        fresh.claims.body.limits.conn = 4
        await other_web.write_claims()
        valkey.kill()
        valkey.start()
        fresh.claims.body.limits.conn = 5
        await until(lambda: _written(other_web))
        await until(lambda: _has_limit(fresh, 5))


async def _has_limit(world: World, conn: int) -> bool:
    held = world.accounts.find(world.account.public, world.clock.now)
    return held is not None and held.account.limits.conn == conn


def test_events_are_json_on_the_wire() -> None:
    event = Event("connect", 1.0, "N", "A", "U", 1, "::1", "app", "go", "1")
    assert json.loads(event.to_json())["kind"] == "connect"
