"""Time and randomness for the core, passed in as arguments; the only module of the core that may ask the system."""

import time
from random import Random
from typing import Protocol


class Clock(Protocol):
    """``wall_s`` Unix seconds for people and claims; ``monotonic_s`` for durations and timers."""

    def wall_s(self) -> float: ...
    def monotonic_s(self) -> float: ...


class SystemClock:
    """The machine's clock."""

    wall_s = staticmethod(time.time)
    monotonic_s = staticmethod(time.monotonic)


def system_random() -> Random:
    """For choices that only have to be fair, like a queue group's member; never for secrets."""
    return Random()  # noqa: S311
