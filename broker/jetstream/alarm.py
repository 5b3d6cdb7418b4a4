"""A timer that rings at the earliest of the times it was set to."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from broker.jetstream import times
from broker.jetstream.environment import Timer

if TYPE_CHECKING:
    from broker.jetstream.engine import JetStream

#: It rings at least this often while it is set, since the wall clock may be set meanwhile.
_WAIT_MAX_S: Final = 86_400.0


class Alarm:
    """``ring`` looks for itself what is due: it may come early. It sets the alarm again where something is left."""

    def __init__(self, engine: "JetStream", ring: Callable[[], None]) -> None:
        self._engine = engine
        self._ring = ring
        self._timer: Timer | None = None
        self._due_ns = 0

    def set(self, due_ns: int) -> None:
        """Unix nanoseconds. A later time than the one it is set to changes nothing."""
        if self._timer is not None:
            if self._due_ns <= due_ns:
                return
            self._timer.cancel()
        self._due_ns = due_ns
        wait_s = (due_ns - self._engine.now_ns()) / times.SECOND
        self._timer = self._engine.after(min(max(wait_s, 0.0), _WAIT_MAX_S), self._over)

    def stop(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _over(self) -> None:
        self._timer = None
        self._ring()
