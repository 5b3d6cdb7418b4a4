"""The log, in nats-server's form: ``[pid] 2026/11/23 12:00:00.000000 [INF] text`` on stderr or in a file.

Everything goes through the standard library's ``logging`` under the logger ``broker``; who logs knows nothing of this.
Limit    ``log_size_limit`` bytes per file, then it is set aside under its name and time; ``log_max_num`` such files
"""

import contextlib
import logging
import os
import sys
import time
from pathlib import Path
from typing import Any, Final, TextIO

from broker.config.options import Config

TRACE: Final = 5
_LABELS: Final = {
    TRACE: "TRC", logging.DEBUG: "DBG", logging.INFO: "INF", logging.WARNING: "WRN",
    logging.ERROR: "ERR", logging.CRITICAL: "FTL",
}  # fmt: skip
_COLOURS: Final = {"TRC": 33, "DBG": 36, "INF": 32, "WRN": 33, "ERR": 31, "FTL": 31}

log = logging.getLogger("broker")


class LineFormatter(logging.Formatter):
    def __init__(self, *, times: bool, utc: bool, colours: bool) -> None:
        super().__init__()
        self._times = times
        self._convert = time.gmtime if utc else time.localtime
        self._colours = colours
        self._pid = os.getpid()

    def format(self, record: logging.LogRecord) -> str:
        label = _LABELS.get(record.levelno, "INF")
        if self._colours:
            label = f"\x1b[{_COLOURS[label]}m{label}\x1b[0m"
        head = f"[{self._pid}]"
        if self._times:
            stamp = time.strftime("%Y/%m/%d %H:%M:%S", self._convert(record.created))
            head = f"{head} {stamp}.{int(record.created % 1 * 1_000_000):06d}"
        text = record.getMessage()
        if record.exc_info:
            text = f"{text}\n{self.formatException(record.exc_info)}"
        return f"{head} [{label}] {text}"


class LogFile(logging.StreamHandler[TextIO]):
    """A file that can be opened anew under the same name, and that sets itself aside when it grew to ``limit``."""

    def __init__(self, path: str, limit: int = 0, kept: int = 0) -> None:
        """Raises OSError."""
        self._path = Path(path)
        self._limit = limit
        self._kept = kept
        super().__init__(self._open())

    def _open(self) -> TextIO:
        return self._path.open("a", encoding="utf-8", errors="backslashreplace")

    def reopen(self) -> None:
        """After somebody moved the file away. Raises OSError; the old file stays in use then."""
        fresh = self._open()
        with self.lock or contextlib.nullcontext():
            self.stream.close()
            self.stream = fresh

    def emit(self, record: logging.LogRecord) -> None:
        super().emit(record)
        if self._limit and self.stream.tell() >= self._limit:
            self._set_aside()

    def _set_aside(self) -> None:
        stamp = time.strftime("%Y.%m.%d.%H.%M.%S") + f".{time.time_ns() % 10**9:09d}"
        try:
            self._path.rename(f"{self._path}.{stamp}")
            self.reopen()
            self._remove_oldest()
        except OSError:  # the log goes on in the file that it has
            self._limit = 0

    def _remove_oldest(self) -> None:
        if self._kept > 0:
            aside = sorted(self._path.parent.glob(f"{self._path.name}.*"))
            for path in aside[: max(0, len(aside) - self._kept)]:
                path.unlink(missing_ok=True)


def settings(config: Config) -> tuple[Any, ...]:
    """Those of ``config`` that ``set_up`` goes by."""
    return (
        config.log_file, config.log_size_limit, config.log_max_num, config.logtime, config.logtime_utc,
        config.debug, config.trace,
    )  # fmt: skip


def traced(config: Config) -> tuple[Any, ...]:
    """What decides how connections are traced."""
    return config.trace, config.trace_headers, config.max_traced_msg_len


def set_up(config: Config | None = None) -> None:
    """Also anew, for a configuration that changed. Raises OSError when its log file can't be written."""
    config = config or Config()
    file = config.log_file
    logging.addLevelName(TRACE, "TRACE")
    handler: logging.Handler = (
        LogFile(file, config.log_size_limit, config.log_max_num)
        if file
        else logging.StreamHandler(sys.stderr)
    )
    colours = not file and sys.stderr.isatty()
    handler.setFormatter(
        LineFormatter(times=config.logtime, utc=config.logtime_utc, colours=colours)
    )
    if config.trace and not config.debug:
        handler.addFilter(lambda record: record.levelno != logging.DEBUG)
    for old in logging.root.handlers[:]:
        logging.root.removeHandler(old)
        if isinstance(old, LogFile):
            old.stream.close()
    logging.root.addHandler(handler)
    logging.raiseExceptions = False
    logging.root.setLevel(logging.WARNING)
    if config.trace:
        log.setLevel(TRACE)
    else:
        log.setLevel(logging.DEBUG if config.debug else logging.INFO)


def reopen() -> None:
    """SIGUSR1: begin the log file anew, where there is one."""
    for handler in logging.root.handlers:
        if isinstance(handler, LogFile):
            handler.reopen()
            log.info("File log re-opened")
