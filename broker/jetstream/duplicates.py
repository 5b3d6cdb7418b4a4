"""Message ids of the last while, so that a publish that is repeated is stored once.

Limit    the stream's ``duplicate_window``; ids older than that are forgotten
"""

from collections.abc import Callable


class Duplicates:
    """``Nats-Msg-Id`` → the sequence that it was stored under, and when (ns)."""

    __slots__ = ("_begun", "_entries", "used", "window_ns")

    def __init__(self, window_ns: int, begun: Callable[[], None]) -> None:
        """``begun`` is told when the first id comes."""
        #: 0 = nothing is a duplicate.
        self.window_ns = window_ns
        #: False: no message of the stream has ever had an id.
        self.used = False
        self._begun = begun
        self._entries: dict[bytes, tuple[int, int]] = {}

    def __len__(self) -> int:
        return len(self._entries)

    def find(self, msg_id: bytes, now_ns: int) -> int:
        """The sequence; 0 when the id is new."""
        entry = self._entries.get(msg_id)
        if entry is None or now_ns - entry[1] >= self.window_ns:
            return 0
        return entry[0]

    def add(self, msg_id: bytes, seq: int, time_ns: int) -> None:
        if not self.used:
            self.used = True
            self._begun()
        if self.window_ns <= 0:
            return
        self._entries.pop(msg_id, None)
        self._entries[msg_id] = (seq, time_ns)
        self.forget(time_ns)

    def forget(self, now_ns: int) -> None:
        """They stand in the order of their times."""
        entries = self._entries
        while entries:
            msg_id = next(iter(entries))
            if now_ns - entries[msg_id][1] < self.window_ns:
                return
            del entries[msg_id]
