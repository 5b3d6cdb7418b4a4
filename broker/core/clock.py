"""Time and randomness for the core, passed in as arguments; the only module of the core that may ask the system."""

import time
from datetime import UTC, datetime
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


def timestamp(unix_s: float) -> str:
    """RFC 3339 in UTC with as many decimals as there are, as JSON from nats-server has it."""
    whole = datetime.fromtimestamp(int(unix_s), UTC).strftime("%Y-%m-%dT%H:%M:%S")
    fraction = f"{unix_s % 1:.6f}"[1:].rstrip("0").rstrip(".")
    return f"{whole}{fraction}Z"
