"""Notices from Redis to the sockets of this process: each process listens once and tells whom it concerns."""

import asyncio
import contextlib
from collections import defaultdict
from collections.abc import AsyncGenerator, Callable, Iterable

from console.gateway import watch
from console.gateway.watch import Notice
from console.lib.tasks import end

#: Called at once, with a notice, or with None: some may have been missed, look at everything again.
Listener = Callable[[Notice | None], None]


class Switchboard:
    """Lives on one event loop; begins to listen with its first socket."""

    def __init__(
        self, source: Callable[[], AsyncGenerator[Notice | None, None]] = watch.listen
    ) -> None:
        self._source = source
        self._groups: defaultdict[str, set[Listener]] = defaultdict(set)
        self._joined: dict[Listener, frozenset[str]] = {}
        self._task: asyncio.Task[None] | None = None
        self._heard_before = False

    def join(self, listener: Listener, groups: Iterable[str]) -> None:
        """Replaces what ``listener`` listened to."""
        self._drop(listener)
        self._joined[listener] = frozenset(groups)
        for group in self._joined[listener]:
            self._groups[group].add(listener)
        if self._task is None:
            self._task = asyncio.create_task(self._listen(), name="switchboard")

    def leave(self, listener: Listener) -> None:
        self._drop(listener)

    async def close(self) -> None:
        if self._task is not None:
            await end(self._task)

    async def _listen(self) -> None:
        async with contextlib.aclosing(self._source()) as notices:
            async for notice in notices:
                self._tell(notice)

    def _tell(self, notice: Notice | None) -> None:
        if notice is not None:
            listeners = tuple(self._groups.get(notice["group"], ()))
        elif self._heard_before:
            listeners = tuple(self._joined)
        else:
            # The first time: sockets that opened before it had just looked at everything themselves.
            self._heard_before, listeners = True, ()
        for listener in listeners:
            listener(notice)

    def _drop(self, listener: Listener) -> None:
        for group in self._joined.pop(listener, ()):
            self._groups[group].discard(listener)
            if not self._groups[group]:
                del self._groups[group]
