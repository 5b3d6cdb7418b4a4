"""Times and durations as Go writes and reads them: nanoseconds here, RFC 3339 and ``1m30s`` on the wire.

A time is an int of nanoseconds since 1970. Go's zero time, the year 1, stands for "never" and is ``None`` here where a
time may be absent.
Source   Go ``time.RFC3339Nano``, ``time.ParseDuration``, ``Duration.String``
"""

from __future__ import annotations

import datetime
import re
from functools import lru_cache

SECOND = 1_000_000_000
MILLISECOND = 1_000_000
#: Go's zero time.
ZERO = -62_135_596_800 * SECOND

#: Seconds whose text is remembered: messages of one second come together.
_SECONDS_MAX = 256

_EPOCH = datetime.datetime(1970, 1, 1, tzinfo=datetime.UTC)
_LAYOUT = "2006-01-02T15:04:05Z07:00"
_PARTS = (
    (r"\d{4}", "2006"), ("-", "-"), (r"\d\d", "01"), ("-", "-"), (r"\d\d", "02"), ("T", "T"),
    (r"\d\d", "15"), (":", ":"), (r"\d\d", "04"), (":", ":"), (r"\d\d(?:[.,]\d+)?", "05"),
    (r"Z|[+-]\d\d:\d\d", "Z07:00"),
)  # fmt: skip
_UNITS = {
    "ns": 1, "us": 1_000, "µs": 1_000, "μs": 1_000, "ms": MILLISECOND,
    "s": SECOND, "m": 60 * SECOND, "h": 3600 * SECOND,
}  # fmt: skip
_DURATION = re.compile(r"(\d*)(?:\.(\d*))?(ns|us|µs|μs|ms|s|m|h)")
_DURATION_MAX = (1 << 63) - 1


def time_text(ns: int | None) -> str:
    """RFC 3339 in UTC, the fraction without its trailing zeros; ``None`` is Go's zero time."""
    if ns is None:
        ns = ZERO
    seconds, fraction = divmod(ns, SECOND)
    text = _second_text(seconds)
    return f"{text}.{fraction:09d}".rstrip("0") + "Z" if fraction else text + "Z"


@lru_cache(_SECONDS_MAX)
def _second_text(seconds: int) -> str:
    moment = _EPOCH + datetime.timedelta(seconds=seconds)
    return moment.strftime("%Y-%m-%dT%H:%M:%S").rjust(19, "0")


def parse_time(text: str) -> int:
    """Nanoseconds since 1970; ``ValueError`` in Go's words for anything that is not RFC 3339."""
    rest, found = text, []
    for pattern, element in _PARTS:
        match = re.match(pattern, rest)
        if match is None:
            raise ValueError(
                f'parsing time "{text}" as "{_LAYOUT}": cannot parse "{rest}" as "{element}"'
            )
        found.append(match[0])
        rest = rest[match.end() :]
    if rest:
        raise ValueError(f'parsing time "{text}": extra text: "{rest}"')
    year, month, day, hour, minute = (int(found[i]) for i in (0, 2, 4, 6, 8))
    second, _, fraction = found[10].replace(",", ".").partition(".")
    _refuse_out_of_range(text, year, month, day, hour, minute, int(second))
    # The year 0 is a year for Go and none for Python.
    moment = datetime.datetime(max(year, 1), month, day, hour, minute, int(second))
    since = moment - _EPOCH.replace(tzinfo=None)
    seconds = since.days * 86400 + since.seconds - _offset_s(found[11])
    return seconds * SECOND + int(fraction[:9].ljust(9, "0"))


def _refuse_out_of_range(text: str, year: int, month: int, day: int, *clock: int) -> None:
    if not 1 <= month <= 12:
        raise ValueError(f'parsing time "{text}": month out of range')
    for value, limit, name in zip(clock, (24, 60, 60), ("hour", "minute", "second"), strict=True):
        if value >= limit:
            raise ValueError(f'parsing time "{text}": {name} out of range')
    try:
        datetime.date(max(year, 1), month, day)
    except ValueError as error:
        raise ValueError(f'parsing time "{text}": day out of range') from error


def _offset_s(zone: str) -> int:
    if zone == "Z":
        return 0
    seconds = int(zone[1:3]) * 3600 + int(zone[4:6]) * 60
    return -seconds if zone[0] == "-" else seconds


def duration_text(ns: int) -> str:
    """Go's ``Duration.String``: ``1h0m0.5s``, ``1.5ms``, ``0s``."""
    if ns == 0:
        return "0s"
    sign, ns = ("-", -ns) if ns < 0 else ("", ns)
    if ns < SECOND:
        unit, name = next(
            (u, n) for u, n in ((MILLISECOND, "ms"), (1_000, "µs"), (1, "ns")) if ns >= u
        )
        return f"{sign}{_decimal(ns, unit)}{name}"
    minutes, rest = divmod(ns, 60 * SECOND)
    text = _decimal(rest, SECOND) + "s"
    if minutes:
        hours, minutes = divmod(minutes, 60)
        text = (f"{hours}h" if hours else "") + f"{minutes}m{text}"
    return sign + text


def _decimal(value: int, unit: int) -> str:
    whole, rest = divmod(value, unit)
    return f"{whole}.{rest:0{len(str(unit)) - 1}d}".rstrip("0") if rest else str(whole)


def parse_duration(text: str) -> int:
    """Nanoseconds of ``1h15m30.918s`` and the like; ``ValueError`` for what Go wouldn't parse."""
    sign, rest = (-1, text[1:]) if text[:1] == "-" else (1, text.removeprefix("+"))
    if rest == "0":
        return 0
    total = 0
    while True:
        match = _DURATION.match(rest)
        if match is None or not (match[1] or match[2]) or len(match[1]) > 20:
            raise ValueError(f'time: invalid duration "{text}"')
        unit = _UNITS[match[3]]
        fraction = (match[2] or "")[:18]
        total += int(match[1] or 0) * unit
        total += int(fraction.ljust(18, "0")) * unit // 10**18
        rest = rest[match.end() :]
        if total > _DURATION_MAX:
            raise ValueError(f'time: invalid duration "{text}"')
        if not rest:
            return sign * total
