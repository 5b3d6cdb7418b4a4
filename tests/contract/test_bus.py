"""One suite for both buses: what holds for the memory bus must hold on a real Valkey."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import aclosing

import pytest

from broker.coordination.bus import Bus, BusError, Connected, Heard, Lost, Published
from broker.coordination.memory_bus import MemoryBus, MemoryStore
from broker.coordination.redis_bus import RedisBus
from tests.contract.valkey import Valkey


class MemoryServer:
    """A memory store behind the same handles as ``Valkey``."""

    def __init__(self) -> None:
        self.store = MemoryStore()

    def start(self) -> None:
        self.store.restore()

    def kill(self) -> None:
        self.store.lose(data=True)

    def bus(self) -> Bus:
        return MemoryBus(self.store)


class ValkeyServer(Valkey):
    def bus(self) -> Bus:
        return RedisBus(self.url)


Server = MemoryServer | ValkeyServer


@pytest.fixture(params=["memory", "valkey"])
def server(request: pytest.FixtureRequest) -> Iterator[Server]:
    if request.param == "memory":
        yield MemoryServer()
        return
    with ValkeyServer() as valkey:
        yield valkey


@pytest.fixture
async def bus(server: Server) -> AsyncIterator[Bus]:
    made = server.bus()
    yield made
    await made.close()


async def until(condition: Callable[[], Awaitable[bool]], deadline_s: float = 10) -> None:
    async with asyncio.timeout(deadline_s):
        while not await condition():
            await asyncio.sleep(0.005)


async def heard(listening: AsyncIterator[Heard], deadline_s: float = 10) -> Heard:
    """The next thing that isn't a loss."""
    async with asyncio.timeout(deadline_s):
        async for item in listening:
            if not isinstance(item, Lost):
                return item
    raise AssertionError("the listener ended")


async def test_values_come_back_and_expire(bus: Bus) -> None:
    await bus.set("a", b"\x00\xff")
    await bus.set("b", b"soon gone", ttl_s=0.05)
    assert await bus.get("a") == b"\x00\xff"
    assert await bus.get_many(["b", "none", "a"]) == [b"soon gone", None, b"\x00\xff"]
    await until(lambda: _is_none(bus, "b"))
    assert await bus.get_many([]) == []
    await bus.delete("a")
    await bus.delete("a")
    assert await bus.get("a") is None


async def _is_none(bus: Bus, key: str) -> bool:
    return await bus.get(key) is None


async def test_setting_again_without_a_time_to_live_removes_it(bus: Bus) -> None:
    await bus.set("a", b"1", ttl_s=0.05)
    await bus.set("a", b"2")
    await bus.set("mark", b"", ttl_s=0.1)
    await until(lambda: _is_none(bus, "mark"))
    assert await bus.get("a") == b"2"


async def test_sets(bus: Bus) -> None:
    assert await bus.set_members("s") == frozenset()
    await bus.set_add("s", "x")
    await bus.set_add("s", "y")
    await bus.set_add("s", "x")
    assert await bus.set_members("s") == {"x", "y"}
    await bus.set_remove("s", "x")
    assert await bus.set_members("s") == {"y"}


async def test_hashes_update_scan_and_expire_as_a_whole(bus: Bus) -> None:
    values = {f"k{i}": str(i).encode() for i in range(1500)}
    await bus.hash_update("h", values, ttl_s=60)
    assert await bus.hash_get("h", ["k7", "none", "k3"]) == [b"7", None, b"3"]
    assert await bus.hash_get("h", []) == []
    assert {name: value async for name, value in bus.hash_scan("h")} == values
    await bus.hash_update("h", {}, [f"k{i}" for i in range(1, 1500)], ttl_s=0.05)
    assert await bus.hash_get("h", ["k7"]) == [None]
    await until(lambda: _is_empty(bus, "h"))
    assert [pair async for pair in bus.hash_scan("none")] == []


