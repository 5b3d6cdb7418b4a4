"""One hub for each process: equal tails share one tap, whose frames it hands to all of them.

A feed is one tap at the broker with its viewers; the key is everything that decides what the tap sends. It begins with
its first viewer and ends with its last. Viewers are told in-process, never through Redis.
"""

import asyncio
import contextlib
import logging
import secrets
from collections.abc import AsyncGenerator, Callable
from dataclasses import dataclass, field, replace
from typing import Protocol

from broker.contract.taps import TapSpec
from console.gateway.taps import Back, Lost, Signal, open_tap
from console.lib.tasks import end
from console.live.ledger import Entry, Ledger

log = logging.getLogger(__name__)

FEEDS_MAX = 200
#: An idle tap sends its counters each second; after this long the broker must be away.
SILENCE_S = 3.0
WATCH_INTERVAL_S = 0.5

Source = Callable[[TapSpec], AsyncGenerator[Signal, None]]


class Sink(Protocol):
    """A viewer's end. The calls must return at once."""

    def opened(self) -> None:
        """The broker listens; every message from now on is in a frame, or counted."""

    def frame(self, entry: Entry) -> None: ...

    def gap(self, reason: str, seconds: float) -> None: ...

    def broker(self, up: bool) -> None: ...


class TooManyFeeds(Exception):
    """This process can't keep more different tails."""


@dataclass(slots=True, eq=False)
class Feed:
    """``up``: frames come. ``waiting``: sinks that no frame told yet that the broker listens.
    ``redis_lost``: Redis was away since the last frame.
    """

    spec: TapSpec
    last_frame_s: float
    ledger: Ledger = field(default_factory=Ledger)
    sinks: dict[int, Sink] = field(default_factory=dict)
    waiting: dict[int, Sink] = field(default_factory=dict)
    begun: bool = False
    up: bool = True
    redis_lost: bool = False
    task: "asyncio.Task[None] | None" = None


class Hub:
    """Lives on one event loop."""

    def __init__(
        self, clock: Callable[[], float], source: Source = open_tap, feeds_max: int = FEEDS_MAX
    ) -> None:
        self._clock = clock
        self._source = source
        self._feeds_max = feeds_max
        self._feeds: dict[TapSpec, Feed] = {}
        self._ending: set[asyncio.Task[None]] = set()

    def __len__(self) -> int:
        return len(self._feeds)

    def join(self, wanted: TapSpec, sink: Sink) -> Callable[[], None]:
        """Hands this tap's frames to ``sink`` until the returned function is called. ``wanted.id`` doesn't matter.

        Raises TooManyFeeds.
        """
        key = replace(wanted, id="-")
        feed = self._feeds.get(key)
        if feed is None:
            if len(self._feeds) >= self._feeds_max:
                raise TooManyFeeds
            feed = self._begin(key)
        feed.sinks[id(sink)] = sink
        if feed.begun and feed.up:
            sink.opened()
        else:
            feed.waiting[id(sink)] = sink
        if not feed.up:
            sink.broker(False)
        return lambda: self._leave(key, feed, sink)

    async def close(self) -> None:
        for key, feed in list(self._feeds.items()):
            self._end(key, feed)
        await asyncio.gather(*self._ending, return_exceptions=True)

    def _begin(self, key: TapSpec) -> Feed:
        feed = Feed(replace(key, id=secrets.token_hex(12)), self._clock())
        feed.task = asyncio.create_task(self._run(feed), name=f"feed {feed.spec.id}")
        self._feeds[key] = feed
        return feed

    def _leave(self, key: TapSpec, feed: Feed, sink: Sink) -> None:
        feed.sinks.pop(id(sink), None)
        feed.waiting.pop(id(sink), None)
        if not feed.sinks and self._feeds.get(key) is feed:
            self._end(key, feed)

    def _end(self, key: TapSpec, feed: Feed) -> None:
        del self._feeds[key]
        assert feed.task is not None, "a feed has its task since it began"
        ending = asyncio.create_task(end(feed.task))
        self._ending.add(ending)
        ending.add_done_callback(self._ending.discard)

    async def _run(self, feed: Feed) -> None:
        watch = asyncio.create_task(self._watch(feed))
        try:
            async with contextlib.aclosing(self._source(feed.spec)) as signals:
                async for signal in signals:
                    self._take(feed, signal)
        except Exception:
            log.exception("The feed of tap %s failed", feed.spec.id)
            self._down(feed)
        finally:
            watch.cancel()

    async def _watch(self, feed: Feed) -> None:
        while True:
            await asyncio.sleep(WATCH_INTERVAL_S)
            self.look(feed)

    def look(self, feed: Feed) -> None:
        if self._clock() - feed.last_frame_s > SILENCE_S:
            self._down(feed)

    def _take(self, feed: Feed, signal: Signal) -> None:
        if isinstance(signal, Lost):
            feed.redis_lost = True
            self._down(feed)
        elif isinstance(signal, Back):
            feed.redis_lost = feed.redis_lost or signal.away_s > 0
        else:
            self._frame(feed, signal)

    def _frame(self, feed: Feed, raw: bytes) -> None:
        try:
            entry = feed.ledger.take(raw)
        except ValueError as error:
            log.warning("A frame of tap %s was left out: %s", feed.spec.id, error)
            return
        now_s = self._clock()
        if entry.restarted or feed.redis_lost:
            reason = "redis reconnected" if feed.redis_lost else "broker restarted"
            for key in feed.sinks.keys() - feed.waiting.keys():
                feed.sinks[key].gap(reason, now_s - feed.last_frame_s)
        feed.redis_lost = False
        feed.begun = True
        feed.last_frame_s = now_s
        self._up(feed)
        for sink in feed.waiting.values():
            sink.opened()
        feed.waiting.clear()
        for sink in tuple(feed.sinks.values()):
            sink.frame(entry)

    def _down(self, feed: Feed) -> None:
        if feed.up:
            feed.up = False
            for sink in tuple(feed.sinks.values()):
                sink.broker(False)

    def _up(self, feed: Feed) -> None:
        if not feed.up:
            feed.up = True
            for sink in tuple(feed.sinks.values()):
                sink.broker(True)
