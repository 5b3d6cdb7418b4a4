"""What outlives Redis: taps, notices, reports. Against a Valkey that is killed and started again."""

import asyncio
from collections.abc import AsyncGenerator, Iterator, Sequence
from typing import Any

import pytest
from redis.asyncio import Redis

from broker.contract import channels
from broker.contract.frames import Counters, TapFrame
from broker.contract.reports import Presence, Usage
from broker.contract.taps import TapSpec
from console.gateway import notices, watch
from console.gateway.errors import BrokerUnavailable
from console.gateway.taps import Back, Lost, Signal, open_tap
from console.gateway.watch import Notice
from console.lib.tasks import end
from console.live.pulse import Message, Pulse
from console.live.switchboard import Switchboard
from tests.contract.valkey import Valkey

SPEC = TapSpec("t1", "A" * 56)


@pytest.fixture
def mortal(settings: Any) -> Iterator[Valkey]:
    with Valkey() as running:
        settings.REDIS_URL = running.url
        yield running


async def following(source: AsyncGenerator[Any, None]) -> "asyncio.Queue[Any]":
    """What the generator yields, read by a task of its own (kept alive by the queue)."""
    queue: asyncio.Queue[Any] = asyncio.Queue()

    async def follow() -> None:
        async for found in source:
            queue.put_nowait(found)

    queue.task = asyncio.create_task(follow())  # type: ignore[attr-defined]
    return queue


async def take(queue: "asyncio.Queue[Any]", timeout_s: float = 10) -> Any:
    return await asyncio.wait_for(queue.get(), timeout_s)


async def test_a_tap_is_asked_for_kept_and_let_go(mortal: Valkey) -> None:
    redis = Redis.from_url(mortal.url)
    changes = redis.pubsub(ignore_subscribe_messages=True)
    await changes.subscribe(channels.TAPS_CHANGED)
    signals = await following(open_tap(SPEC))
    assert await take(signals) == Back(0.0)
    assert TapSpec.from_json(await redis.get(channels.tap("t1"))) == SPEC
    assert 0 < await redis.ttl(channels.tap("t1")) <= channels.TAP_LEASE_S
    assert await redis.sismember(channels.TAPS, "t1")
    frame = TapFrame(1, 1, 1, Counters(), 0, b"").encode()
    await redis.publish(channels.tap_frames("t1"), frame)
    assert await take(signals) == frame
    await end(signals.task)  # type: ignore[attr-defined]
    assert not await redis.exists(channels.tap("t1"))
    heard: list[Any] = []
    while len(heard) < 2:
        if message := await changes.get_message(timeout=5):
            heard.append(message["data"])
    assert heard == [b"t1", b"t1"], "told once when it began and once when it ended"
    await changes.aclose()
    await redis.aclose()


async def test_a_tap_comes_back_after_redis_lost_its_data(mortal: Valkey) -> None:
    signals: asyncio.Queue[Signal] = await following(open_tap(SPEC))
    await take(signals)
    mortal.kill()
    assert await take(signals) == Lost()
    mortal.start()
    back = await take(signals)
    assert isinstance(back, Back)
    assert back.away_s > 0
    redis = Redis.from_url(mortal.url)
    assert await redis.exists(channels.tap("t1"))
    await end(signals.task)  # type: ignore[attr-defined]
    await redis.aclose()


async def test_notices_are_heard_again_and_the_break_is_told(mortal: Valkey) -> None:
    heard = await following(watch.listen())
    assert await take(heard) is None
    await asyncio.to_thread(notices.access_changed, "u1")
    assert (await take(heard))["group"] == "user.u1"
    mortal.kill()
    mortal.start()
    assert await take(heard) is None
    redis = Redis.from_url(mortal.url)
    await redis.publish(notices.CHANNEL, b"no json")
    await redis.publish(notices.CHANNEL, b'{"group": 3}')
    await asyncio.to_thread(notices.namespace_gone, "A")
    assert (await take(heard))["kind"] == "gone"
    await end(heard.task)  # type: ignore[attr-defined]
    await redis.aclose()


async def test_a_session_key_is_not_in_its_notice() -> None:
    assert "secret" not in notices.session_group("secret")


async def test_reports_add_up_over_servers_and_need_redis(mortal: Valkey) -> None:
    redis, reports = Redis.from_url(mortal.url), watch.Reports()
    for server, number in (("S1", 1), ("S2", 10)):
        await redis.sadd(channels.SERVERS, server)
        await redis.hset(channels.usage(server), "A", Usage(5.0 + number, *[number] * 8).to_json())
    await redis.hset(channels.usage("S2"), "B", b"nonsense")
    assert await reports.usage(["A", "B"]) == {"A": Usage(15.0, *[11] * 8)}
    assert await reports.servers() == []
    mortal.kill()
    with pytest.raises(BrokerUnavailable):
        await reports.usage(["A"])
    await reports.close()
    await redis.aclose()


# In-process: who is told what ---------------------------------------------------------------------------


async def test_the_switchboard_tells_whom_it_concerns() -> None:
    queue: asyncio.Queue[Notice | None] = asyncio.Queue()

    async def source() -> AsyncGenerator[Notice | None, None]:
        while True:
            yield await queue.get()
            queue.task_done()

    board, heard = Switchboard(source), []

    def one(notice: Notice | None) -> None:
        heard.append(("one", notice))

    def other(notice: Notice | None) -> None:
        heard.append(("other", notice))

    board.join(one, ["a", "b"])
    board.join(other, ["b"])
    a, b = {"group": "a"}, {"group": "b"}
    for notice in (None, a, {"group": "none"}):
        queue.put_nowait(notice)
    await queue.join()
    assert heard == [("one", a)]
    board.join(one, ["b"])
    board.leave(other)
    for notice in (a, b, None):
        queue.put_nowait(notice)
    await queue.join()
    assert heard[1:] == [("one", b), ("one", None)]
    board.leave(one)
    assert not board._groups
    await board.close()


class Facts:
    """What brokers report, as a test wants it."""

    def __init__(self) -> None:
        self.found: dict[str, Usage] = {}
        self.fails = False

    async def servers(self) -> list[Presence]:
        return []

    async def usage(self, accounts: Sequence[str]) -> dict[str, Usage]:
        if self.fails:
            raise BrokerUnavailable("away")
        return {account: self.found[account] for account in accounts if account in self.found}

    async def close(self) -> None: ...


class Watching:
    def __init__(self, *accounts: str) -> None:
        self.accounts = frozenset(accounts)
        self.heard: list[Message] = []

    def pulse(self, message: Message) -> None:
        self.heard.append(message)


async def test_usage_is_told_to_whom_it_concerns_and_only_when_it_changed() -> None:
    facts = Facts()
    pulse, one, other = Pulse(lambda: facts), Watching("A"), Watching("B")
    for watcher in (one, other):
        pulse.join(watcher)
    facts.found["A"] = Usage(1.0, *[1] * 8)
    await pulse.beat(facts, with_servers=False)
    facts.found["A"] = Usage(2.0, *[1] * 8)
    await pulse.beat(facts, with_servers=False)
    assert [list(message["namespaces"]) for message in one.heard] == [["A"]]
    facts.found["A"] = Usage(3.0, *[2] * 8)
    await pulse.beat(facts, with_servers=False)
    assert len(one.heard) == 2
    assert other.heard == []
    facts.fails = True
    await pulse.beat(facts, with_servers=True)
    assert one.heard[-1] == {"op": "servers", "servers": []}
    pulse.leave(one)
    pulse.leave(other)
    await pulse.close()