async def _is_empty(bus: Bus, key: str) -> bool:
    return [pair async for pair in bus.hash_scan(key)] == []


async def test_a_value_of_another_kind_is_an_error_and_not_a_crash(bus: Bus) -> None:
    await bus.set("a", b"text")
    with pytest.raises(BusError):
        await bus.hash_get("a", ["x"])
    with pytest.raises(BusError):
        await bus.set_add("a", "x")
    await bus.set_add("s", "x")
    with pytest.raises(BusError):
        await bus.get("s")


async def test_listeners_hear_what_is_published_after_connected(server: Server, bus: Bus) -> None:
    assert await bus.publish("one", b"nobody") == 0
    other = server.bus()
    async with aclosing(other.listen(["one", "two"])) as listening:
        assert await heard(listening) == Connected()
        assert await bus.publish("one", b"\x00a") == 1
        assert await bus.publish("three", b"not for us") == 0
        assert await bus.publish("two", b"b") == 1
        assert await heard(listening) == Published("one", b"\x00a")
        assert await heard(listening) == Published("two", b"b")
    await other.close()


async def test_closing_ends_a_listener(server: Server) -> None:
    bus = server.bus()

    async def listen() -> list[Heard]:
        return [item async for item in bus.listen(["one"])]

    task = asyncio.create_task(listen())
    await until(lambda: _has_receiver(server))
    await bus.close()
    assert await asyncio.wait_for(task, 10) is not None


async def _has_receiver(server: Server) -> bool:
    bus = server.bus()
    try:
        return await bus.publish("one", b"") > 0
    finally:
        await bus.close()


async def test_a_lost_server_fails_calls_at_once_and_is_found_again(
    server: Server, bus: Bus
) -> None:
    await bus.set("a", b"1")
    async with aclosing(bus.listen(["one"])) as listening:
        assert await heard(listening) == Connected()
        server.kill()
        with pytest.raises(BusError):
            await asyncio.wait_for(bus.get("a"), 2)
        server.start()
        assert await heard(listening) == Connected()
        assert await bus.get("a") is None
        assert await bus.publish("one", b"again") == 1
        assert await heard(listening) == Published("one", b"again")


async def test_a_listener_that_starts_without_a_server_connects_later(server: Server) -> None:
    server.kill()
    bus = server.bus()
    async with aclosing(bus.listen(["one"])) as listening:
        waiting = asyncio.create_task(heard(listening))
        done, _ = await asyncio.wait([waiting], timeout=0.05)
        assert not done
        server.start()
        assert await asyncio.wait_for(waiting, 10) == Connected()
    await bus.close()


async def test_pushed_lists_disappear(bus: Bus, server: Server) -> None:
    await bus.push("reply", b"x", ttl_s=0.05)
    with pytest.raises(BusError):
        await bus.get("reply")
    await until(lambda: _is_none_or_busy(bus, "reply"))


async def _is_none_or_busy(bus: Bus, key: str) -> bool:
    try:
        return await bus.get(key) is None
    except BusError:
        return False


async def test_streams_are_trimmed() -> None:
    bus = MemoryBus()
    await bus.stream_add("e", "f", [b"1", b"2", b"3"], length_max=2)
    assert bus.store.values["e"] == [{"f": b"2"}, {"f": b"3"}]


async def test_streams_on_valkey_hold_every_entry_in_order() -> None:
    with ValkeyServer() as valkey:
        bus = RedisBus(valkey.url)
        await bus.stream_add("e", "f", [b"%d" % i for i in range(3000)], length_max=1000)
        entries = await bus._redis.xrange("e")
        assert 1000 <= len(entries) < 1500
        assert [fields[b"f"] for _, fields in entries] == [
            b"%d" % i for i in range(3000 - len(entries), 3000)
        ]
        await bus.close()


def test_errors_have_no_address() -> None:
    with pytest.raises(BusError) as caught:
        RedisBus("http://:secret@host/")
    assert "secret" not in str(caught.value)
    assert "host" not in str(caught.value)
