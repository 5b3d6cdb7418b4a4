"""Which taps run: leases, bounds, accounts that come later, a Redis that is gone."""

import asyncio

import pytest

from broker.contract import channels
from broker.contract.taps import TapSpec
from broker.coordination.memory_bus import MemoryBus
from broker.coordination.taps import TAPS_MAX, TAPS_PER_ACCOUNT_MAX, Taps
from broker.core.options import ServerOptions
from broker.core.server import Server
from tests.broker.operator_mode import ManualClock


class Stage:
    def __init__(self) -> None:
        self.clock = ManualClock()
        self.bus = MemoryBus()
        self.bus.store.clock = self.clock.monotonic_s
        self.server = Server(ServerOptions(), "N", clock=self.clock)
        self.taps = Taps(
            self.bus, self.server.accounts.get, self.clock, lambda: int(self.clock.now * 1e9)
        )

    async def want(self, tap_id: str, account: str = "A", **spec: object) -> None:
        raw = TapSpec(tap_id, account, **spec).to_json()  # type: ignore[arg-type]
        await self.write(tap_id, raw)

    async def write(self, tap_id: str, raw: bytes) -> None:
        await self.bus.set(channels.tap(tap_id), raw, ttl_s=channels.TAP_LEASE_S)
        await self.bus.set_add(channels.TAPS, tap_id)

    def taps_of(self, account: str) -> int:
        return len(self.server.accounts[account].sublist.match(b"x").taps)


@pytest.fixture
def stage() -> Stage:
    made = Stage()
    made.server.add_account("A")
    return made


async def test_a_tap_waits_for_its_account(stage: Stage) -> None:
    await stage.want("t", "B")
    await stage.taps.sync()
    assert len(stage.taps) == 0
    stage.server.add_account("B")
    await stage.taps.sync()
    assert stage.taps_of("B") == 1
    assert stage.taps_of("A") == 0


async def test_a_tap_moves_to_an_account_that_was_made_anew(stage: Stage) -> None:
    await stage.want("t")
    await stage.taps.sync()
    stage.server.remove_account("A")
    await stage.taps.sync()
    assert len(stage.taps) == 0
    stage.server.add_account("A")
    await stage.taps.sync()
    assert stage.taps_of("A") == 1


async def test_leases_end_taps_and_renewals_keep_them(stage: Stage) -> None:
    await stage.want("kept")
    await stage.want("left")
    await stage.taps.sync()
    stage.clock.now += channels.TAP_LEASE_S - 1
    await stage.want("kept")
    await stage.taps.sync()
    assert len(stage.taps) == 2
    stage.clock.now += 2
    await stage.taps.sync()
    assert len(stage.taps) == 1
    await stage.taps.sync()
    assert await stage.bus.set_members(channels.TAPS) == {"kept"}


async def test_without_redis_a_tap_ends_after_its_lease(stage: Stage) -> None:
    await stage.want("t")
    await stage.taps.sync()
    stage.bus.store.lose()
    stage.clock.now += channels.TAP_LEASE_S
    await stage.taps.sync()
    assert len(stage.taps) == 1
    stage.clock.now += 1
    await stage.taps.sync()
    assert len(stage.taps) == 0
    assert stage.taps_of("A") == 0


async def test_a_changed_specification_begins_anew(stage: Stage) -> None:
    await stage.want("t")
    await stage.taps.sync()
    await stage.want("t", subjects=("other",))
    await stage.taps.sync()
    assert stage.taps_of("A") == 0
    assert len(stage.server.accounts["A"].sublist.match(b"other").taps) == 1


@pytest.mark.parametrize(
    "raw", [b"", b"{", b"[]", b"5", b'{"id":"other","account":"A"}', b'{"id":"t","account":"A","n":0}',
            b'{"id":"t","account":"A","subjects":["a..b"]}', b'{"id":"t","account":"A","v":9}',
            b'{"id":"t","account":"A","payload_contains":"\\ud800"}'],
)  # fmt: skip
async def test_what_is_no_specification_is_left_alone(stage: Stage, raw: bytes) -> None:
    await stage.write("t", raw)
    await stage.want("good")
    await stage.taps.sync()
    await stage.taps.sync()
    assert len(stage.taps) == 1


async def test_taps_are_bounded_per_account_and_in_all(stage: Stage) -> None:
    for number in range(TAPS_PER_ACCOUNT_MAX + 3):
        await stage.want(f"a{number}")
    await stage.taps.sync()
    assert len(stage.taps) == TAPS_PER_ACCOUNT_MAX
    for number in range(TAPS_MAX):
        name = f"B{number % 20}"
        stage.server.add_account(name)
        await stage.want(f"b{number}", name)
    await stage.taps.sync()
    assert len(stage.taps) == TAPS_MAX


async def test_frames_reach_redis(stage: Stage) -> None:
    await stage.want("t")
    listening = stage.bus.listen([channels.tap_frames("t")])
    await anext(listening)
    await stage.taps.sync()
    stage.server.accounts["A"].publish(b"x", b"hi")
    stage.taps.tick()
    published = await asyncio.wait_for(anext(listening), 5)
    assert b"hi" in getattr(published, "data", b"")
    stage.taps.close()
    assert stage.taps_of("A") == 0
