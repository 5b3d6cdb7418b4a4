"""The taps that web wants, kept in step with their leases in Redis, and their frames published.

Wire     channels.TAPS, channels.tap(id), channels.TAPS_CHANGED, channels.tap_frames(id)
Limits   TAPS_MAX taps, TAPS_PER_ACCOUNT_MAX of one account, WANTED_MAX ids looked at; what is beyond waits

A tap runs while its lease is there. When Redis can't be asked, each tap ends TAP_LEASE_S after its lease was last
seen, so a broker cut off from Redis doesn't go on copying messages for nobody.
"""

import asyncio
import itertools
import logging
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field

from broker.contract import channels
from broker.contract.frames import FLUSH_INTERVAL_S
from broker.contract.taps import TapSpec
from broker.coordination.bus import Bus, BusError
from broker.coordination.tap import Tap
from broker.core.account import Account
from broker.core.clock import Clock
from broker.core.subscription import InternalSubscription

TAPS_MAX = 256
TAPS_PER_ACCOUNT_MAX = 32
WANTED_MAX = 1024

log = logging.getLogger(__name__)


@dataclass(slots=True)
class _Running:
    tap: Tap
    raw: bytes
    account: Account
    lease_seen_s: float
    subscriptions: list[InternalSubscription] = field(default_factory=list)
    has_frames: asyncio.Event = field(default_factory=asyncio.Event)
    sender: asyncio.Task[None] | None = None
    ended: bool = False


class Taps:
    """``find_account`` gives the account that lives under this public key now, or None while there is none."""

    def __init__(
        self,
        bus: Bus,
        find_account: Callable[[str], Account | None],
        clock: Clock,
        now_ns: Callable[[], int],
    ) -> None:
        self._bus = bus
        self._find_account = find_account
        self._clock = clock
        self._now_ns = now_ns
        self._running: dict[str, _Running] = {}
        self._refused: dict[str, bytes] = {}
        self._leaseless: set[str] = set()

    def __len__(self) -> int:
        return len(self._running)

    async def sync(self) -> None:
        """Starts what is wanted, ends what isn't. A bus that can't be reached ends only what it no longer can renew."""
        try:
            wanted = await self._wanted()
        except BusError:
            self._end_unseen()
            return
        for tap_id in self._running.keys() - wanted.keys():
            self._end(tap_id)
        self._refused = {i: raw for i, raw in self._refused.items() if wanted.get(i) == raw}
        for tap_id, raw in wanted.items():
            self._keep(tap_id, raw)

    def tick(self) -> None:
        """Each FLUSH_INTERVAL_S."""
        for running in self._running.values():
            running.tap.tick()
            if running.tap.has_frame():
                running.has_frames.set()

    async def run_ticks(self) -> None:
        """Ends with its task."""
        while True:
            await asyncio.sleep(FLUSH_INTERVAL_S)
            self.tick()

    def close(self) -> None:
        for tap_id in tuple(self._running):
            self._end(tap_id)

    async def _wanted(self) -> dict[str, bytes]:
        """The specifications whose lease holds. An id found without one twice in turn is taken off the list."""
        listed = await self._bus.set_members(channels.TAPS)
        ids = list(itertools.islice(sorted(listed), WANTED_MAX))
        leases = await self._bus.get_many([channels.tap(tap_id) for tap_id in ids])
        leaseless = {tap_id for tap_id, raw in zip(ids, leases, strict=True) if raw is None}
        for tap_id in leaseless & self._leaseless:
            await self._bus.set_remove(channels.TAPS, tap_id)
        self._leaseless = leaseless
        return {tap_id: raw for tap_id, raw in zip(ids, leases, strict=True) if raw is not None}

    def _keep(self, tap_id: str, raw: bytes) -> None:
        running = self._running.get(tap_id)
        if running is not None:
            account = self._find_account(running.tap.spec.account)
            if running.raw == raw and account is running.account:
                running.lease_seen_s = self._clock.monotonic_s()
                return
            self._end(tap_id)
        if self._refused.get(tap_id) != raw:
            self._start(tap_id, raw)

    def _start(self, tap_id: str, raw: bytes) -> None:
        try:
            spec = TapSpec.from_json(raw)
            if spec.id != tap_id:
                raise ValueError("id: not the one that the lease is under")
            account = self._find_account(spec.account)
            if account is None or not self._has_room(spec.account):
                return  # asked again with each sync
            running = _Running(Tap(spec, self._now_ns), raw, account, self._clock.monotonic_s())
            self._subscribe(running)
        except ValueError as error:
            log.warning("Tap %.64r refused: %s", tap_id, error)
            self._refused[tap_id] = raw
            return
        self._running[tap_id] = running
        running.sender = asyncio.create_task(self._send(running), name=f"tap {tap_id}")

    def _has_room(self, account: str) -> bool:
        per_account = Counter(running.tap.spec.account for running in self._running.values())
        return len(self._running) < TAPS_MAX and per_account[account] < TAPS_PER_ACCOUNT_MAX

    def _subscribe(self, running: _Running) -> None:
        for subject, on_message in running.tap.subscriptions():
            sub = running.account.subscribe(subject, on_message, kind="tap")
            running.subscriptions.append(sub)

    async def _send(self, running: _Running) -> None:
        """Publishes one tap's frames in order; what can't be handed over counts as lost in the next frame."""
        tap, channel = running.tap, channels.tap_frames(running.tap.spec.id)
        while not running.ended:  # asked too, as redis-py may lose a cancellation
            await running.has_frames.wait()
            running.has_frames.clear()
            while tap.has_frame() and not running.ended:
                try:
                    await self._bus.publish(channel, tap.next_frame())
                    tap.handed(True)
                except BusError:
                    tap.handed(False)

    def _end(self, tap_id: str) -> None:
        running = self._running.pop(tap_id)
        running.ended = True
        for sub in running.subscriptions:
            running.account.unsubscribe(sub)
        if running.sender is not None:
            running.sender.cancel()

    def _end_unseen(self) -> None:
        now_s = self._clock.monotonic_s()
        for tap_id, running in tuple(self._running.items()):
            if now_s - running.lease_seen_s > channels.TAP_LEASE_S:
                self._end(tap_id)
