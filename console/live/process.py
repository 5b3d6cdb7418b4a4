"""What the sockets of one process share: the hub, the switchboard, the pulse, and how many there are of each."""

import asyncio
import time
from collections import Counter
from dataclasses import dataclass, field
from weakref import WeakKeyDictionary

from console.live.hub import Hub
from console.live.pulse import Pulse
from console.live.switchboard import Switchboard

TAILS_PER_USER = 16
TAILS_MAX = 500
CONTROLS_PER_USER = 50
CONTROLS_MAX = 2000


@dataclass(slots=True)
class Places:
    """How many sockets are open, in all and of each user."""

    per_user_max: int
    all_max: int
    _taken: Counter[str] = field(default_factory=Counter)

    def take(self, user: str) -> bool:
        if self._taken[user] >= self.per_user_max or self._taken.total() >= self.all_max:
            return False
        self._taken[user] += 1
        return True

    def free(self, user: str) -> None:
        self._taken[user] -= 1
        if self._taken[user] <= 0:
            del self._taken[user]


@dataclass(slots=True)
class Process:
    hub: Hub = field(default_factory=lambda: Hub(time.monotonic))
    switchboard: Switchboard = field(default_factory=Switchboard)
    pulse: Pulse = field(default_factory=Pulse)
    tails: Places = field(default_factory=lambda: Places(TAILS_PER_USER, TAILS_MAX))
    controls: Places = field(default_factory=lambda: Places(CONTROLS_PER_USER, CONTROLS_MAX))

    async def close(self) -> None:
        await self.hub.close()
        await self.switchboard.close()
        await self.pulse.close()


# One for each event loop: a server has one loop for all its life, tests have many.
_processes: "WeakKeyDictionary[asyncio.AbstractEventLoop, Process]" = WeakKeyDictionary()


def current() -> Process:
    """The running loop's."""
    loop = asyncio.get_running_loop()
    found = _processes.get(loop)
    if found is None:
        found = _processes[loop] = Process()
    return found
