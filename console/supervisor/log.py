"""One log of several programs: each line with a prefix that says whose it is, coloured on a terminal.

The terminal may stop taking lines (Ctrl-S, a full pipe). Nobody waits for it: lines queue up to a bound, then
they are dropped and counted, so a program that logs is never held up by whoever reads its log.
"""

import os
import re
import sys
import threading
from collections import deque
from typing import TextIO

LINES_MAX = 10_000
LINE_CHARS_MAX = 8_192

_COLOURS = {"up": "1", "web": "36", "broker": "33", "valkey": "35"}
#: Terminal control sequences and other control characters: what a peer wrote into a log must not steer the terminal.
_CONTROL = re.compile(r"\x1b\[[0-?]*[ -/]*[@-~]|[\x00-\x08\x0b-\x1f\x7f-\x9f]")


def wants_colour(stream: TextIO) -> bool:
    """Colour on a terminal, unless NO_COLOR or a dumb terminal says otherwise."""
    return stream.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"


class Log:
    """Takes lines from anywhere and writes them from a thread of its own."""

    def __init__(self, stream: TextIO = sys.stdout, colour: bool | None = None) -> None:
        self._stream = stream
        self._colour = wants_colour(stream) if colour is None else colour
        self._lines: deque[str] = deque()
        self._dropped = 0
        self._wake = threading.Condition()
        self._closed = False
        self._thread = threading.Thread(target=self._write_all, name="log", daemon=True)
        self._thread.start()

    def line(self, program: str, text: str) -> None:
        """One line of ``program``; never waits."""
        clean = _CONTROL.sub("", text)[:LINE_CHARS_MAX]
        self._put(f"{self._prefix(program)} {clean}\n")

    def plain(self, text: str) -> None:
        """Text without a prefix, as it is."""
        self._put(text + "\n")

    def close(self, timeout_s: float = 2.0) -> None:
        """Write what is left, unless the reader doesn't take it in time."""
        with self._wake:
            self._closed = True
            self._wake.notify()
        self._thread.join(timeout_s)

    def _put(self, text: str) -> None:
        with self._wake:
            if len(self._lines) >= LINES_MAX:
                self._dropped += 1
                return
            self._lines.append(text)
            self._wake.notify()

    def _prefix(self, program: str) -> str:
        name = f"{program:<6} |"
        return f"\x1b[{_COLOURS.get(program, '0')}m{name}\x1b[0m" if self._colour else name

    def _take(self) -> str | None:
        """All that waits, as one text; None = closed and empty."""
        with self._wake:
            while not self._lines and not self._closed:
                self._wake.wait()
            if not self._lines:
                return None
            text = "".join(self._lines)
            self._lines.clear()
            if self._dropped:
                text += f"{self._prefix('up')} {self._dropped} lines dropped: the terminal did not take them\n"
                self._dropped = 0
            return text

    def _write_all(self) -> None:
        while (text := self._take()) is not None:
            try:
                self._stream.write(text)
                self._stream.flush()
            except (OSError, ValueError):  # the reader has gone; the programs go on without a log
                continue
